"""Catmull-Clark subdivision as a sparse linear operator, so that morphable modes subdivide too."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray


@dataclass(frozen=True)
class Subdivision:
    """One subdivision step.

    operator (fine vertex, coarse vertex): sparse float64; fine = operator @ coarse, rows ordered
        old vertices, then one per face, then one per edge.
    quads (fine face, 4): the finer mesh, winding kept.
    """

    operator: scipy.sparse.csr_matrix
    quads: NDArray[np.int64]


def catmull_clark(quads: NDArray[np.int64], vertex_count: int) -> Subdivision:
    """One step on a mesh of quads (face, 4); borders are creases, unused vertices stay put.

    Source: Catmull & Clark, Recursively generated B-spline surfaces, 1978; border rule of
    DeRose, Kass & Truong 1998.
    """
    face_count = len(quads)
    corners = np.stack([quads, np.roll(quads, -1, axis=1)], axis=2).reshape(-1, 2)
    edges, edge_of_side = np.unique(np.sort(corners, axis=1), axis=0, return_inverse=True)
    edge_of_side = edge_of_side.reshape(face_count, 4)
    edge_count = len(edges)

    face_point = _matrix(
        np.repeat(np.arange(face_count), 4), quads.ravel(), 0.25, (face_count, vertex_count)
    )
    midpoint = _matrix(
        np.repeat(np.arange(edge_count), 2), edges.ravel(), 0.5, (edge_count, vertex_count)
    )
    side_of_face = _matrix(
        edge_of_side.ravel(), np.repeat(np.arange(face_count), 4), 1.0, (edge_count, face_count)
    )
    faces_at_edge = np.asarray(side_of_face.sum(axis=1)).ravel()
    border = faces_at_edge == 1
    # An inner edge point is the mean of the edge's midpoint and of its two face points' mean.
    inner = scipy.sparse.diags(np.where(border, 0.0, 0.5))
    edge_point = (
        inner @ midpoint
        + inner @ scipy.sparse.diags(1.0 / faces_at_edge) @ side_of_face @ face_point
        + scipy.sparse.diags(border.astype(float)) @ midpoint
    )

    at_vertex = _matrix(
        quads.ravel(), np.repeat(np.arange(face_count), 4), 1.0, (vertex_count, face_count)
    )
    edge_at_vertex = _matrix(
        edges.ravel(), np.repeat(np.arange(edge_count), 2), 1.0, (vertex_count, edge_count)
    )
    border_at_vertex = edge_at_vertex @ scipy.sparse.diags(border.astype(float))
    valence = np.asarray(at_vertex.sum(axis=1)).ravel()
    border_edges = np.asarray(border_at_vertex.sum(axis=1)).ravel()
    used = valence > 0
    is_inner = used & (border_edges == 0)
    safe = np.maximum(valence, 1)
    edge_valence = np.maximum(np.asarray(edge_at_vertex.sum(axis=1)).ravel(), 1)
    # An inner vertex goes to (Q + 2 R + (n - 3) S) / n: Q the mean of its face points, R that of
    # its edges' midpoints, S itself. A border vertex to (mean of its border midpoints + S) / 2.
    face_mean = scipy.sparse.diags(is_inner / safe**2) @ at_vertex @ face_point
    edge_mean = scipy.sparse.diags(is_inner * 2 / (safe * edge_valence)) @ edge_at_vertex @ midpoint
    on_border = used & (border_edges > 0)
    border_mean = (
        scipy.sparse.diags(on_border * 0.5 / np.maximum(border_edges, 1))
        @ border_at_vertex
        @ midpoint
    )
    own = np.where(is_inner, (safe - 3) / safe, np.where(on_border, 0.5, 1.0))
    vertex_point = face_mean + edge_mean + border_mean + scipy.sparse.diags(own)

    centre = vertex_count + np.arange(face_count)
    side = vertex_count + face_count + edge_of_side
    fine = np.stack(
        [np.stack([quads[:, k], side[:, k], centre, side[:, k - 1]], axis=1) for k in range(4)],
        axis=1,
    ).reshape(-1, 4)
    operator = scipy.sparse.vstack([vertex_point, face_point, edge_point]).tocsr()
    return Subdivision(operator, fine)


def _matrix(
    rows: NDArray[np.int64], columns: NDArray[np.int64], value: float, shape: tuple[int, int]
) -> scipy.sparse.csr_matrix:
    return scipy.sparse.csr_matrix((np.full(len(rows), value), (rows, columns)), shape=shape)
