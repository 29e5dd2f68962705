"""Value noise: smooth random textures, for what is finer than any mesh.

A lattice of random numbers, interpolated smoothly (Perlin, "An Image Synthesizer", 1985). It is the
same on every machine, has derivatives, and no picture of it is kept anywhere.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.batches import array
from facegen.raster.jit import kernel

Floats = NDArray[np.float32] | NDArray[np.float64]

_SIZE = 2**16
_STEPS = (1, 40503, 24571)
"""What a step along each axis adds to a lattice point's place in the table."""
_KIND = 7919
"""What a step to the next kind adds."""

_LATTICE = np.random.default_rng(2015).uniform(-1.0, 1.0, _SIZE).astype(np.float32)

_VARIANCE = 26 / 35
"""What interpolation along one axis leaves of a variance of 1, on average."""

_AT_ONCE = 256
"""Samples whose corners are looked up together: they stay in the nearest cache."""


def noise(coordinates: Tensor, kind: int) -> Tensor:
    """A texture (sample,) of about unit variance at coordinates (axis, sample), one to three axes.

    Its features are about a unit wide. Each kind, 0, 1, .., is a texture of its own. Compiled on
    the CPU where no gradients are recorded, to the same bits.
    """
    return noises(coordinates, range(kind, kind + 1))[0]


def noises(coordinates: Tensor, kinds: range) -> Tensor:
    """Textures (kind, sample) of several kinds that follow one another, all at one place."""
    scale = (3.0 / _VARIANCE ** len(coordinates)) ** 0.5
    records = torch.is_grad_enabled() and coordinates.requires_grad
    if coordinates.device.type == "cpu" and not records:
        textures = coordinates.new_empty((len(kinds), coordinates.shape[1]))
        _interpolate(array(coordinates), _LATTICE, kinds.start, scale, textures.numpy())
        return textures
    lattice = _lattice(coordinates.device, coordinates.dtype)
    cell = coordinates.detach().floor()
    part = coordinates - cell
    ahead = part * part * (3 - 2 * part)
    first = sum(step * along for step, along in zip(_STEPS, cell.long(), strict=False))
    found = []
    for kind in kinds:
        place = first + _KIND * kind
        corners = [lattice[(place + _offset(corner)) % _SIZE] for corner in range(2 ** len(cell))]
        for share in ahead:
            corners = [low + share * (high - low) for low, high in _pairs(corners)]
        found.append(corners[0] * scale)
    return torch.stack(found)


@lru_cache(maxsize=8)
def _lattice(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Carried over once; not of inference mode, which could not serve where gradients are."""
    with torch.inference_mode(False):
        return torch.from_numpy(_LATTICE).to(device, dtype)


def _offset(corner: int) -> int:
    """Of a cell's corner, whose number has a bit for every axis."""
    return sum(step for axis, step in enumerate(_STEPS) if corner >> axis & 1)


def _pairs(corners: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Corners that differ along the first axis left."""
    return list(zip(corners[::2], corners[1::2], strict=True))


@kernel
def _interpolate(
    coordinates: Floats, lattice: NDArray[np.float32], kind: int, scale: float, textures: Floats
) -> None:
    """Fill textures as noises says: every loop over samples makes vector instructions."""
    number, (axes, count) = coordinates.dtype.type, coordinates.shape
    first = np.empty(_AT_ONCE, dtype=np.int64)
    ahead = np.empty((axes, _AT_ONCE), dtype=coordinates.dtype)
    corners = np.empty((2**axes, _AT_ONCE), dtype=coordinates.dtype)
    for start in range(0, count, _AT_ONCE):
        many = min(_AT_ONCE, count - start)
        first[:] = _KIND * kind
        for axis in range(axes):
            for n in range(many):
                at = coordinates[axis, start + n]
                cell = np.floor(at)
                part = at - cell
                ahead[axis, n] = part * part * (number(3) - number(2) * part)
                first[n] += np.int64(cell) * _STEPS[axis]
        for k in range(len(textures)):
            for corner in range(2**axes):
                offset = _KIND * k
                for axis in range(axes):
                    offset += _STEPS[axis] * (corner >> axis & 1)
                for n in range(many):
                    corners[corner, n] = lattice[(first[n] + offset) & (_SIZE - 1)]
            pairs = 2**axes
            for axis in range(axes):
                pairs //= 2
                for pair in range(pairs):
                    for n in range(many):
                        low, high = corners[2 * pair, n], corners[2 * pair + 1, n]
                        corners[pair, n] = low + ahead[axis, n] * (high - low)
            for n in range(many):
                textures[k, start + n] = corners[0, n] * number(scale)
