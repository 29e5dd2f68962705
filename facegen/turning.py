"""Turning vertices, compiled: bits do not depend on what else is in the batch."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facegen.batches import array, together
from facegen.device import is_plain
from facegen.raster.jit import leaf, parallel_kernel, prange
from facegen.raster.sight import Sight, everything

Floats = NDArray[np.float32]


def turned(
    turn: Tensor, vectors: Tensor, moved: Tensor | None = None, sight: Sight | None = None
) -> Tensor:
    """Matrices (batch, 3, 3) times vectors (batch or 1, 3, vertex), plus moved (batch, 3).

    sight: the vertices that are asked for, None for all; of others the result means nothing.
    Compiled on the CPU in single precision and without gradients. torch's own product of one
    matrix uses other instructions than that of several, so that a picture would depend on those it
    is drawn with.
    """
    inputs = [turn, vectors] + ([] if moved is None else [moved])
    if not is_plain(*inputs):
        product = turn @ vectors
        return product if moved is None else product + moved[..., None]
    moved = turn.new_zeros(len(turn), 3) if moved is None else moved
    batch = together(turn, vectors)
    image = vectors.new_empty((batch, 3, vectors.shape[2]))
    _turn(
        image.numpy(),
        array(turn),
        array(moved),
        array(vectors),
        sight or everything(vectors.shape[2]),
    )
    return image


@parallel_kernel
def _turn(image: Floats, turn: Floats, moved: Floats, vectors: Floats, sight: Sight) -> None:
    for n in prange(len(image)):
        matrix, shift = turn[n % len(turn)], moved[n % len(moved)]
        _turn_one(image[n], matrix, shift, vectors[n % len(vectors)], sight, n)


@leaf
def _turn_one(
    image: Floats, turn: Floats, moved: Floats, vectors: Floats, sight: Sight, n: int
) -> None:
    shown, (x, y, z) = n % len(sight.many), vectors
    seen = sight.vertices[shown, : sight.many[shown]]
    for k in range(3):
        a, b, c, shift, plane = turn[k, 0], turn[k, 1], turn[k, 2], moved[k], image[k]
        # All of them in vector instructions, which take them in order.
        if len(seen) == len(x):
            for v in range(len(x)):
                plane[v] = a * x[v] + b * y[v] + c * z[v] + shift
        else:
            for v in seen:
                plane[v] = a * x[v] + b * y[v] + c * z[v] + shift
