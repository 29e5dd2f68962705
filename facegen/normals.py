"""Compiled kernels behind geometry.VertexNormals: faces one after the other, for any precision."""

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import kernel, leaf, parallel_kernel, prange

Floats = NDArray[np.float32] | NDArray[np.float64]
Indices = NDArray[np.uint32]
Vector = tuple[float, float, float]

LEAST = 1e-20
"""The least squared length of a normal before it is made a unit vector, mm^4."""


@parallel_kernel
def forward(vertices: Floats, faces: Indices, normals: Floats, scales: Floats) -> None:
    """Fill normals (batch, 3, vertex), which hold zeros, from vertices of the same shape.

    scales (batch, vertex): what the sums of face normals were multiplied by, for backward.
    """
    for n in prange(len(vertices)):
        _add_faces(vertices[n], faces, normals[n])
        _to_unit(normals[n], scales[n])


@parallel_kernel
def backward(
    vertices: Floats,
    faces: Indices,
    normals: Floats,
    scales: Floats,
    by_normals: Floats,
    by_vertices: Floats,
) -> None:
    """Add the gradient by vertices (batch, 3, vertex); normals and scales are forward's."""
    for n in prange(len(vertices)):
        by_sums = _by_sums(normals[n], scales[n], by_normals[n])
        _by_vertices(vertices[n], faces, by_sums, by_vertices[n])


@leaf
def _edge(vertices: Floats, tail: int, head: int) -> Vector:
    return (
        vertices[0, head] - vertices[0, tail],
        vertices[1, head] - vertices[1, tail],
        vertices[2, head] - vertices[2, tail],
    )


@leaf
def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@leaf
def _add_faces(vertices: Floats, faces: Indices, sums: Floats) -> None:
    """Add every face's normal, as long as twice its area, to its three vertices."""
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        normal = _cross(_edge(vertices, a, b), _edge(vertices, a, c))
        for k in range(3):
            sums[k, a] += normal[k]
            sums[k, b] += normal[k]
            sums[k, c] += normal[k]


@leaf
def _to_unit(sums: Floats, scales: Floats) -> None:
    number = sums.dtype.type
    for v in range(sums.shape[1]):
        x, y, z = sums[0, v], sums[1, v], sums[2, v]
        scale = number(1) / np.sqrt(max(x * x + y * y + z * z, number(LEAST)))
        sums[0, v], sums[1, v], sums[2, v] = x * scale, y * scale, z * scale
        scales[v] = scale


@kernel
def _by_sums(normals: Floats, scales: Floats, by_normals: Floats) -> Floats:
    """The gradient (vertex, 3) by the sums of face normals; faces want its rows side by side."""
    number = normals.dtype.type
    by_sums = np.empty((len(scales), 3), normals.dtype)
    most = number(1) / np.sqrt(number(LEAST))
    for v in range(len(scales)):
        x, y, z = normals[0, v], normals[1, v], normals[2, v]
        gx, gy, gz = by_normals[0, v], by_normals[1, v], by_normals[2, v]
        scale = scales[v]
        # A unit vector does not change along itself; one shorter than the least is not a unit one.
        along = x * gx + y * gy + z * gz if scale < most else number(0)
        by_sums[v, 0] = (gx - along * x) * scale
        by_sums[v, 1] = (gy - along * y) * scale
        by_sums[v, 2] = (gz - along * z) * scale
    return by_sums


@leaf
def _by_vertices(vertices: Floats, faces: Indices, by_sums: Floats, by_vertices: Floats) -> None:
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        gradient = (
            by_sums[a, 0] + by_sums[b, 0] + by_sums[c, 0],
            by_sums[a, 1] + by_sums[b, 1] + by_sums[c, 1],
            by_sums[a, 2] + by_sums[b, 2] + by_sums[c, 2],
        )
        by_b = _cross(_edge(vertices, a, c), gradient)
        by_c = _cross(gradient, _edge(vertices, a, b))
        for k in range(3):
            by_vertices[k, a] -= by_b[k] + by_c[k]
            by_vertices[k, b] += by_b[k]
            by_vertices[k, c] += by_c[k]
