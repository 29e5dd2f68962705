"""Compiled kernel behind follow_silhouettes: lines in which surfaces pass through each other.

Between two samples that see different surfaces, both are walked along until one comes before the
other. Nearness, 1 / z, is linear over a face on the screen: it says where that is, and how it moves
with the corners of both faces. These places are summed as those of occluding edges are.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import kernel, leaf
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
from facegen.raster.sight import covered

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


@kernel
def meet(
    screen: Floats, faces: Faces, neighbours: Ids, outer: Ids, face_id: Ids, layers: Floats,
    samples: Floats, by_pixels: Floats, by_screen: Floats,
) -> None:  # fmt: skip
    """Add one picture's gradient by screen (vertex, 3).

    outer: from facegen.raster.occlude. The others are as in follow_silhouettes.
    """
    image = _Image(screen, faces, neighbours, layers, samples, by_pixels)
    walked, borders = np.empty((2, _LONGEST_WALK), np.int64), np.empty((2, _LONGEST_WALK))
    unlike = np.empty(face_id.shape[1], np.int64)
    _meet(image, outer, face_id, unlike, walked, borders, by_screen)


@leaf
def _meet(
    image: _Image, outer: Ids, face_id: Ids, unlike: NDArray[np.int64], walked: NDArray[np.int64],
    borders: NDArray[np.float64], by_screen: Floats,
) -> None:  # fmt: skip
    screen, faces, neighbours = image.screen, image.faces, image.neighbours
    rows, number = len(face_id), screen.dtype.type
    for row in range(rows):
        ids = face_id[row]
        start, stop = covered(ids)
        for along in range(2 if row + 1 < rows else 1):
            next_ids, right = face_id[row + along], 1 - along
            many = _find_unlike(
                ids, next_ids, outer[along, row], image.samples[row], image.samples[row + along],
                start, stop - right, right, unlike,
            )  # fmt: skip
            for column in unlike[:many]:
                first, second = ids[column], next_ids[column + right]
                x, y = number(column + right) + number(0.5), number(row + along) + number(0.5)
                if _touch(corners(faces, first), corners(faces, second)) or _is_one_surface(
                    first, second, x, y, screen, faces, neighbours
                ):
                    continue
                _pair(first, second, row, column, along, image, walked, borders, by_screen)


@leaf
def _find_unlike(
    ids: Ids, next_ids: Ids, outer: Ids, samples: Floats, next_samples: Floats,
    start: int, stop: int, right: int, unlike: NDArray[np.int64],
) -> int:  # fmt: skip
    """List the samples of a row that show another surface than the next one, return how many.

    Asked about are those from start on, before stop. The next one is in the same row, right = 1, or
    below, 0.
    """
    many, kept = 0, 0
    for column in range(start, stop):
        first, second = ids[column], next_ids[column + right]
        unlike[many] = column
        many += (first != second) & (first >= 0) & (second >= 0) & (outer[column] == 0)
    for column in unlike[:many]:
        change = samples.dtype.type(0)
        for k in range(samples.shape[1]):
            change = max(change, abs(samples[column, k] - next_samples[column + right, k]))
        unlike[kept] = column
        kept += change > _LEAST_CHANGE
    return kept


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
            shown = _shown(one, k, x, y, screen, layers, samples.shape[2])
            change = shown - _shown(other, k, x, y, screen, layers, samples.shape[2])
        else:
            change = samples[row, column, k] - samples[row + along, column + 1 - along, k]
        gain += by_pixel[k] * change
    return gain


@leaf
def _shown(
    face: Corners, k: int, x: float, y: float, screen: Floats, layers: Floats, channels: int
) -> float:
    """Channel k of a face at a point: interpolated and mixed."""
    a, b, c = coordinates(face, screen, x, y)
    a, b, c = a / screen[face[0], 2], b / screen[face[1], 2], c / screen[face[2], 2]
    total = a + b + c
    one, two, three = layers[face[0]], layers[face[1]], layers[face[2]]
    below: float = (a * one[k] + b * two[k] + c * three[k]) / total
    if len(one) == channels:
        return below
    k += channels
    above = (a * one[k] + b * two[k] + c * three[k]) / total
    k = 2 * channels
    cover = (a * one[k] + b * two[k] + c * three[k]) / total
    mixed: float = below + min(max(cover, 0.0), 1.0) * (above - below)
    return mixed
