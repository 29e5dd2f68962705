"""Ambient occlusion of a mesh, from pictures of it taken from all around."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster import rasterize

_DIRECTIONS = 256
_SAMPLES = 512
_BIAS_MM = 1.5
_TEETH_SKY, _TEETH_DEPTH_MM = 0.6, 28.0


def ambient_occlusion(vertices: Tensor, normals: Tensor, faces: Tensor) -> NDArray[np.float32]:
    """The cosine-weighted share of the sky that each vertex sees: (vertex,), 0..1.

    vertices, normals: (vertex, 3), mm. Every direction is one orthographic depth map; a vertex is
    hidden where the map shows something in front of it.
    """
    reach = float(vertices.norm(dim=1).max()) * 1.02
    open_sky = torch.zeros(len(vertices))
    weight = torch.zeros(len(vertices))
    for direction in _sphere(_DIRECTIONS):
        cosine = (normals @ direction).clamp(min=0)
        receiver = vertices + _BIAS_MM * normals
        hidden = ~sees(direction, receiver, vertices, faces, reach, _SAMPLES)
        # What lies below the shoulders' plane is floor or clothes, seldom bright.
        sky = cosine * (0.75 + 0.25 * float(direction[1]))
        weight += sky
        open_sky += sky * ~hidden
    return (open_sky / weight.clamp(min=1e-6)).numpy().astype(np.float32)


def lit_teeth(
    occlusion: NDArray[np.float32], teeth: NDArray[np.floating], vertices: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Occlusion (vertex,), but some light on the front teeth (vertices (vertex, 3), mm).

    They are seen only when the mouth opens, and occlusion is that of a mouth that is shut.
    """
    if not teeth.any():
        return occlusion
    behind = vertices[teeth > 0.5, 2].max() - vertices[:, 2]
    share = _TEETH_SKY * np.clip(1 - behind / _TEETH_DEPTH_MM, 0, 1)
    return np.asarray(np.maximum(occlusion, share * (teeth > 0)), dtype=np.float32)


def sees(
    direction: Tensor, receiver: Tensor, vertices: Tensor, faces: Tensor, reach: float, samples: int
) -> Tensor:
    """Whether points (vertex, 3) see infinity in a unit direction (3,), past a mesh: (vertex,)."""
    right, up = _frame(direction)
    axes = torch.stack([right, -up, -direction], dim=1)
    scale = torch.tensor([0.5 * samples / reach, 0.5 * samples / reach, 1.0])
    shift = torch.tensor([0.5 * samples, 0.5 * samples, 2 * reach])
    depth = rasterize(((vertices @ axes) * scale + shift)[None], faces, samples, samples).depth[0]
    at = (receiver @ axes) * scale + shift
    column, row = at[:, 0].long().clamp(0, samples - 1), at[:, 1].long().clamp(0, samples - 1)
    return at[:, 2] <= depth[row, column]


def _frame(direction: Tensor) -> tuple[Tensor, Tensor]:
    """Two unit vectors that make a right-handed frame (right, up, direction)."""
    helper = torch.tensor([0.0, 1.0, 0.0] if abs(float(direction[1])) < 0.9 else [1.0, 0.0, 0.0])
    right = torch.nn.functional.normalize(torch.linalg.cross(helper, direction), dim=0)
    return right, torch.linalg.cross(direction, right)


def _sphere(count: int) -> Tensor:
    """Unit vectors (count, 3) spread evenly: a Fibonacci spiral."""
    k = torch.arange(count, dtype=torch.float64) + 0.5
    height = 1 - 2 * k / count
    turn = torch.pi * (1 + 5**0.5) * k
    radius = (1 - height**2).sqrt()
    return torch.stack([radius * turn.cos(), height, radius * turn.sin()], dim=1).float()
