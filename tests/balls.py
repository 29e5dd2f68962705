"""Bumpy balls to draw, and a small one that shades a large one."""

import torch
from torch import Tensor

from facegen.geometry import VertexNormals, direction
from facegen.raster import Fragments, rasterize
from facegen.subjects import bumpy_spheres, sphere

WIDTH, HEIGHT = 18, 14


def ball(
    batch: int, segments: int = 10, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Bumpy closed meshes (batch, vertex, 3) in perspective, and their faces."""
    vertices, faces = sphere(segments, segments)
    generator = torch.Generator().manual_seed(0)
    bumps = 1 + 0.3 * torch.rand(batch, len(vertices), 1, generator=generator, dtype=torch.float64)
    x, y, z = (bumps * torch.from_numpy(vertices)).unbind(-1)
    depth = 4 - z
    screen = torch.stack([WIDTH / 2 + 18 * x / depth, HEIGHT / 2 - 18 * y / depth, depth], dim=-1)
    return screen.to(dtype), torch.from_numpy(faces)


def seen(screen: Tensor, faces: Tensor, cull: bool = True) -> Fragments:
    return rasterize(screen.detach().float(), faces, HEIGHT, WIDTH, cull=cull)


def random_like(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def scene() -> tuple[torch.Tensor, torch.Tensor, Fragments]:
    spheres, faces = bumpy_spheres(800, count=2)
    x, y, z = torch.from_numpy(spheres).unbind(-1)
    depth = 500 - z
    screen = torch.stack([20 + 70 * x / depth, 15 - 70 * y / depth, depth], dim=-1)
    fragments = rasterize(screen, torch.from_numpy(faces), 30, 40)
    assert 0.3 < (fragments.face_id >= 0).float().mean() < 0.9
    return screen, torch.from_numpy(faces), fragments


def lit_balls() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A small ball before a large one, whose middle it shades: vertices, normals, faces, light."""
    spheres, faces = bumpy_spheres(3000, count=1)
    large = torch.from_numpy(spheres).mT
    small = 0.3 * large + torch.tensor([0.0, 0.0, 150.0])[:, None]
    vertices = torch.cat([large, small], dim=2)
    triangles = torch.from_numpy(faces)
    triangles = torch.cat([triangles, triangles + large.shape[2]])
    normals = VertexNormals(triangles, vertices.shape[2])(vertices)
    light = direction(torch.tensor([5.0, -20.0]), torch.tensor([10.0, 0.0]))
    return vertices, normals, triangles, light
