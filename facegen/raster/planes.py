"""Compiled: a face as a plane above the screen; how a line crosses it, and what moves it."""

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import leaf

Floats = NDArray[np.float32] | NDArray[np.float64]
Faces = NDArray[np.uint32]
Corners = tuple[int, int, int]
Floats3 = tuple[float, float, float]


@leaf
def corners(faces: Faces, face: int) -> Corners:
    """A face's vertices: numbers, because numba counts references to every piece of an array."""
    return faces[face, 0], faces[face, 1], faces[face, 2]


@leaf
def coordinates(face: Corners, screen: Floats, x: float, y: float) -> Floats3:
    """Barycentric coordinates of a point of the screen."""
    ax, ay = screen[face[0], 0] - x, screen[face[0], 1] - y
    bx, by = screen[face[1], 0] - x, screen[face[1], 1] - y
    cx, cy = screen[face[2], 0] - x, screen[face[2], 1] - y
    a, b, c = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    size = 1.0 / (a + b + c)
    return a * size, b * size, c * size


@leaf
def nearness(face: Corners, screen: Floats, x: float, y: float) -> Floats3:
    """1 / z of a face's plane at a point, and its derivatives to the right and down."""
    a, b, c = coordinates(face, screen, x, y)
    za, zb, zc = 1.0 / screen[face[0], 2], 1.0 / screen[face[1], 2], 1.0 / screen[face[2], 2]
    ax, ay = np.float64(screen[face[0], 0]), np.float64(screen[face[0], 1])
    bx, by = screen[face[1], 0] - ax, screen[face[1], 1] - ay
    cx, cy = screen[face[2], 0] - ax, screen[face[2], 1] - ay
    size = 1.0 / (bx * cy - cx * by)
    right = ((zb - za) * cy - (zc - za) * by) * size
    down = ((zc - za) * bx - (zb - za) * cx) * size
    return a * za + b * zb + c * zc, right, down


@leaf
def is_front(face: Corners, screen: Floats) -> bool:
    """Whether a face looks at the viewer."""
    ax, ay = screen[face[0], 0], screen[face[0], 1]
    bx, by = screen[face[1], 0] - ax, screen[face[1], 1] - ay
    cx, cy = screen[face[2], 0] - ax, screen[face[2], 1] - ay
    return bool(cx * by - bx * cy > 0)


@leaf
def on_line(
    face: Corners, screen: Floats, x: float, y: float, along: int
) -> tuple[Floats3, Floats3]:
    """Barycentric coordinates of a point, and how they change along a line of samples.

    The line goes right or down, along = 0 or 1.
    """
    ax, ay = screen[face[0], 0] - x, screen[face[0], 1] - y
    bx, by = screen[face[1], 0] - x, screen[face[1], 1] - y
    cx, cy = screen[face[2], 0] - x, screen[face[2], 1] - y
    a, b, c = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    size = 1.0 / (a + b + c)
    if along == 0:
        da, db, dc = by - cy, cy - ay, ay - by
    else:
        da, db, dc = cx - bx, ax - cx, bx - ax
    return (a * size, b * size, c * size), (da * size, db * size, dc * size)


@leaf
def way_out(here: Floats3, slopes: Floats3, way: float, limit: float) -> tuple[float, int]:
    """How far from a point a line of samples leaves a face, and opposite which of its corners.

    here, slopes: as on_line gives them; the line is gone along, or back if way is -1. Where that is
    beyond a limit, it is the limit, and -1.
    """
    end, across = limit, -1
    for i in range(3):
        if slopes[i] * way < 0:
            zero = -here[i] / slopes[i]
            if (zero - end) * way < 0:
                end, across = zero, i
    return end, across


@leaf
def push(
    gain: float, face: Corners, screen: Floats, x: float, y: float, right: float, down: float,
    by_screen: Floats,
) -> None:  # fmt: skip
    """Add the gradient by a face's corners, given that by its nearness at a point.

    right, down: the nearness's own derivatives, as `nearness` gives them.
    """
    shares = coordinates(face, screen, x, y)
    for i in range(3):
        corner, share = face[i], shares[i] * gain
        by_screen[corner, 0] -= share * right
        by_screen[corner, 1] -= share * down
        by_screen[corner, 2] -= share / (np.float64(screen[corner, 2]) * screen[corner, 2])
