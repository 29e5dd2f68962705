"""Compiled kernel behind follow_silhouettes: lines in which surfaces pass through each other.

Between two samples that see different surfaces, both are walked along until one comes before the
other. Nearness, 1 / z, is linear over a face on the screen: it says where that is, and how it moves
with the corners of both faces. These places are summed as those of occluding edges are.
"""

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import kernel, parallel_kernel, prange

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int32]
Faces = NDArray[np.uint32]
Floats3 = tuple[float, float, float]

_LEAST_CHANGE = 0.02
"""Of what is seen: most samples beside each other see one smooth surface, and are passed over."""

_LONGEST_WALK = 12
"""Faces between two samples."""


@parallel_kernel
def meet(
    screen: Floats,
    faces: Faces,
    neighbours: Ids,
    face_id: Ids,
    layers: Floats,
    samples: Floats,
    by_pixels: Floats,
    by_screen: Floats,
) -> None:
    """Add the gradient by screen (batch, vertex, 3); the others are as in follow_silhouettes."""
    for n in prange(len(screen)):
        rows, columns = face_id.shape[1:]
        shown = layers[n % len(layers)]
        walked, borders = np.empty((2, _LONGEST_WALK), np.int64), np.empty((2, _LONGEST_WALK))
        for row in range(rows):
            for column in range(columns):
                first = face_id[n, row, column]
                for along in range(2 if first >= 0 else 0):
                    down, right = row + along, column + 1 - along
                    if down == rows or right == columns:
                        continue
                    second = face_id[n, down, right]
                    if second < 0 or second == first:
                        continue
                    change = 0.0
                    for k in range(samples.shape[3]):
                        step = samples[n, row, column, k] - samples[n, down, right, k]
                        change = max(change, abs(step))
                    if change > _LEAST_CHANGE:
                        _pair(
                            first, second, row, column, along, screen[n], faces, neighbours,
                            shown, samples[n], by_pixels[n], walked, borders, by_screen[n],
                        )  # fmt: skip


