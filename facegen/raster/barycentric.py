"""Compiled kernels behind interpolate, for single and double precision.

At a point p of the screen a face's perspective-correct barycentric coordinates are proportional to
E_i(p) / z_i, where E_i is twice the area of the triangle of p and the edge opposite vertex i
(Blinn, "Hyperbolic Interpolation", 1992); they are computed times the product of the three z.

Indices are unsigned, which spares the compiled code the case of counting from an array's end.
"""

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import inlined, kernel, leaf, parallel_kernel, prange

Floats = NDArray[np.float32] | NDArray[np.float64]
Indices = NDArray[np.uint32]
Ids = NDArray[np.int32]
Floats4 = tuple[float, float, float, float]

LEAST = 1e-20
"""The least E, in squared samples: a face that has no area before it is rounded shows the mean."""


_AT_ONCE = 64
"""Samples whose channels stay in the nearest cache."""


@parallel_kernel
def forward(
    screen: Floats, attributes: Floats, faces: Indices, face_id: Ids, image: Floats
) -> None:
    """Fill image (batch, height, width, channel); the others are as in interpolate."""
    for n in prange(len(screen)):
        _forward_image(attributes[n % len(attributes)], screen[n], faces, face_id[n], image[n])


@parallel_kernel
def backward(
    screen: Floats,
    attributes: Floats,
    faces: Indices,
    face_id: Ids,
    by_image: Floats,
    by_attributes: Floats,
    by_screen: Floats,
) -> None:
    """Add the gradients by attributes (batch, vertex, channel) and by screen (batch, vertex, 3).

    One with no vertices is not needed.
    """
    for n in prange(len(screen)):
        _backward_image(
            attributes[n % len(attributes)],
            screen[n],
            faces,
            face_id[n],
            by_image[n],
            by_attributes[n],
            by_screen[n],
        )


@inlined
def _edge_functions(
    screen: Floats, a: int, b: int, c: int, x: float, y: float, is_outward: bool
) -> Floats4:
    """E at (x, y) for the edges opposite a, b, c, positive inside, and the sign that made it so.

    is_outward: the face is taken for one that looks at the viewer, and the sign is 1.
    """
    ax, ay = screen[a, 0] - x, screen[a, 1] - y
    bx, by = screen[b, 0] - x, screen[b, 1] - y
    cx, cy = screen[c, 0] - x, screen[c, 1] - y
    ea, eb, ec = cx * by - bx * cy, ax * cy - cx * ay, bx * ay - ax * by
    number = screen.dtype.type
    side = number(1) if is_outward | (ea + eb + ec >= number(0)) else number(-1)
    return side * ea, side * eb, side * ec, side


@inlined
def weights(
    screen: Floats, corners: tuple[int, int, int], x: float, y: float, is_outward: bool
) -> tuple[tuple[float, float, float], float]:
    """Barycentric coordinates E_i z_j z_k scale of (x, y), never negative, and that scale."""
    a, b, c = corners
    ea, eb, ec, _ = _edge_functions(screen, a, b, c, x, y, is_outward)
    za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
    least = screen.dtype.type(LEAST)
    wa, wb, wc = max(ea, least) * (zb * zc), max(eb, least) * (zc * za), max(ec, least) * (za * zb)
    scale = screen.dtype.type(1) / (wa + wb + wc)
    return (wa * scale, wb * scale, wc * scale), scale


@leaf
def _forward_image(
    attributes: Floats, screen: Floats, faces: Indices, face_id: Ids, image: Floats
) -> None:
    number = screen.dtype.type
    height, width, channels = image.shape
    image[:] = number(0)
    for row in range(height):
        for column in range(width):
            if face_id[row, column] < 0:
                continue
            face = np.uint32(face_id[row, column])
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            x, y = number(column) + number(0.5), number(row) + number(0.5)
            (wa, wb, wc), _ = weights(screen, (a, b, c), x, y, False)
            # With the first channel outside the loop, grey takes two thirds of the time.
            image[row, column, 0] = (
                wa * attributes[a, 0] + wb * attributes[b, 0] + wc * attributes[c, 0]
            )
            for k in range(1, channels):
                image[row, column, k] = (
                    wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]
                )


