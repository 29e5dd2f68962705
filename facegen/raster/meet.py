"""Compiled kernel behind follow_silhouettes: lines in which surfaces pass through each other.

Between two samples that see different surfaces, both are walked along until one comes before the
other. Nearness, 1 / z, is linear over a face on the screen: it says where that is, and how it moves
with the corners of both faces. These places are summed as those of occluding edges are.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import leaf, parallel_kernel, prange
from facegen.raster.planes import (
    Corners,
    coordinates,
    corners,
    is_front,
    nearness,
    on_line,
    push,
    way_out,
)

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int32]
Faces = NDArray[np.uint32]

_LEAST_CHANGE = 0.02
"""Of what is seen: most samples beside each other see one smooth surface, and are passed over."""

_LONGEST_WALK = 12
"""Faces between two samples."""


class _Image(NamedTuple):
    """One rasterized image; as in follow_silhouettes."""

    screen: Floats
    faces: Faces
    neighbours: Ids
    layers: Floats
    samples: Floats
    by_pixels: Floats


@parallel_kernel
def meet(
    screen: Floats,
    faces: Faces,
    neighbours: Ids,
    found: Ids,
    face_id: Ids,
    layers: Floats,
    samples: Floats,
    by_pixels: Floats,
    by_screen: Floats,
) -> None:
    """Add the gradient by screen (batch, vertex, 3).

    found: from facegen.raster.occlude. The others are as in follow_silhouettes.
    """
    for n in prange(len(screen)):
        image = _Image(
            screen[n], faces, neighbours, layers[n % len(layers)], samples[n], by_pixels[n]
        )
        place, shown = screen[n], samples[n]
        walked, borders = np.empty((2, _LONGEST_WALK), np.int64), np.empty((2, _LONGEST_WALK))
        rows, columns = face_id.shape[1:]
        unlike = np.empty(columns, np.int64)
        for along in range(2):
            for row in range(rows - along):
                ids, next_ids = face_id[n, row], face_id[n, row + along]
                many = _find_unlike(
                    ids, next_ids, found[n, along, row], shown[row], shown[row + along],
                    1 - along, unlike,
                )  # fmt: skip
                for column in unlike[:many]:
                    right = column + 1 - along
                    first, second = ids[column], next_ids[right]
                    if _touch(corners(faces, first), corners(faces, second)) or _is_one_surface(
                        first, second, right + 0.5, row + along + 0.5, place, faces, neighbours
                    ):
                        continue
                    _pair(first, second, row, column, along, image, walked, borders, by_screen[n])


@leaf
def _find_unlike(
    ids: Ids, next_ids: Ids, found: Ids, samples: Floats, next_samples: Floats,
    right: int, unlike: NDArray[np.int64],
) -> int:  # fmt: skip
    """List the samples of a row that show another surface than the next one, return how many.

    The next one is in the same row, right = 1, or below, 0. A row at a time, because the caller
    counts references to every piece of an array.
    """
    many = 0
    for column in range(len(ids) - right):
        first, second = ids[column], next_ids[column + right]
        if (first == second) | (first < 0) | (second < 0) | (found[column] != 0):
            continue
        change = samples.dtype.type(0)
        for k in range(samples.shape[1]):
            change = max(change, abs(samples[column, k] - next_samples[column + right, k]))
        unlike[many] = column
        many += change > _LEAST_CHANGE
    return many


@leaf
def _touch(one: Corners, other: Corners) -> bool:
    """Whether two faces have a corner in common."""
    (a, b, c), (d, e, f) = (one[0], one[1], one[2]), (other[0], other[1], other[2])
    has_a, has_b = (a == d) | (a == e) | (a == f), (b == d) | (b == e) | (b == f)
    return bool(has_a | has_b | (c == d) | (c == e) | (c == f))


@leaf
def _is_one_surface(
    first: int, second: int, x: float, y: float, screen: Floats, faces: Faces, neighbours: Ids
) -> bool:
    """Whether walking from a face to a point of the screen leads to the face that is seen there.

    Two samples beside each other that see different things mostly see one surface's bend or paint.
    """
    face = first
    for _ in range(_LONGEST_WALK):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay = screen[a, 0] - x, screen[a, 1] - y
        bx, by = screen[b, 0] - x, screen[b, 1] - y
        cx, cy = screen[c, 0] - x, screen[c, 1] - y
        ea, eb, ec = cx * by - bx * cy, ax * cy - cx * ay, bx * ay - ax * by
        least = min(ea, eb, ec)
        if ea + eb + ec <= 0 or least >= 0:
            return False
        face = neighbours[face, 0 if least == ea else (1 if least == eb else 2)]
        if face == second or face < 0:
            return bool(face == second)
    return False


@leaf
def _pair(
    first: int,
    second: int,
    row: int,
    column: int,
    along: int,
    image: _Image,
    walked: NDArray[np.int64],
    borders: NDArray[np.float64],
    by_screen: Floats,
) -> None:
    """Look for the place where the surface that one sample sees gives way to the next one's."""
    screen, faces = image.screen, image.faces
    (ones, others), (ends, starts) = walked, borders
    x, y = column + 0.5, row + 0.5
    length = _walk(first, x, y, along, 0.0, 1.0, image, ones, ends)
    depth = _walk(second, x, y, along, 1.0, -1.0, image, others, starts)
    at = 0.0
    for i in range(length):
        for j in range(depth - 1, -1, -1):
            low = max(at, starts[j])
            high = min(ends[i], 1.0 if j == 0 else starts[j - 1])
            if low > high:
                continue
            one, other = corners(faces, ones[i]), corners(faces, others[j])
            if ones[i] == others[j]:
                return
            near, one_right, one_down = nearness(one, screen, x, y)
            far, other_right, other_down = nearness(other, screen, x, y)
            ahead, right, down = near - far, one_right - other_right, one_down - other_down
            slope = right if along == 0 else down
            if ahead + low * slope < 0 or ahead + high * slope >= 0:
                continue
            share = -ahead / slope
            px, py = (x + share, y) if along == 0 else (x, y + share)
            side = len(image.samples) // len(image.by_pixels)
            gain = _gain(one, other, row, column, along, px, py, image)
            # The place moves by change / -slope, and counts slope^2 / (right^2 + down^2).
            gain *= -slope / ((right * right + down * down) * (side * side))
            push(gain, one, screen, px, py, one_right, one_down, by_screen)
            push(-gain, other, screen, px, py, other_right, other_down, by_screen)
            return
        at = ends[i]


