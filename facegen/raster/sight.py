"""Which vertices a picture shows: the corners of the faces that its samples see.

They are a third of a head's, and a picture without gradients needs light on no others.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.contract import Fragments
from facegen.raster.jit import kernel, leaf, parallel_kernel, prange

Ids = NDArray[np.int32]
Indices = NDArray[np.uint32]

_AT_ONCE = 16
"""Samples that one vector instruction looks at."""


class Sight(NamedTuple):
    """The vertices in sight of pictures, or of one that stands for all.

    vertices: uint32 (batch, vertex); those in sight come first, in ascending order.
    many: int64 (batch,); how many those are.
    """

    vertices: Indices
    many: NDArray[np.int64]


def in_sight(fragments: Fragments, faces: Tensor, vertices: int) -> Sight | None:
    """What fragments show of faces (face, 3) between so many vertices.

    None, which is to say all of them, where gradients are recorded or nothing is compiled: a vertex
    out of sight may be about to come into it.
    """
    seen = fragments.face_id
    if torch.is_grad_enabled() or seen.device.type != "cpu":
        return None
    found = np.empty((len(seen), vertices), dtype=np.uint32)
    many = np.empty(len(seen), dtype=np.int64)
    _find(seen.contiguous().numpy(), faces.contiguous().numpy().view(np.uint32), found, many)
    return Sight(found, many)


@lru_cache(maxsize=16)
def everything(vertices: int) -> Sight:
    """All of so many vertices; not to be written to."""
    return Sight(np.arange(vertices, dtype=np.uint32)[None], np.array([vertices]))


@parallel_kernel
def _find(face_id: Ids, faces: Indices, vertices: Indices, many: NDArray[np.int64]) -> None:
    for n in prange(len(face_id)):
        many[n] = _find_one(face_id[n], faces, vertices[n])


@kernel
def _find_one(face_id: Ids, faces: Indices, vertices: Indices) -> int:
    """List the vertices of one picture, return how many there are."""
    # The background, face -1, is drawn at place 0.
    drawn = np.zeros(len(faces) + 1, dtype=np.bool_)
    for row in range(face_id.shape[0]):
        for column in range(face_id.shape[1]):
            drawn[np.uint32(face_id[row, column] + 1)] = True
    shown = np.zeros(len(vertices), dtype=np.bool_)
    # A list of them first: a branch at every face would mostly be guessed wrong.
    seen, few = np.empty(len(faces), dtype=np.uint32), 0
    for face in range(len(faces)):
        seen[few] = face
        few += drawn[face + 1]
    for face in seen[:few]:
        for k in range(3):
            shown[faces[face, k]] = True
    many = 0
    for v in range(len(vertices)):
        vertices[many] = v
        many += shown[v]
    return many


@leaf
def covered(face_id: Ids) -> tuple[int, int]:
    """From where on, and before where, all of a row's samples (sample,) are that see a face."""
    start, stop = 0, len(face_id)
    while start + _AT_ONCE <= stop and _sees_none(face_id, start):
        start += _AT_ONCE
    while start + _AT_ONCE <= stop and _sees_none(face_id, stop - _AT_ONCE):
        stop -= _AT_ONCE
    return start, stop


@leaf
def _sees_none(face_id: Ids, first: int) -> bool:
    greatest = face_id[first]
    for column in range(_AT_ONCE):
        greatest = max(greatest, face_id[first + column])
    return bool(greatest < 0)
