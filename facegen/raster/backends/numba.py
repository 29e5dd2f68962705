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

_HALF = SUBSAMPLES // 2
_SHIFT = SUBSAMPLES.bit_length() - 1
_LOW_BITS = 0xFFFFFFFF


def rasterize(screen: Tensor, faces: Tensor, height: int, width: int, *, cull: bool) -> Fragments:
    """See facegen.raster.contract.rasterize."""
    if screen.device.type != "cpu":
        raise ValueError(f"rasterizer 'numba' runs on the CPU, but screen is on {screen.device}")
    face_id = torch.empty((len(screen), height, width), dtype=torch.int32)
    depth = torch.empty((len(screen), height, width), dtype=torch.float32)
    workers = min(thread_count(), len(screen))
    # numba's threads do not survive a fork, so a process with one thread must not start them.
    rasterize_batch = _rasterize_serial if workers <= 1 else _rasterize_parallel
    rasterize_batch(
        screen.contiguous().numpy(),
        faces.contiguous().numpy(),
        cull,
        workers,
        face_id.numpy(),
        depth.numpy(),
    )
    return Fragments(face_id, depth)


@kernel
def _snap(
    vertices: NDArray[np.float32], grid: NDArray[np.int32], inverse_depth: NDArray[np.float32]
) -> None:
    """Vertices on the fixed-point grid (vertex, 2) and their 1 / z (vertex,), 0 if unusable."""
    low = np.float32(-GUARD)
    high = np.float32(GUARD)
    steps = np.float32(SUBSAMPLES)
    for vertex in range(len(vertices)):
        x = vertices[vertex, 0]
        y = vertices[vertex, 1]
        inverse = np.float32(1) / vertices[vertex, 2]
        usable = (abs(x) < np.inf) & (abs(y) < np.inf) & (inverse > 0) & (inverse < np.inf)
        grid[vertex, 0] = np.int32(np.rint(min(max(x, low), high) * steps))
        grid[vertex, 1] = np.int32(np.rint(min(max(y, low), high) * steps))
        inverse_depth[vertex] = inverse if usable else np.float32(0)


@kernel
def _draw(
    grid: NDArray[np.int32],
    inverse_depth: NDArray[np.float32],
    faces: NDArray[np.int32],
    cull: bool,
    keys: NDArray[np.int64],
) -> None:
    """Raise the keys (height, width) of the samples that each face covers."""
    height, width = keys.shape
    for face in range(len(faces)):
        a = np.uint32(faces[face, 0])
        b = np.uint32(faces[face, 1])
        c = np.uint32(faces[face, 2])
        ax, ay = grid[a, 0], grid[a, 1]
        bx, by = grid[b, 0], grid[b, 1]
        cx, cy = grid[c, 0], grid[c, 1]
        area = np.float64(cx - ax) * np.float64(by - ay) - np.float64(bx - ax) * np.float64(cy - ay)
        if area < 0 and not cull:
            b, c, bx, by, cx, cy, area = c, b, cx, cy, bx, by, -area
        if area <= 0:
            continue
        left = max((min(ax, bx, cx) + _HALF - 1) >> _SHIFT, 0)
        right = min((max(ax, bx, cx) - _HALF) >> _SHIFT, width - 1)
        top = max((min(ay, by, cy) + _HALF - 1) >> _SHIFT, 0)
        bottom = min((max(ay, by, cy) - _HALF) >> _SHIFT, height - 1)
        if left > right or top > bottom:
            continue
        if min(inverse_depth[a], inverse_depth[b], inverse_depth[c]) <= 0:
            continue
        scale = np.float32(1) / np.float32(area)
        qa = inverse_depth[a] * scale
        qb = inverse_depth[b] * scale
        qc = inverse_depth[c] * scale
        px = left * SUBSAMPLES + _HALF
        py = top * SUBSAMPLES + _HALF
        dxa, dya = np.float64(cx - bx), np.float64(cy - by)
        dxb, dyb = np.float64(ax - cx), np.float64(ay - cy)
        dxc, dyc = np.float64(bx - ax), np.float64(by - ay)
        least_a = 0.0 if dya > 0 or (dya == 0 and dxa < 0) else 1.0
        least_b = 0.0 if dyb > 0 or (dyb == 0 and dxb < 0) else 1.0
        least_c = 0.0 if dyc > 0 or (dyc == 0 and dxc < 0) else 1.0
        row_a = dya * np.float64(px - bx) - dxa * np.float64(py - by)
        row_b = dyb * np.float64(px - cx) - dxb * np.float64(py - cy)
        row_c = dyc * np.float64(px - ax) - dxc * np.float64(py - ay)
        tag = np.int64(_LOW_BITS) - face
        for row in range(top, bottom + 1):
            ea, eb, ec = row_a, row_b, row_c
            for column in range(left, right + 1):
                if (ea >= least_a) & (eb >= least_b) & (ec >= least_c):
                    inverse = np.float32(ea) * qa + np.float32(eb) * qb + np.float32(ec) * qc
                    key = (np.int64(np.float32(inverse).view(np.int32)) << 32) | tag
                    keys[row, column] = max(keys[row, column], key)
                ea += SUBSAMPLES * dya
                eb += SUBSAMPLES * dyb
                ec += SUBSAMPLES * dyc
            row_a -= SUBSAMPLES * dxa
            row_b -= SUBSAMPLES * dxb
            row_c -= SUBSAMPLES * dxc


@kernel
def _unpack(
    keys: NDArray[np.int64], face_id: NDArray[np.int32], depth: NDArray[np.float32]
) -> None:
    """Keys to faces and depths, all (height, width); no face ever has key 0."""
    height, width = keys.shape
    for row in range(height):
        for column in range(width):
            key = keys[row, column]
            face_id[row, column] = np.int32(_LOW_BITS - (key & _LOW_BITS)) if key else np.int32(-1)
            depth[row, column] = np.float32(1) / np.int32(key >> 32).view(np.float32)


@kernel
def _rasterize_images(
    screen: NDArray[np.float32],
    faces: NDArray[np.int32],
    cull: bool,
    worker: int,
    workers: int,
    face_id: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    """Images worker, worker + workers, ... of the batch; the memory between is used again."""
    grid = np.empty((screen.shape[1], 2), dtype=np.int32)
    inverse_depth = np.empty(screen.shape[1], dtype=np.float32)
    keys = np.empty(face_id.shape[1:], dtype=np.int64)
    for image in range(worker, len(screen), workers):
        keys[:] = 0
        _snap(screen[image], grid, inverse_depth)
        _draw(grid, inverse_depth, faces, cull, keys)
        _unpack(keys, face_id[image], depth[image])


@kernel
def _rasterize_serial(
    screen: NDArray[np.float32],
    faces: NDArray[np.int32],
    cull: bool,
    workers: int,
    face_id: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    _rasterize_images(screen, faces, cull, 0, 1, face_id, depth)


@parallel_kernel
def _rasterize_parallel(
    screen: NDArray[np.float32],
    faces: NDArray[np.int32],
    cull: bool,
    workers: int,
    face_id: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    for worker in prange(workers):
        _rasterize_images(screen, faces, cull, worker, workers, face_id, depth)
