"""Which faces of a mesh meet at which edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Topology:
    """A mesh's faces and their neighbours; computed once, the same for every shape of the mesh.

    faces: uint32 (face, 3), vertices.
    neighbours: int32 (face, 3): the face across the edge opposite each corner, or -1.
    Where more than two faces meet, each ends by itself.
    """

    faces: NDArray[np.uint32]
    neighbours: NDArray[np.int32]


def topology(faces: Tensor) -> Topology:
    """Faces (face, 3), int32, to the topology of their mesh."""
    corners = faces.cpu().contiguous().numpy()
    # Half-edge 3 f + i is opposite corner i of face f.
    ends = np.sort(np.stack([corners[:, [1, 2, 0]], corners[:, [2, 0, 1]]], axis=-1), axis=-1)
    ends = ends.reshape(-1, 2)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (ends[order[1:]] != ends[order[:-1]]).any(axis=1)
    run = np.cumsum(is_first) - 1
    pairs = np.flatnonzero(is_first & (np.bincount(run) == 2)[run])
    one, other = order[pairs], order[pairs + 1]
    across = np.full(len(order), -1, dtype=np.int32)
    across[one], across[other] = other // 3, one // 3
    return Topology(corners.view(np.uint32), across.reshape(-1, 3))
