"""The definition: every face against every sample, with integers for coverage."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.contract import GUARD, SUBSAMPLES, Fragments


class _Vertex(NamedTuple):
    """A vertex on the fixed-point grid: x, y in 1 / SUBSAMPLES of a sample, and 1 / z."""

    x: int
    y: int
    inverse_depth: np.float32


def rasterize(screen: Tensor, faces: Tensor, height: int, width: int, *, cull: bool) -> Fragments:
    """See facegen.raster.contract.rasterize."""
    face_id = np.full((len(screen), height, width), -1, dtype=np.int32)
    depth = np.full((len(screen), height, width), np.inf, dtype=np.float32)
    with np.errstate(all="ignore"):
        for image, vertices in enumerate(screen.cpu().numpy()):
            _rasterize_image(vertices, faces.cpu().numpy(), cull, face_id[image], depth[image])
    return Fragments(
        torch.from_numpy(face_id).to(screen.device), torch.from_numpy(depth).to(screen.device)
    )


def _rasterize_image(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    cull: bool,
    face_id: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    """Fill face_id and depth (height, width), which hold the background."""
    grid = [_snap(vertex) for vertex in vertices]
    row, column = np.indices(face_id.shape, dtype=np.int64)
    x = SUBSAMPLES * column + SUBSAMPLES // 2
    y = SUBSAMPLES * row + SUBSAMPLES // 2
    nearest = np.full(face_id.shape, -1, dtype=np.float32)
    for index, (i, j, k) in enumerate(faces):
        a, b, c = grid[i], grid[j], grid[k]
        if a is None or b is None or c is None:
            continue
        area = int(_edge(b, c, np.array(a.x), np.array(a.y)))
        if area < 0 and not cull:
            b, c, area = c, b, -area
        if area <= 0:
            continue
        covered = np.ones(face_id.shape, dtype=bool)
        inverse_depth = np.zeros(face_id.shape, dtype=np.float32)
        for corner, tail, head in ((a, b, c), (b, c, a), (c, a, b)):
            edge = _edge(tail, head, x, y)
            covered &= (edge > 0) | ((edge == 0) & _is_top_or_left(tail, head))
            share = corner.inverse_depth * (np.float32(1) / np.float32(area))
            inverse_depth += edge.astype(np.float32) * share
        seen = covered & (inverse_depth > nearest)
        nearest[seen] = inverse_depth[seen]
        face_id[seen] = index
        depth[seen] = np.float32(1) / inverse_depth[seen]


def _snap(vertex: NDArray[np.float32]) -> _Vertex | None:
    """The vertex on the grid, or None if no face may use it."""
    inverse_depth = np.float32(1) / vertex[2]
    if not (np.isfinite(vertex).all() and 0 < inverse_depth < np.inf):
        return None
    x, y = np.rint(np.clip(vertex[:2], -GUARD, GUARD) * SUBSAMPLES)
    return _Vertex(int(x), int(y), inverse_depth)


def _edge(
    tail: _Vertex, head: _Vertex, x: NDArray[np.int64], y: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Twice the area of (tail, head, point): positive on the left of an edge, as it is seen.

    The three edges of a face sum to twice its area, so that divided by that they are the point's
    barycentric coordinates (Pineda 1988, with y down).
    """
    return (head.y - tail.y) * (x - tail.x) - (head.x - tail.x) * (y - tail.y)


def _is_top_or_left(tail: _Vertex, head: _Vertex) -> bool:
    """Whether a sample exactly on this edge belongs to the face, which lies to its left."""
    return head.y > tail.y or (head.y == tail.y and head.x < tail.x)
