"""PyTorch3D's rasterizer, where that is installed: for comparison, and for its CUDA kernels.

Its frame has +x to the left and +y up, and the shorter side spans -1..1. It wants a sample strictly
inside a face, so that one exactly on a shared edge may see neither: vertices are rounded to the
grid as everywhere here, which makes the others agree, but such holes stay.
"""

import torch
from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
from pytorch3d.structures import Meshes
from torch import Tensor

from facegen.raster.contract import GUARD, SUBSAMPLES, Fragments


def rasterize(screen: Tensor, faces: Tensor, height: int, width: int, *, cull: bool) -> Fragments:
    """See facegen.raster.contract.rasterize."""
    face_id = torch.full((len(screen), height, width), -1, dtype=torch.int32, device=screen.device)
    depth = torch.full_like(face_id, torch.inf, dtype=torch.float32)
    if not (len(screen) and len(faces)):
        return Fragments(face_id, depth)
    inverse = 1 / screen[..., 2:]
    usable = screen[..., :2].isfinite().all(-1, True) & (inverse > 0) & (inverse < torch.inf)
    place = torch.where(usable, screen[..., :2], 0).clamp(-GUARD, GUARD)
    place = (place * SUBSAMPLES).round() / SUBSAMPLES
    middle = torch.tensor([0.5 * width, 0.5 * height]).to(place)
    # A face with a vertex behind the camera is dropped.
    z = torch.where(usable, screen[..., 2:], -1)
    vertices = torch.cat([(middle - place) * (2 / min(height, width)), z], dim=-1)
    found, z_buffer, _, _ = rasterize_meshes(
        Meshes(vertices, faces.long().expand(len(screen), -1, -1)),
        image_size=(height, width),
        faces_per_pixel=1,
        perspective_correct=True,
        cull_backfaces=cull,
    )
    found, covered = found[..., 0], found[..., 0] >= 0
    # Its faces are counted through the whole batch.
    own = found - len(faces) * torch.arange(len(screen), device=found.device)[:, None, None]
    return Fragments(
        torch.where(covered, own, -1).int(), torch.where(covered, z_buffer[..., 0], torch.inf)
    )
