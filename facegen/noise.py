"""Value noise: smooth random textures, for what is finer than any mesh.

A lattice of random numbers, interpolated smoothly (Perlin, "An Image Synthesizer", 1985). It is the
same on every machine, has derivatives, and no picture of it is kept anywhere.
"""

import numpy as np
import torch
from torch import Tensor

_SIZE = 2**16
_STEPS = (1, 40503, 24571)
"""What a step along each axis adds to a lattice point's place in the table."""

_LATTICE = np.random.default_rng(2015).uniform(-1.0, 1.0, _SIZE).astype(np.float32)

_VARIANCE = 26 / 35
"""What interpolation along one axis leaves of a variance of 1, on average."""


def noise(coordinates: Tensor, kind: int) -> Tensor:
    """A texture (sample,) of about unit variance at coordinates (axis, sample), one to three axes.

    Its features are about a unit wide. Each kind, 0, 1, .., is a texture of its own.
    """
    lattice = torch.from_numpy(_LATTICE).to(coordinates)
    cell = coordinates.detach().floor()
    part = coordinates - cell
    ahead = part * part * (3 - 2 * part)
    steps = torch.tensor(_STEPS[: len(cell)], device=cell.device)[:, None]
    place = (cell.long() * steps).sum(dim=0) + 7919 * kind
    corners = [lattice[(place + _offset(corner)) % _SIZE] for corner in range(2 ** len(cell))]
    for share in ahead:
        corners = [low + share * (high - low) for low, high in _pairs(corners)]
    texture: Tensor = corners[0] * (3.0 / _VARIANCE ** len(cell)) ** 0.5
    return texture


def _offset(corner: int) -> int:
    """Of a cell's corner, whose number has a bit for every axis."""
    return sum(step for axis, step in enumerate(_STEPS) if corner >> axis & 1)


def _pairs(corners: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Corners that differ along the first axis left."""
    return list(zip(corners[::2], corners[1::2], strict=True))