@kernel
def _pair(
    first: int,
    second: int,
    row: int,
    column: int,
    along: int,
    screen: Floats,
    faces: Faces,
    neighbours: Ids,
    layers: Floats,
    samples: Floats,
    by_pixels: Floats,
    walked: NDArray[np.int64],
    borders: NDArray[np.float64],
    by_screen: Floats,
) -> None:
    """Look for the place where the surface that one sample sees gives way to the next one's."""
    for i in range(3):
        for j in range(3):
            if faces[first, i] == faces[second, j]:
                return
    (ones, others), (ends, starts) = walked, borders
    x, y = column + 0.5, row + 0.5
    length = _walk(first, x, y, along, 0.0, 1.0, screen, faces, neighbours, ones, ends)
    depth = _walk(second, x, y, along, 1.0, -1.0, screen, faces, neighbours, others, starts)
    at = 0.0
    for i in range(length):
        for j in range(depth - 1, -1, -1):
            low = max(at, starts[j])
            high = min(ends[i], 1.0 if j == 0 else starts[j - 1])
            if low > high:
                continue
            one, other = faces[ones[i]], faces[others[j]]
            if ones[i] == others[j]:
                return
            ahead, right, down = _nearness(one, screen, x, y)
            other_ahead, other_right, other_down = _nearness(other, screen, x, y)
            ahead, right, down = ahead - other_ahead, right - other_right, down - other_down
            slope = right if along == 0 else down
            if ahead + low * slope < 0 or ahead + high * slope >= 0:
                continue
            share = -ahead / slope
            px, py = (x + share, y) if along == 0 else (x, y + share)
            side = len(samples) // len(by_pixels)
            gain = _gain(
                one, other, row, column, along, px, py, screen, layers, samples,
                by_pixels[int(py) // side, int(px) // side],
            )  # fmt: skip
            # The place moves by change / -slope, and counts slope^2 / (right^2 + down^2).
            gain *= -slope / ((right * right + down * down) * (side * side))
            _add(gain, one, screen, px, py, by_screen)
            _add(-gain, other, screen, px, py, by_screen)
            return
        at = ends[i]


@kernel
def _walk(
    face: int,
    x: float,
    y: float,
    along: int,
    start: float,
    way: float,
    screen: Floats,
    faces: Faces,
    neighbours: Ids,
    walked: NDArray[np.int64],
    ends: NDArray[np.float64],
) -> int:
    """List the faces from one sample on to the next, and where each ends; returns their number.

    They begin at start, 0 or 1, and go on in a way, 1 or -1, along a line of samples.
    """
    at = start
    for count in range(_LONGEST_WALK):
        here = _coordinates(faces[face], screen, x, y)
        there = _coordinates(faces[face], screen, x + (1.0 - along), y + (0.0 + along))
        end, across = 1.0 - start, -1
        for i in range(3):
            slope = there[i] - here[i]
            if slope * way < 0:
                zero = -here[i] / slope
                if (zero - end) * way < 0:
                    end, across = zero, i
        walked[count], at = face, end if (end - at) * way > 0 else at
        ends[count] = at
        if across < 0:
            return count + 1
        face = neighbours[face, across]
        if face < 0 or not _is_front(faces[face], screen):
            return count + 1
    return _LONGEST_WALK


@kernel
def _is_front(face: Faces, screen: Floats) -> bool:
    ax, ay = screen[face[0], 0], screen[face[0], 1]
    bx, by = screen[face[1], 0] - ax, screen[face[1], 1] - ay
    cx, cy = screen[face[2], 0] - ax, screen[face[2], 1] - ay
    return bool(cx * by - bx * cy > 0)


@kernel
def _gain(
    one: Faces,
    other: Faces,
    row: int,
    column: int,
    along: int,
    x: float,
    y: float,
    screen: Floats,
    layers: Floats,
    samples: Floats,
    by_pixel: Floats,
) -> float:
    """The gradient by how much more is seen of one face, and less of another, at a point."""
    gain = 0.0
    for k in range(samples.shape[2]):
        if layers.shape[1]:
            change = _shown(one, k, x, y, screen, layers) - _shown(other, k, x, y, screen, layers)
        else:
            change = samples[row, column, k] - samples[row + along, column + 1 - along, k]
        gain += by_pixel[k] * change
    return gain


@kernel
def _shown(face: Faces, k: int, x: float, y: float, screen: Floats, layers: Floats) -> float:
    """Channel k of a face at a point: interpolated and mixed."""
    a, b, c = _coordinates(face, screen, x, y)
    a, b, c = a / screen[face[0], 2], b / screen[face[1], 2], c / screen[face[2], 2]
    total, channels = a + b + c, layers.shape[1] // 2
    one, two, three = layers[face[0]], layers[face[1]], layers[face[2]]
    below = (a * one[k] + b * two[k] + c * three[k]) / total
    k += channels
    above = (a * one[k] + b * two[k] + c * three[k]) / total
    k = 2 * channels
    cover = (a * one[k] + b * two[k] + c * three[k]) / total
    mixed: float = below + min(max(cover, 0.0), 1.0) * (above - below)
    return mixed


@kernel
def _coordinates(face: Faces, screen: Floats, x: float, y: float) -> Floats3:
    """Barycentric coordinates of a point of the screen."""
    ax, ay = screen[face[0], 0] - x, screen[face[0], 1] - y
    bx, by = screen[face[1], 0] - x, screen[face[1], 1] - y
    cx, cy = screen[face[2], 0] - x, screen[face[2], 1] - y
    a, b, c = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    area = a + b + c
    return a / area, b / area, c / area


@kernel
def _nearness(face: Faces, screen: Floats, x: float, y: float) -> Floats3:
    """1 / z of a face's plane at a point, and its derivatives to the right and down."""
    a, b, c = _coordinates(face, screen, x, y)
    za, zb, zc = 1.0 / screen[face[0], 2], 1.0 / screen[face[1], 2], 1.0 / screen[face[2], 2]
    ax, ay = np.float64(screen[face[0], 0]), np.float64(screen[face[0], 1])
    bx, by = screen[face[1], 0] - ax, screen[face[1], 1] - ay
    cx, cy = screen[face[2], 0] - ax, screen[face[2], 1] - ay
    area = bx * cy - cx * by
    right = ((zb - za) * cy - (zc - za) * by) / area
    down = ((zc - za) * bx - (zb - za) * cx) / area
    return a * za + b * zb + c * zc, right, down


@kernel
def _add(gain: float, face: Faces, screen: Floats, x: float, y: float, by_screen: Floats) -> None:
    """Add the gradient by a face's corners, given that by its nearness at a point."""
    coordinates = _coordinates(face, screen, x, y)
    _, right, down = _nearness(face, screen, x, y)
    for i in range(3):
        corner, share = face[i], coordinates[i] * gain
        by_screen[corner, 0] -= share * right
        by_screen[corner, 1] -= share * down
        by_screen[corner, 2] -= share / (np.float64(screen[corner, 2]) * screen[corner, 2])
