"""Triangles on the screen for the rasterizer's tests, and what makes two answers the same."""

import math

import torch
from torch import Tensor

from facegen.raster import Fragments, rasterize
from facegen.subjects import sphere

WIDTH, HEIGHT = 40, 28


def drawn(
    backend: str, screen: Tensor, faces: Tensor, height: int, width: int, *, cull: bool = True
) -> Fragments:
    """What a backend draws, by a GPU if it is for those and there is one; on the CPU."""
    place = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    there = screen.to(place), faces.to(place)
    seen = rasterize(*there, height, width, cull=cull, backend=backend)
    return Fragments(seen.face_id.cpu(), seen.depth.cpu())


def faces_of(*triangles: tuple[int, int, int]) -> Tensor:
    return torch.tensor(triangles, dtype=torch.int32).reshape(-1, 3)


def screen_of(*vertices: tuple[float, float, float]) -> Tensor:
    return torch.tensor([vertices], dtype=torch.float32)


def soup(seed: int, spread: float = 60.0, size: float = 12.0, count: int = 150) -> Tensor:
    """Separate triangles (1, 3 * count, 3) of about `size` samples, scattered over `spread`."""
    generator = torch.Generator().manual_seed(seed)
    place = spread * torch.rand(count, 1, 2, generator=generator) - (spread - HEIGHT) / 2
    corners = place + size * torch.randn(count, 3, 2, generator=generator)
    depth = 500 + 400 * torch.rand(count, 3, 1, generator=generator)
    return torch.cat([corners, depth], dim=-1).reshape(1, -1, 3)


def soup_faces(screen: Tensor) -> Tensor:
    return torch.arange(screen.shape[1], dtype=torch.int32).reshape(-1, 3)


def ball(seed: int) -> tuple[Tensor, Tensor]:
    """A bumpy closed mesh seen in perspective, with faces of about one sample."""
    vertices, faces = sphere(24, 24)
    generator = torch.Generator().manual_seed(seed)
    bumps = 1 + 0.15 * torch.rand(1, len(vertices), 1, generator=generator)
    x, y, z = (10 * bumps * torch.from_numpy(vertices)).unbind(-1)
    depth = 40 - z
    screen = torch.stack([WIDTH / 2 + 40 * x / depth, HEIGHT / 2 - 40 * y / depth, depth], dim=-1)
    return screen, torch.from_numpy(faces)


def edited(screen: Tensor, vertex: int, values: tuple[float, float, float]) -> Tensor:
    screen = screen.clone()
    screen[:, vertex] = torch.tensor(values)
    return screen


def scenes() -> dict[str, tuple[Tensor, Tensor]]:
    mixed = soup(1)
    for vertex, values in (
        (0, (math.nan, 5, 600)),
        (4, (5, math.inf, 600)),
        (8, (5, 5, math.nan)),
        (9, (5, 5, -600)),
        (13, (5, 5, 0)),
        (17, (5, 5, math.inf)),
        (18, (1e30, 5, 600)),
        (22, (5, -3e38, 600)),
        (26, (5e7, 5e7, 600)),
        (27, (5, 5, 1e-39)),
    ):
        mixed = edited(mixed, vertex, values)
    on_centres = soup(2)
    on_centres[..., :2] = on_centres[..., :2].round() + 0.5
    slivers = soup(3, size=25)
    slivers[:, 1::3, :2] = slivers[:, 0::3, :2] + 0.01 * slivers[:, 1::3, :2]
    same = soup(4, count=1).repeat(1, 3, 1)
    scenes = {
        "soup": soup(0),
        "specks": soup(5, size=0.4, count=1500),
        "large": soup(6, size=300.0, count=30),
        "far": soup(7, size=1e5, count=60),
        "unusable vertices": mixed,
        "on sample centres": on_centres,
        "slivers": slivers,
        "coincident": same,
        "no faces": soup(0)[:, :0],
        "batch": torch.cat([soup(seed) for seed in range(3)]),
        "no images": soup(0)[:0],
    }
    return {name: (screen, soup_faces(screen)) for name, screen in scenes.items()} | {
        "closed mesh": ball(8)
    }


SCENES = scenes()


def assert_same(ours: Fragments, reference: Fragments) -> None:
    assert ours.face_id.dtype == torch.int32
    assert ours.depth.dtype == torch.float32
    torch.testing.assert_close(ours.face_id, reference.face_id, rtol=0, atol=0)
    torch.testing.assert_close(ours.depth, reference.depth, rtol=1e-4, atol=0)
