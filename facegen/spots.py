"""Points as compiled formulas take them: some at a time, with all that is known of them.

What is known of points are rows (row, point), in blocks (block, row, AT_ONCE), where the last ends
in points that stand for none. A loop over a block's points finds all in one array, a constant way
apart, so that the compiler knows that writing elsewhere does not change it, and makes vectors.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.jit import leaf

Floats = NDArray[np.float32]

AT_ONCE = 256
"""Points in a block: what is known of them stays in a near cache while people take turns."""


def in_blocks(planes: Iterable[Tensor]) -> Tensor:
    """Planes (point,) and (several, point) as rows in blocks."""
    rows = [row for plane in planes for row in (plane if plane.ndim > 1 else plane[None])]
    blocks: Tensor = rows[0].new_empty((-(-len(rows[0]) // AT_ONCE), len(rows), AT_ONCE))
    whole = len(rows[0]) // AT_ONCE * AT_ONCE
    for number, row in enumerate(rows):
        blocks[: whole // AT_ONCE, number] = row[:whole].reshape(-1, AT_ONCE)
        blocks[whole // AT_ONCE :, number] = 0
        blocks[whole // AT_ONCE :, number, : len(row) - whole] = row[whole:]
    return blocks


@leaf
def mixed(weights: Floats, near: Floats, first: int, texture: Floats) -> None:
    """Fill texture (AT_ONCE,) with a block's rows from the first on, as weighed (weight,)."""
    texture[:] = 0
    for k in range(len(weights)):
        weight, wave = weights[k], near[first + k]
        for v in range(len(texture)):
            texture[v] += weight * wave[v]


@leaf
def put(some: Floats, start: int, plane: Floats) -> None:
    """Write what a block's points have to their places in a plane (point,), the first at start."""
    for v in range(min(len(some), len(plane) - start)):
        plane[start + v] = some[v]
