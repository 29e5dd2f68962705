"""Surfaces as triangles: where a point lies on one, which vertices are at its border."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facegen.geometry import VertexNormals

_NEAREST = 12
"""Triangles whose centroids are the nearest to a point, of which one is nearest itself."""

NORMAL_MM = 12.0
"""Two opposite normals count as being apart by twice this: lips and lids fold back close by."""


@dataclass(frozen=True)
class OnSurface:
    """Points on a surface: corners (point, 3) are vertex indices, weights (point, 3) sum to 1.

    distance (point,): mm from the point asked for.
    """

    corners: NDArray[np.int64]
    weights: NDArray[np.float64]
    distance: NDArray[np.float64]

    def read(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Values per vertex, (vertex,) or (vertex, 3), at the points."""
        corners = values[self.corners].astype(np.float64)
        return np.asarray(np.einsum("pk,pk...->p...", self.weights, corners))


def vertex_normals(
    vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Unit normals (vertex, 3)."""
    points = torch.from_numpy(np.ascontiguousarray(vertices.T, dtype=np.float64))
    triangles = torch.from_numpy(np.ascontiguousarray(faces, dtype=np.int32))
    return np.asarray(VertexNormals(triangles, len(vertices))(points[None])[0].T.numpy())


def nearest_on_surface(
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    vertices: NDArray[np.float64],
    faces: NDArray[np.integer],
) -> OnSurface:
    """The nearest points of a surface that faces the same way as the points' own surface."""
    triangles = vertices[faces]
    edges = triangles[:, 1:] - triangles[:, :1]
    outward = np.cross(edges[:, 0], edges[:, 1])
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-12)
    tree = cKDTree(np.hstack([triangles.mean(axis=1), NORMAL_MM * outward]))
    count = min(_NEAREST, len(faces))
    _, near = tree.query(np.hstack([points, NORMAL_MM * normals]), k=count)
    near = near.reshape(len(points), count)
    weights = nearest_in_triangle(points[:, None], triangles[near])
    found = np.einsum("pnk,pnkc->pnc", weights, triangles[near])
    apart = np.linalg.norm(found - points[:, None], axis=2)
    turned = NORMAL_MM * np.linalg.norm(outward[near] - normals[:, None], axis=2)
    row, best = np.arange(len(points)), np.hypot(apart, 0.5 * turned).argmin(axis=1)
    return OnSurface(faces[near[row, best]].astype(np.int64), weights[row, best], apart[row, best])


def nearest_in_triangle(
    points: NDArray[np.float64], triangles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Barycentric coordinates (..., 3) of the triangles' (..., 3, 3) points nearest to points.

    The foot of the perpendicular where it falls inside, otherwise the nearest point of an edge.
    """
    a, b, c = np.moveaxis(triangles, -2, 0)
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-12)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    best = np.stack([1 - v - w, v, w], axis=-1)
    inside = (best >= 0).all(axis=-1)
    nearest = np.where(inside, 0.0, np.inf)
    for start, stop in ((0, 1), (1, 2), (2, 0)):
        origin = triangles[..., start, :]
        edge = triangles[..., stop, :] - origin
        along = ((points - origin) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-12)
        along = np.clip(along, 0.0, 1.0)
        gap = np.linalg.norm(origin + along[..., None] * edge - points, axis=-1)
        weights = np.zeros_like(best)
        weights[..., start], weights[..., stop] = 1 - along, along
        closer = gap < nearest
        best = np.where(closer[..., None], weights, best)
        nearest = np.where(closer, gap, nearest)
    return best


def on_border(faces: NDArray[np.integer], vertex_count: int) -> NDArray[np.bool_]:
    """Which vertices (vertex,) end an edge that only one triangle has."""
    sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    edges, uses = np.unique(sides, axis=0, return_counts=True)
    border = np.zeros(vertex_count, dtype=np.bool_)
    border[edges[uses == 1].ravel()] = True
    return border


def border_loops(quads: NDArray[np.int64]) -> list[list[int]]:
    """The closed borders, each in the order in which its faces run along it."""
    sides = {
        (int(a), int(b)) for quad in quads for a, b in zip(quad, np.roll(quad, -1), strict=True)
    }
    following = {a: b for a, b in sorted(sides) if (b, a) not in sides}
    loops = []
    while following:
        start, current = following.popitem()
        loop = [start]
        while current != start:
            loop.append(current)
            current = following.pop(current)
        loops.append(loop)
    return loops
