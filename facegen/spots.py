"""Points as compiled formulas take them: in blocks, with all that is known of them.

A loop over a block's points finds all in one small array, a constant way apart, so that the
compiler knows that writing elsewhere does not change it, and makes vectors.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.jit import leaf

Floats = NDArray[np.float32]

AT_ONCE = 256
"""Points in a block: what is known of them stays in a near cache while people take turns."""


def in_blocks(planes: Sequence[Tensor]) -> Tensor:
    """Planes (point,) on the CPU as blocks (block, plane, AT_ONCE); the last ends in zeros."""
    count = len(planes[0])
    blocks = torch.empty(-(-count // AT_ONCE), len(planes), AT_ONCE)
    _deal(torch.stack(list(planes)).numpy(), blocks.numpy())
    return blocks


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
def mixed(weights: Floats, some: Floats, first: int, texture: Floats) -> None:
    """Fill texture (AT_ONCE,) with a block's rows from the first on, as weighed (weight,)."""
    texture[:] = 0
    for k in range(len(weights)):
        weight, wave = weights[k], some[first + k]
        for v in range(len(texture)):
            texture[v] += weight * wave[v]


@leaf
def put(some: Floats, start: int, plane: Floats) -> None:
    """Write what a block's points have to their places in a plane (point,), the first at start."""
    for v in range(min(len(some), len(plane) - start)):
        plane[start + v] = some[v]
