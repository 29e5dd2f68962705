"""The fast rasterizer for processors: images in parallel, each by one thread.

Faces of a head are about as large as a sample and half of them look away, so that what is done for
every face counts as much as what is done for every sample. Batches of faces are set up and sieved
within the nearest cache; those that are left are drawn in their order, in whole tiles of samples.
Both loops compile to vector instructions.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.contract import GUARD, SUBSAMPLES, Fragments
from facegen.raster.jit import inlined, kernel, leaf, parallel_kernel, prange, thread_count

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Pairs = NDArray[np.int64]
Indices = NDArray[np.uint32]
Edge = tuple[float, float, float, float]
Edges = tuple[Edge, Edge, Edge]
Box = tuple[int, int, int, int]
Size = tuple[int, int]

_BITS = SUBSAMPLES.bit_length() - 1
_HALF = SUBSAMPLES // 2
_TILE = 4
"""Samples are kept and drawn in tiles of 4 x 4, which lie together in memory. With fewer in a tile,
the compiler unrolls the loop over them instead of making vectors of it."""
_TILE_BITS, _SAMPLES = _TILE.bit_length() - 1, _TILE * _TILE
_BATCH = 256
"""Faces set up together."""
_SMALL = 2**14
"""Grid steps: where a face is less wide and high, its edge functions fit 32 bits, also in those
samples of its tiles that lie beside it."""
# Where a batch's array keeps what is known of its first face: all in one, a constant way apart, so
# that the compiler knows that writing one does not change another.
_STAYS, _LARGE, _BOX, _EDGE_A, _EDGE_B, _EDGE_C = (_BATCH * row for row in (0, 1, 2, 6, 10, 14))
_ROWS = 18


def rasterize(screen: Tensor, faces: Tensor, height: int, width: int, *, cull: bool) -> Fragments:
    """See facegen.raster.contract.rasterize."""
    if screen.device.type != "cpu":
        raise ValueError(f"rasterizer 'numba' runs on the CPU, but screen is on {screen.device}")
    shape, place = (len(screen), height, width), screen.contiguous().numpy()
    face_id, depth = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.float32)
    corners = faces.contiguous().numpy().view(np.uint32)
    workers = min(thread_count(), len(place)) if len(place) > 1 else len(place)
    _rasterize_batch(place, corners, cull, workers, face_id, depth)
    return Fragments(torch.from_numpy(face_id), torch.from_numpy(depth))


@kernel
def _snap(vertices: Floats, grid: Pairs, inverse_depth: Floats) -> None:
    """Vertices on the fixed-point grid, y << 32 | x, and their 1 / z, 0 if unusable; (vertex,)."""
    zero, one, guard = np.float32(0), np.float32(1), np.float32(GUARD)
    inf, steps = np.float32(np.inf), np.float32(SUBSAMPLES)
    planes = np.empty((3, _BATCH), dtype=np.float32)
    for start in range(0, len(vertices), _BATCH):
        count = min(len(vertices) - start, _BATCH)
        for n in range(count):
            for k in range(3):
                planes[k, n] = vertices[start + n, k]
        for n in range(count):
            x, y, inverse = planes[0, n], planes[1, n], one / planes[2, n]
            usable = (abs(x) < inf) & (abs(y) < inf) & (inverse > 0) & (inverse < inf)
            # Only finite numbers may be converted to integers.
            x = min(max(x if usable else zero, -guard), guard)
            y = min(max(y if usable else zero, -guard), guard)
            column, row = np.int32(np.rint(x * steps)), np.int32(np.rint(y * steps))
            grid[start + n] = np.int64(row) << 32 | np.int64(np.uint32(column))
            inverse_depth[start + n] = inverse if usable else zero


@inlined
def _edge(one: float, tail_x: int, tail_y: int, head_x: int, head_y: int, x: int, y: int) -> Edge:
    """The edge function at (x, y), its steps by a sample right and down, the least value inside.

    That is 0 on a left or top edge, else 1.
    """
    number = type(one)
    dx, dy = head_x - tail_x, head_y - tail_y
    least = 0 if (dy > 0) | ((dy == 0) & (dx < 0)) else 1
    value = dy * (x - tail_x) - dx * (y - tail_y)
    return number(value), number(dy * SUBSAMPLES), number(-dx * SUBSAMPLES), number(least)


@inlined
def _set_up(
    one: float, corners: tuple[int, int, int], size: Size
) -> tuple[float, bool, bool, Box, Edges]:
    """What drawing needs of a face whose corners on the grid are y << 32 | x.

    one: of the type to count in. That is: its area, negative from behind; whether a sample's centre
    is in its box; whether it is large; the first and the last tile across, the first and the last
    down, of those that hold the samples in its box; the edges opposite its corners, from the first
    sample of the first tile on, where the last two change places if it is seen from behind.
    """
    (a, b, c), (height, width) = corners, size
    ax, bx, cx = np.int32(a), np.int32(b), np.int32(c)
    ay, by, cy = np.int32(a >> 32), np.int32(b >> 32), np.int32(c >> 32)
    west, east = min(ax, bx, cx), max(ax, bx, cx)
    north, south = min(ay, by, cy), max(ay, by, cy)
    # The first and the last sample whose centres are between.
    left = max(np.int32(np.int32(west + (_HALF - 1)) >> _BITS), np.int32(0))
    right = min(np.int32(np.int32(east - _HALF) >> _BITS), np.int32(width - 1))
    top = max(np.int32(np.int32(north + (_HALF - 1)) >> _BITS), np.int32(0))
    bottom = min(np.int32(np.int32(south - _HALF) >> _BITS), np.int32(height - 1))
    holds = (left <= right) & (top <= bottom)
    large = max(np.int32(east - west), np.int32(south - north)) >= _SMALL
    # Integers, held exactly in doubles.
    area = np.float64(np.int32(cx - ax)) * np.float64(np.int32(by - ay))
    area -= np.float64(np.int32(bx - ax)) * np.float64(np.int32(cy - ay))
    bx, cx = (cx, bx) if area < 0 else (bx, cx)
    by, cy = (cy, by) if area < 0 else (by, cy)
    box = left >> _TILE_BITS, right >> _TILE_BITS, top >> _TILE_BITS, bottom >> _TILE_BITS
    x, y = box[0] * (_TILE * SUBSAMPLES) + _HALF, box[2] * (_TILE * SUBSAMPLES) + _HALF
    edge_a = _edge(one, bx, by, cx, cy, x, y)
    edge_b = _edge(one, cx, cy, ax, ay, x, y)
    edge_c = _edge(one, ax, ay, bx, by, x, y)
    return area, holds, large, box, (edge_a, edge_b, edge_c)


@kernel
def _draw(
    grid: Pairs, inverse_depth: Floats, faces: Indices, cull: bool, size: Size, tiles: Ints
) -> None:
    """Draw faces in their order, each where it is nearer than what the samples see so far.

    tiles (down, across, 2 * _SAMPLES): the bits of 1 / z of what samples see, 0 at first, and which
    face it is, if those are not 0.
    """
    corners, areas = np.empty((3, _BATCH), dtype=np.int64), np.empty(_BATCH, dtype=np.float64)
    rows, kept = np.empty(_ROWS * _BATCH, dtype=np.int32), np.empty(_BATCH, dtype=np.uint32)
    for start in range(0, len(faces), _BATCH):
        count, many = min(len(faces) - start, _BATCH), 0
        for n in range(count):
            for k in range(3):
                corners[k, n] = grid[faces[start + n, k]]
        for n in range(count):
            pairs = corners[0, n], corners[1, n], corners[2, n]
            area, holds, rows[_LARGE + n], box, (a, b, c) = _set_up(np.int32(1), pairs, size)
            rows[_STAYS + n] = holds & ((area > 0) | ((area < 0) & (not cull)))
            areas[n] = area
            _write(rows, _BOX + n, box)
            _write(rows, _EDGE_A + n, a)
            _write(rows, _EDGE_B + n, b)
            _write(rows, _EDGE_C + n, c)
        for n in range(count):
            kept[many] = n
            many += rows[_STAYS + n]
        for n in kept[:many]:
            face = np.uint32(start + n)
            za, zb = inverse_depth[faces[face, 0]], inverse_depth[faces[face, 1]]
            zc, area = inverse_depth[faces[face, 2]], areas[n]
            if min(za, zb, zc) == 0:
                continue
            zb, zc = (zc, zb) if area < 0 else (zb, zc)
            scale = np.float32(1) / np.float32(abs(area))
            shares = za * scale, zb * scale, zc * scale
            if rows[_LARGE + n]:
                # Doubles hold any face's integers exactly.
                pairs = corners[0, n], corners[1, n], corners[2, n]
                _, _, _, box, exact = _set_up(np.float64(1), pairs, size)
                _cover(np.float64(1), np.int32(face), box, exact, shares, tiles)
            else:
                box, a = _read(rows, _BOX + n), _read(rows, _EDGE_A + n)
                b, c = _read(rows, _EDGE_B + n), _read(rows, _EDGE_C + n)
                _cover(np.int32(1), np.int32(face), box, (a, b, c), shares, tiles)


@inlined
def _write(rows: Ints, at: int, four: Edge) -> None:
    rows[at], rows[at + _BATCH], rows[at + 2 * _BATCH], rows[at + 3 * _BATCH] = four


@inlined
def _read(rows: Ints, at: int) -> Box:
    return rows[at], rows[at + _BATCH], rows[at + 2 * _BATCH], rows[at + 3 * _BATCH]


@leaf
def _cover(
    one: float, face: int, box: Box, edges: Edges, shares: tuple[float, float, float], tiles: Ints
) -> None:
    """Draw a face; one: of the type to count in. shares: 1 / z of the corners over its area."""
    number = type(one)
    left, right, top, bottom = box
    (a, right_a, down_a, least_a), (b, right_b, down_b, least_b), c_and_more = edges
    c, right_c, down_c, least_c = c_and_more
    za, zb, zc = shares
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            # Each product is cut to its type, else numba goes on with 64 bits.
            across, down = number(_TILE * (column - left)), number(_TILE * (row - top))
            first_a = number(a + number(across * right_a) + number(down * down_a))
            first_b = number(b + number(across * right_b) + number(down * down_b))
            first_c = number(c + number(across * right_c) + number(down * down_c))
            i, j = np.uint64(row), np.uint64(column)
            for sample in range(_SAMPLES):
                across, down = number(sample % _TILE), number(sample // _TILE)
                wa = number(first_a + number(across * right_a) + number(down * down_a))
                wb = number(first_b + number(across * right_b) + number(down * down_b))
                wc = number(first_c + number(across * right_c) + number(down * down_c))
                inverse = np.float32(wa) * za + np.float32(wb) * zb + np.float32(wc) * zc
                # Positive floats are in the order of their bits.
                bits = np.int32(np.float32(inverse).view(np.int32))
                covered = (wa >= least_a) & (wb >= least_b) & (wc >= least_c)
                bits = bits if covered else np.int32(0)
                k = np.uint64(sample)
                before, seen = tiles[i, j, k], tiles[i, j, k + np.uint64(_SAMPLES)]
                tiles[i, j, k] = max(bits, before)
                tiles[i, j, k + np.uint64(_SAMPLES)] = face if bits > before else seen


@kernel
def _unpack(tiles: Ints, face_id: Ints, depth: Floats) -> None:
    """Tiles to faces and depths (height, width)."""
    # Two samples in one: the compiler takes a tile's four one by one.
    pairs = tiles.view(np.int64)
    line = np.empty((2, pairs.shape[1] * (_TILE // 2)), dtype=np.int64)
    seen = line.view(np.int32)
    one, half = np.uint64(1), np.uint64(_SAMPLES // 2)
    for row in range(len(face_id)):
        i, k = np.uint64(row // _TILE), np.uint64(row % _TILE * (_TILE // 2))
        for column in range(pairs.shape[1]):
            j, at = np.uint64(column), np.uint64(column * (_TILE // 2))
            line[0, at], line[0, at + one] = pairs[i, j, k], pairs[i, j, k + one]
            line[1, at], line[1, at + one] = pairs[i, j, half + k], pairs[i, j, half + k + one]
        for column in range(face_id.shape[1]):
            bits = np.int32(seen[0, column])
            face_id[row, column] = seen[1, column] if bits > 0 else np.int32(-1)
            depth[row, column] = np.float32(1) / bits.view(np.float32)


@kernel
def _rasterize_images(
    screen: Floats, faces: Indices, cull: bool, first: int, step: int, face_id: Ints, depth: Floats
) -> None:
    """Images first, first + step, ... of the batch; the memory between is used again."""
    grid = np.empty(screen.shape[1], dtype=np.int64)
    inverse_depth = np.empty(screen.shape[1], dtype=np.float32)
    height, width = face_id.shape[1:]
    down, across = (height + _TILE - 1) // _TILE, (width + _TILE - 1) // _TILE
    tiles = np.empty((down, across, 2 * _SAMPLES), dtype=np.int32)
    for image in range(first, len(screen), step):
        tiles[:, :, :_SAMPLES] = 0
        _snap(screen[image], grid, inverse_depth)
        _draw(grid, inverse_depth, faces, cull, (height, width), tiles)
        _unpack(tiles, face_id[image], depth[image])


@parallel_kernel
def _rasterize_batch(
    screen: Floats, faces: Indices, cull: bool, workers: int, face_id: Ints, depth: Floats
) -> None:
    for worker in prange(workers):
        _rasterize_images(screen, faces, cull, worker, workers, face_id, depth)
