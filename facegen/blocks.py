"""Points as compiled formulas take them: in blocks, with all that is known of them.

A loop over a block's points finds all in one small array, a constant way apart, so that the
compiler knows that writing one does not change another, and makes vectors.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.batches import array
from facegen.device import is_plain
from facegen.raster.jit import leaf, parallel_kernel, prange

Floats = NDArray[np.float32]

AT_ONCE = 256
"""Points in a block: what is known of them stays in a near cache while people take turns."""


def in_blocks(planes: Sequence[Tensor]) -> Tensor:
    """Planes (point,) on the CPU as blocks (block, plane * AT_ONCE); the last ends in zeros."""
    count = len(planes[0])
    blocks: Tensor = planes[0].new_empty((-(-count // AT_ONCE), len(planes), AT_ONCE))
    _deal(torch.stack(list(planes)).numpy(), blocks.numpy())
    return blocks.flatten(1)


@leaf
def _deal(points: Floats, blocks: Floats) -> None:
    for block in range(len(blocks)):
        start, some = block * AT_ONCE, blocks[block]
        count = min(points.shape[1] - start, AT_ONCE)
        for k in range(len(points)):
            some[k, count:] = 0
            for v in range(count):
                some[k, v] = points[k, start + v]


@leaf
def take(plane: Floats, start: int, some: Floats) -> None:
    """Fill in what the points of a block have in a plane (point,), the first at start; 0 beyond."""
    count = min(len(some), len(plane) - start)
    some[count:] = 0
    for v in range(count):
        some[v] = plane[start + v]


@leaf
def put(some: Floats, start: int, plane: Floats) -> None:
    """The reverse: write to their places in a plane what a block's points have."""
    for v in range(min(len(some), len(plane) - start)):
        plane[start + v] = some[v]


def mixed(weights: Tensor, waves: Tensor) -> Tensor:
    """Textures (batch, point) that waves (wave, point) make with weights (batch, wave).

    Compiled on the CPU in single precision and without gradients: torch's product of one row uses
    other instructions than that of several, so that people would depend on their company.
    """
    if not is_plain(weights, waves):
        return weights @ waves
    textures = waves.new_empty((len(weights), waves.shape[1]))
    _mix(textures.numpy(), array(weights), array(waves))
    return textures


@parallel_kernel
def _mix(textures: Floats, weights: Floats, waves: Floats) -> None:
    for n in prange(len(textures)):
        _mix_one(textures[n], weights[n], waves)


@leaf
def _mix_one(texture: Floats, weights: Floats, waves: Floats) -> None:
    # By pieces that stay in the nearest cache while waves are added.
    for start in range(0, len(texture), AT_ONCE):
        some = texture[start : start + AT_ONCE]
        some[:] = 0
        for k in range(len(weights)):
            weight, wave = weights[k], waves[k, start : start + AT_ONCE]
            for v in range(len(some)):
                some[v] += weight * wave[v]
