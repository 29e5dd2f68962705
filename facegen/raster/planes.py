"""Compiled: a face as a plane above the screen."""

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import kernel

Floats = NDArray[np.float32] | NDArray[np.float64]
Faces = NDArray[np.uint32]
Floats3 = tuple[float, float, float]


@kernel
def coordinates(face: Faces, screen: Floats, x: float, y: float) -> Floats3:
    """Barycentric coordinates of a point of the screen."""
    ax, ay = screen[face[0], 0] - x, screen[face[0], 1] - y
    bx, by = screen[face[1], 0] - x, screen[face[1], 1] - y
    cx, cy = screen[face[2], 0] - x, screen[face[2], 1] - y
    a, b, c = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
    area = a + b + c
    return a / area, b / area, c / area


@kernel
def nearness(face: Faces, screen: Floats, x: float, y: float) -> Floats3:
    """1 / z of a face's plane at a point, and its derivatives to the right and down."""
    a, b, c = coordinates(face, screen, x, y)
    za, zb, zc = 1.0 / screen[face[0], 2], 1.0 / screen[face[1], 2], 1.0 / screen[face[2], 2]
    ax, ay = np.float64(screen[face[0], 0]), np.float64(screen[face[0], 1])
    bx, by = screen[face[1], 0] - ax, screen[face[1], 1] - ay
    cx, cy = screen[face[2], 0] - ax, screen[face[2], 1] - ay
    area = bx * cy - cx * by
    right = ((zb - za) * cy - (zc - za) * by) / area
    down = ((zc - za) * bx - (zb - za) * cx) / area
    return a * za + b * zb + c * zc, right, down
