"""The fast rasterizer for processors: images in parallel, each by one thread.

A sample holds a 64-bit key, the bits of 1 / z above the complement of the face's index: positive
floats order as their bits do, so the greatest key is the nearest face and, among equals, the one of
lowest index, in whatever order the faces are drawn.

Faces of a head are about as large as a sample and half of them look away, so that what is done for
every face counts as much as what is done for every sample: faces are sieved first, and those that
are left are drawn in whole tiles of samples. Both loops compile to vector instructions.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.contract import GUARD, SUBSAMPLES, Fragments
from facegen.raster.jit import kernel, parallel_kernel, prange, thread_count

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Keys = NDArray[np.int64]
Indices = NDArray[np.uint32]
Edge = tuple[float, float, float, float]

_BITS = SUBSAMPLES.bit_length() - 1
_HALF = SUBSAMPLES // 2
_TILE = 4
"""Samples are kept and drawn in tiles of 4 x 4, which lie together in memory. With fewer in a tile,
the compiler unrolls the loop over them instead of making vectors of it."""
_INDEX_MASK = 0xFFFFFFFF
_AT_ONCE = 512
"""Faces sieved together: their corners stay in the nearest cache."""
_SMALL = 2**14
"""Grid steps: where a face is less wide and high, its edge functions fit 32 bits, also in those
samples of its tiles that lie beside it."""


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
def _snap(vertices: Floats, grid: Ints, inverse_depth: Floats) -> None:
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
def _first(least: int) -> int:
    """The first sample whose centre is at or after a place on the grid."""
    return (least + _HALF - 1) >> _BITS


@kernel
def _last(most: int) -> int:
    """The last sample whose centre is at or before a place on the grid."""
    return (most - _HALF) >> _BITS


@kernel
def _sieve(grid: Ints, faces: Indices, height: int, width: int, cull: bool, kept: Ints) -> int:
    """List the faces that may cover a sample, in their order; return how many there are.

    Those have an area on the side that counts, and a sample's centre in their box.
    """
    ax, ay, bx, by, cx, cy = np.empty((6, _AT_ONCE), dtype=np.int32)
    stays = np.empty(_AT_ONCE, dtype=np.bool_)
    many = 0
    for start in range(0, len(faces), _AT_ONCE):
        count = min(len(faces) - start, _AT_ONCE)
        for n in range(count):
            a, b, c = faces[start + n, 0], faces[start + n, 1], faces[start + n, 2]
            ax[n], ay[n] = grid[a, 0], grid[a, 1]
            bx[n], by[n] = grid[b, 0], grid[b, 1]
            cx[n], cy[n] = grid[c, 0], grid[c, 1]
        for n in range(count):
            # Integers, held exactly in doubles.
            area = np.float64(cx[n] - ax[n]) * np.float64(by[n] - ay[n])
            area -= np.float64(bx[n] - ax[n]) * np.float64(cy[n] - ay[n])
            left = max(_first(min(ax[n], bx[n], cx[n])), 0)
            right = min(_last(max(ax[n], bx[n], cx[n])), width - 1)
            top = max(_first(min(ay[n], by[n], cy[n])), 0)
            bottom = min(_last(max(ay[n], by[n], cy[n])), height - 1)
            counts = (area > 0) | ((area < 0) & (not cull))
            stays[n] = counts & (left <= right) & (top <= bottom)
        for n in range(count):
            kept[many] = start + n
            many += stays[n]
    return many


@kernel
def _draw(
    grid: Ints,
    inverse_depth: Floats,
    faces: Indices,
    kept: Ints,
    height: int,
    width: int,
    keys: Keys,
) -> None:
    """Raise the keys of the samples that each face covers."""
    for face in kept:
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay = np.int64(grid[a, 0]), np.int64(grid[a, 1])
        bx, by = np.int64(grid[b, 0]), np.int64(grid[b, 1])
        cx, cy = np.int64(grid[c, 0]), np.int64(grid[c, 1])
        area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
        if area < 0:
            b, c, bx, by, cx, cy, area = c, b, cx, cy, bx, by, -area
        za, zb, zc = inverse_depth[a], inverse_depth[b], inverse_depth[c]
        if min(za, zb, zc) == 0:
            continue
        scale = np.float32(1) / np.float32(area)
        shares = za * scale, zb * scale, zc * scale
        west, east = min(ax, bx, cx), max(ax, bx, cx)
        north, south = min(ay, by, cy), max(ay, by, cy)
        # The tiles that hold the samples of the face's box.
        left, right = max(_first(west), 0) // _TILE, min(_last(east), width - 1) // _TILE
        top, bottom = max(_first(north), 0) // _TILE, min(_last(south), height - 1) // _TILE
        tiles, corners = (left, right, top, bottom), (ax, ay, bx, by, cx, cy)
        if max(east - west, south - north) < _SMALL:
            _cover(np.int32(1), face, tiles, corners, shares, keys)
        else:
            # Doubles hold any face's integers exactly.
            _cover(np.float64(1), face, tiles, corners, shares, keys)


@kernel
def _edge(one: float, tail_x: int, tail_y: int, head_x: int, head_y: int, x: int, y: int) -> Edge:
    """The edge function at (x, y), its steps by a sample right and down, the least value inside.

    That is 0 on a left or top edge, else 1.
    """
    number = type(one)
    dx, dy = head_x - tail_x, head_y - tail_y
    least = 0 if (dy > 0) | ((dy == 0) & (dx < 0)) else 1
    value = dy * (x - tail_x) - dx * (y - tail_y)
    return number(value), number(dy * SUBSAMPLES), number(-dx * SUBSAMPLES), number(least)


@kernel
def _cover(
    one: float,
    face: int,
    tiles: tuple[int, int, int, int],
    corners: tuple[int, int, int, int, int, int],
    shares: tuple[float, float, float],
    keys: Keys,
) -> None:
    """Raise the keys that a face covers in tiles left .. right, top .. bottom.

    one: of the type to count in. shares: 1 / z of the corners over the face's area.
    """
    left, right, top, bottom = tiles
    ax, ay, bx, by, cx, cy = corners
    x, y = left * _TILE * SUBSAMPLES + _HALF, top * _TILE * SUBSAMPLES + _HALF
    a, right_a, down_a, least_a = _edge(one, bx, by, cx, cy, x, y)
    b, right_b, down_b, least_b = _edge(one, cx, cy, ax, ay, x, y)
    c, right_c, down_c, least_c = _edge(one, ax, ay, bx, by, x, y)
    za, zb, zc = shares
    number = type(one)
    below = np.int64(_INDEX_MASK - face)
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            # Each product is cut to its type, else numba goes on with 64 bits.
            across, down = number(_TILE * (column - left)), number(_TILE * (row - top))
            first_a = number(a + number(across * right_a) + number(down * down_a))
            first_b = number(b + number(across * right_b) + number(down * down_b))
            first_c = number(c + number(across * right_c) + number(down * down_c))
            for sample in range(_TILE * _TILE):
                across, down = number(sample % _TILE), number(sample // _TILE)
                wa = number(first_a + number(across * right_a) + number(down * down_a))
                wb = number(first_b + number(across * right_b) + number(down * down_b))
                wc = number(first_c + number(across * right_c) + number(down * down_c))
                inverse = np.float32(wa) * za + np.float32(wb) * zb + np.float32(wc) * zc
                bits = np.int64(np.float32(inverse).view(np.int32))
                covered = (wa >= least_a) & (wb >= least_b) & (wc >= least_c)
                i, j, k = np.uint64(row), np.uint64(column), np.uint64(sample)
                keys[i, j, k] = max(keys[i, j, k], bits << 32 | below if covered else 0)


@kernel
def _unpack(keys: Keys, face_id: Ints, depth: Floats) -> None:
    """Keys to faces and depths (height, width); no face ever has key 0."""
    height, width = face_id.shape
    line = np.empty(width + _TILE, dtype=np.int64)
    for row in range(height):
        for column in range((width + _TILE - 1) // _TILE):
            for k in range(_TILE):
                line[_TILE * column + k] = keys[row // _TILE, column, row % _TILE * _TILE + k]
        for column in range(width):
            key = line[column]
            face_id[row, column] = (
                np.int32(_INDEX_MASK - (key & _INDEX_MASK)) if key else np.int32(-1)
            )
            depth[row, column] = np.float32(1) / np.int32(key >> 32).view(np.float32)


@kernel
def _rasterize_images(
    screen: Floats,
    faces: Indices,
    cull: bool,
    worker: int,
    workers: int,
    face_id: Ints,
    depth: Floats,
) -> None:
    """Images worker, worker + workers, ... of the batch; the memory between is used again."""
    grid = np.empty((screen.shape[1], 2), dtype=np.int32)
    inverse_depth = np.empty(screen.shape[1], dtype=np.float32)
    # The sieve writes one further than it keeps.
    kept = np.empty(len(faces) + 1, dtype=np.int32)
    height, width = face_id.shape[1:]
    down, across = (height + _TILE - 1) // _TILE, (width + _TILE - 1) // _TILE
    keys = np.empty((down, across, _TILE * _TILE), dtype=np.int64)
    for image in range(worker, len(screen), workers):
        keys[:] = 0
        _snap(screen[image], grid, inverse_depth)
        many = _sieve(grid, faces, height, width, cull, kept)
        _draw(grid, inverse_depth, faces, kept[:many], height, width, keys)
        _unpack(keys, face_id[image], depth[image])


@parallel_kernel
def _rasterize_batch(
    screen: Floats,
    faces: Indices,
    cull: bool,
    workers: int,
    face_id: Ints,
    depth: Floats,
) -> None:
    for worker in prange(workers):
        _rasterize_images(screen, faces, cull, worker, workers, face_id, depth)