@leaf
def _walk(
    face: int,
    x: float,
    y: float,
    along: int,
    start: float,
    way: float,
    image: _Image,
    walked: NDArray[np.int64],
    ends: NDArray[np.float64],
) -> int:
    """List the faces from one sample on to the next, and where each ends; returns their number.

    They begin at start, 0 or 1, and go on in a way, 1 or -1, along a line of samples.
    """
    screen, faces = image.screen, image.faces
    at = start
    for count in range(_LONGEST_WALK):
        here, slopes = on_line(corners(faces, face), screen, x, y, along)
        end, across = way_out(here, slopes, way, 1.0 - start)
        walked[count], at = face, end if (end - at) * way > 0 else at
        ends[count] = at
        if across < 0:
            return count + 1
        face = image.neighbours[face, across]
        if face < 0 or not is_front(corners(faces, face), screen):
            return count + 1
    return _LONGEST_WALK


@leaf
def _gain(
    one: Corners, other: Corners, row: int, column: int, along: int, x: float, y: float,
    image: _Image,
) -> float:  # fmt: skip
    """The gradient by how much more is seen of one face, and less of another, at a point."""
    samples, screen, layers = image.samples, image.screen, image.layers
    side = len(samples) // len(image.by_pixels)
    by_pixel = image.by_pixels[int(y) // side, int(x) // side]
    gain = 0.0
    for k in range(samples.shape[2]):
        if layers.shape[1]:
            change = _shown(one, k, x, y, screen, layers) - _shown(other, k, x, y, screen, layers)
        else:
            change = samples[row, column, k] - samples[row + along, column + 1 - along, k]
        gain += by_pixel[k] * change
    return gain


@leaf
def _shown(face: Corners, k: int, x: float, y: float, screen: Floats, layers: Floats) -> float:
    """Channel k of a face at a point: interpolated and mixed."""
    a, b, c = coordinates(face, screen, x, y)
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
