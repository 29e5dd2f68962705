"""The fast rasterizer for processors: images in parallel, each by one thread.

A sample holds a 64-bit key, the bits of 1 / z above the complement of the face's index: positive
floats order as their bits do, so the greatest key is the nearest face and, among equals, the one of
lowest index, in whatever order the faces are drawn.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.contract import GUARD, SUBSAMPLES, Fragments
from facegen.raster.jit import kernel, parallel_kernel, prange, thread_count

_BITS = SUBSAMPLES.bit_length() - 1
_HALF = SUBSAMPLES // 2
_BLOCK = 4
"""Samples are visited in blocks of 4 x 4, which compile to vector instructions without branches."""
_INDEX_MASK = 0xFFFFFFFF


def rasterize(screen: Tensor, faces: Tensor, height: int, width: int, *, cull: bool) -> Fragments:
    """See facegen.raster.contract.rasterize."""
    if screen.device.type != "cpu":
        raise ValueError(f"rasterizer 'numba' runs on the CPU, but screen is on {screen.device}")
    face_id = torch.empty((len(screen), height, width), dtype=torch.int32)
    depth = torch.empty((len(screen), height, width), dtype=torch.float32)
    _rasterize_batch(
        screen.contiguous().numpy(),
        faces.contiguous().numpy().view(np.uint32),
        cull,
        min(thread_count(), len(screen)),
        face_id.numpy(),
        depth.numpy(),
    )
    return Fragments(face_id, depth)


@kernel
def _snap(
    vertices: NDArray[np.float32], grid: NDArray[np.int32], inverse_depth: NDArray[np.float32]
) -> None:
    """Vertices on the fixed-point grid (vertex, 2) and their 1 / z (vertex,), 0 if unusable."""
    zero, one, guard = np.float32(0), np.float32(1), np.float32(GUARD)
    for vertex in range(len(vertices)):
        x, y = vertices[vertex, 0], vertices[vertex, 1]
        inverse = one / vertices[vertex, 2]
        usable = (abs(x) < np.inf) & (abs(y) < np.inf) & (inverse > 0) & (inverse < np.inf)
        # Only finite numbers may be converted to integers.
        x = min(max(x if usable else zero, -guard), guard)
        y = min(max(y if usable else zero, -guard), guard)
        grid[vertex, 0] = np.int32(np.rint(x * np.float32(SUBSAMPLES)))
        grid[vertex, 1] = np.int32(np.rint(y * np.float32(SUBSAMPLES)))
        inverse_depth[vertex] = inverse if usable else zero


@kernel
def _least(dx: float, dy: float) -> float:
    """The least edge function that is inside: 0 on a left or top edge, else 1."""
    on_edge: bool = (dy > 0) | ((dy == 0) & (dx < 0))
    return 0.0 if on_edge else 1.0


@kernel
def _draw(
    grid: NDArray[np.int32],
    inverse_depth: NDArray[np.float32],
    faces: NDArray[np.uint32],
    height: int,
    width: int,
    cull: bool,
    keys: NDArray[np.int64],
) -> None:
    """Raise the keys of the samples that each face covers."""
    block = np.empty(_BLOCK * _BLOCK, dtype=np.int64)
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay = np.int64(grid[a, 0]), np.int64(grid[a, 1])
        bx, by = np.int64(grid[b, 0]), np.int64(grid[b, 1])
        cx, cy = np.int64(grid[c, 0]), np.int64(grid[c, 1])
        area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
        if area < 0 and not cull:
            b, c, bx, by, cx, cy, area = c, b, cx, cy, bx, by, -area
        if area <= 0:
            continue
        left = max((min(ax, bx, cx) + _HALF - 1) >> _BITS, 0)
        right = min((max(ax, bx, cx) - _HALF) >> _BITS, width - 1)
        top = max((min(ay, by, cy) + _HALF - 1) >> _BITS, 0)
        bottom = min((max(ay, by, cy) - _HALF) >> _BITS, height - 1)
        if left > right or top > bottom:
            continue
        za, zb, zc = inverse_depth[a], inverse_depth[b], inverse_depth[c]
        if min(za, zb, zc) == 0:
            continue
        scale = np.float32(1) / np.float32(area)
        za, zb, zc = za * scale, zb * scale, zc * scale
        # Edge functions at the first sample and their steps: integers, held exactly in doubles.
        x, y = left * SUBSAMPLES + _HALF, top * SUBSAMPLES + _HALF
        ea = np.float64((cy - by) * (x - bx) - (cx - bx) * (y - by))
        eb = np.float64((ay - cy) * (x - cx) - (ax - cx) * (y - cy))
        ec = np.float64((by - ay) * (x - ax) - (bx - ax) * (y - ay))
        dxa, dya = np.float64(SUBSAMPLES * (cx - bx)), np.float64(SUBSAMPLES * (cy - by))
        dxb, dyb = np.float64(SUBSAMPLES * (ax - cx)), np.float64(SUBSAMPLES * (ay - cy))
        dxc, dyc = np.float64(SUBSAMPLES * (bx - ax)), np.float64(SUBSAMPLES * (by - ay))
        least_a, least_b, least_c = _least(dxa, dya), _least(dxb, dyb), _least(dxc, dyc)
        for row in range(top, bottom + 1, _BLOCK):
            for column in range(left, right + 1, _BLOCK):
                for sample in range(_BLOCK * _BLOCK):
                    right_by = np.float64(column - left + sample % _BLOCK)
                    down_by = np.float64(row - top + sample // _BLOCK)
                    wa = ea + right_by * dya - down_by * dxa
                    wb = eb + right_by * dyb - down_by * dxb
                    wc = ec + right_by * dyc - down_by * dxc
                    inverse = np.float32(wa) * za + np.float32(wb) * zb + np.float32(wc) * zc
                    bits = np.int64(np.float32(inverse).view(np.int32))
                    covered = (wa >= least_a) & (wb >= least_b) & (wc >= least_c)
                    block[sample] = bits << 32 | (_INDEX_MASK - face) if covered else 0
                for sample in range(_BLOCK * _BLOCK):
                    i = np.uint64(row + sample // _BLOCK)
                    j = np.uint64(column + sample % _BLOCK)
                    keys[i, j] = max(keys[i, j], block[sample])


@kernel
def _unpack(
    keys: NDArray[np.int64], face_id: NDArray[np.int32], depth: NDArray[np.float32]
) -> None:
    """Keys to faces and depths (height, width); no face ever has key 0."""
    height, width = face_id.shape
    for row in range(height):
        for column in range(width):
            key = keys[row, column]
            face_id[row, column] = (
                np.int32(_INDEX_MASK - (key & _INDEX_MASK)) if key else np.int32(-1)
            )
            depth[row, column] = np.float32(1) / np.int32(key >> 32).view(np.float32)


@kernel
def _rasterize_images(
    screen: NDArray[np.float32],
    faces: NDArray[np.uint32],
    cull: bool,
    worker: int,
    workers: int,
    face_id: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    """Images worker, worker + workers, ... of the batch; the memory between is used again."""
    grid = np.empty((screen.shape[1], 2), dtype=np.int32)
    inverse_depth = np.empty(screen.shape[1], dtype=np.float32)
    height, width = face_id.shape[1:]
    # The blocks at the right and at the bottom reach beyond the picture.
    keys = np.empty((height + _BLOCK - 1, width + _BLOCK - 1), dtype=np.int64)
    for image in range(worker, len(screen), workers):
        keys[:] = 0
        _snap(screen[image], grid, inverse_depth)
        _draw(grid, inverse_depth, faces, height, width, cull, keys)
        _unpack(keys, face_id[image], depth[image])


@parallel_kernel
def _rasterize_batch(
    screen: NDArray[np.float32],
    faces: NDArray[np.uint32],
    cull: bool,
    workers: int,
    face_id: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    for worker in prange(workers):
        _rasterize_images(screen, faces, cull, worker, workers, face_id, depth)