@kernel
def forward_seen(
    screen: Floats, attributes: Floats, faces: Indices, face_id: Ids, planes: Floats
) -> None:
    """Fill planes (channel, sample) with what the samples of one picture see that see a face."""
    number, channels, start, many = screen.dtype.type, len(planes), 0, 0
    # Some samples at a time: their channels lie side by side, as those of vertices do.
    some = np.empty((_AT_ONCE, channels), dtype=planes.dtype)
    for row in range(face_id.shape[0]):
        for column in range(face_id.shape[1]):
            if face_id[row, column] >= 0:
                face = np.uint32(face_id[row, column])
                a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
                x, y = number(column) + number(0.5), number(row) + number(0.5)
                (wa, wb, wc), _ = weights(screen, (a, b, c), x, y, False)
                for k in range(channels):
                    some[many, k] = (
                        wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]
                    )
                many += 1
            is_last = start + many == planes.shape[1]
            if many == _AT_ONCE or (is_last and many > 0):
                for k in range(channels):
                    for n in range(many):
                        planes[k, start + n] = some[n, k]
                start, many = start + many, 0


@leaf
def _backward_image(
    attributes: Floats,
    screen: Floats,
    faces: Indices,
    face_id: Ids,
    by_image: Floats,
    by_attributes: Floats,
    by_screen: Floats,
) -> None:
    number = screen.dtype.type
    height, width, channels = by_image.shape
    to_attributes, to_screen = len(by_attributes) > 0, len(by_screen) > 0
    for row in range(height):
        for column in range(width):
            if face_id[row, column] < 0:
                continue
            face = np.uint32(face_id[row, column])
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            x, y = number(column) + number(0.5), number(row) + number(0.5)
            (wa, wb, wc), scale = weights(screen, (a, b, c), x, y, False)
            ga, gb, gc = number(0), number(0), number(0)
            for k in range(channels):
                gradient = by_image[row, column, k]
                ga += gradient * attributes[a, k]
                gb += gradient * attributes[b, k]
                gc += gradient * attributes[c, k]
                if to_attributes:
                    by_attributes[a, k] += gradient * wa
                    by_attributes[b, k] += gradient * wb
                    by_attributes[c, k] += gradient * wc
            if to_screen:
                by_corners(
                    (ga, gb, gc), screen, (a, b, c), x, y, (wa, wb, wc), scale, False, by_screen
                )


@inlined
def by_corners(
    gains: tuple[float, float, float],
    screen: Floats,
    corners: tuple[int, int, int],
    x: float,
    y: float,
    shares: tuple[float, float, float],
    scale: float,
    is_outward: bool,
    by_screen: Floats,
) -> None:
    """Add a sample's gradient by the corners of its face, given that by its coordinates.

    shares, scale: as weights gives them.
    """
    number = screen.dtype.type
    (a, b, c), (wa, wb, wc), (ga, gb, gc) = corners, shares, gains
    mean = wa * ga + wb * gb + wc * gc
    ga, gb, gc = ga - mean, gb - mean, gc - mean
    za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
    inverse = number(1) / (za * zb * zc)
    by_screen[a, 2] -= ga * wa * (zb * zc * inverse)
    by_screen[b, 2] -= gb * wb * (zc * za * inverse)
    by_screen[c, 2] -= gc * wc * (za * zb * inverse)
    # From here on by E, which does not move where it was raised to its least value.
    ea, eb, ec, side = _edge_functions(screen, a, b, c, x, y, is_outward)
    scale *= side
    least = number(LEAST)
    ga = ga * (zb * zc * scale) if ea > least else number(0)
    gb = gb * (zc * za * scale) if eb > least else number(0)
    gc = gc * (za * zb * scale) if ec > least else number(0)
    ax, ay = screen[a, 0] - x, screen[a, 1] - y
    bx, by = screen[b, 0] - x, screen[b, 1] - y
    cx, cy = screen[c, 0] - x, screen[c, 1] - y
    by_screen[a, 0] += gb * cy - gc * by
    by_screen[a, 1] += gc * bx - gb * cx
    by_screen[b, 0] += gc * ay - ga * cy
    by_screen[b, 1] += ga * cx - gc * ax
    by_screen[c, 0] += ga * by - gb * ay
    by_screen[c, 1] += gb * ax - ga * bx
