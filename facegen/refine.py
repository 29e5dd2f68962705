"""Large pictures: long edges of a head's skin split and rounded, so that outlines show no facets.

The vertices of the model stay, and stay first; behind them come the middles of edges.
"""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.geometry import unit

LONGEST = 12.0
"""Samples of an edge that need not be split: across fewer a corner is not seen."""

_MOST = 3
"""How often an edge is halved at most."""


class _Step:
    """Halves some edges of a mesh.

    ends (edge, 2): the vertices of each, between which a new one comes. faces: int32 (face, 3),
    those of the mesh after it.
    """

    def __init__(self, faces: NDArray[np.int32], count: int, is_split: NDArray[np.bool_]):
        """Of a mesh of `count` vertices and faces (face, 3), the sides (face, 3) that are split.

        Side k runs from corner k to the next; neighbours agree on the side that they share.
        """
        sides = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1)
        ends, which = np.unique(np.sort(sides[is_split], axis=-1), axis=0, return_inverse=True)
        middle = np.full(faces.shape, -1, dtype=np.int32)
        middle[is_split] = count + which.reshape(-1)
        self.ends = torch.from_numpy(ends.astype(np.int64))
        self.faces = _split(faces, middle)

    def values(self, plane: Tensor) -> Tensor:
        """What vertices have (..., vertex), and what is halfway between."""
        one, other = (plane.index_select(-1, end) for end in self.ends.unbind(1))
        return torch.cat([plane, (one + other) / 2], dim=-1)

    def rounded(self, vertices: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices and unit normals (batch, 3, vertex), the new ones on arcs along the surface.

        Source: the cubic edges of Vlachos, Peters, Boyd & Mitchell, Curved PN triangles, 2001.
        """
        (one, other), (up, upwards) = (
            [plane.index_select(2, end) for end in self.ends.unbind(1)]
            for plane in (vertices, normals)
        )
        along = other - one
        bend = _along(along, up) - _along(along, upwards)
        middle = (one + other) / 2 - bend / 8
        # Normals of the finer mesh's own would show how it is cut.
        leaning = unit(up + upwards, dim=1)
        return torch.cat([vertices, middle], dim=2), torch.cat([normals, leaning], dim=2)


def _along(vectors: Tensor, normals: Tensor) -> Tensor:
    """The part of vectors that runs along unit normals, both (batch, 3, vertex)."""
    return (vectors * normals).sum(dim=1, keepdim=True) * normals


def _split(faces: NDArray[np.int32], middle: NDArray[np.int32]) -> NDArray[np.int32]:
    """Faces (face, 3) cut where their sides have a middle (face, 3), -1 where they have none."""
    cut = (middle >= 0).sum(axis=1)
    # With its first cut side in front, and where two are cut, these two.
    first = np.argmax(middle >= 0, axis=1)
    first = np.where((cut == 2) & (middle[:, 0] >= 0) & (middle[:, 2] >= 0), 2, first)
    order = (first[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(faces, order, axis=1).T
    ab, bc, ca = np.take_along_axis(middle, order, axis=1).T
    pieces = {
        0: [(a, b, c)],
        1: [(a, ab, c), (ab, b, c)],
        2: [(ab, b, bc), (a, ab, c), (ab, bc, c)],
        3: [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)],
    }
    return np.concatenate(
        [
            np.stack(corners, axis=1)[cut == many]
            for many, pieces_of_one in pieces.items()
            for corners in pieces_of_one
        ]
    )


class Refinement:
    """How the skin of one head model is split.

    faces: int32 (face, 3), those of the finer mesh.
    """

    def __init__(self, mean: Tensor, faces: Tensor, anatomy: Anatomy, longest: float):
        """A head's mean (3, vertex), mm, its faces (face, 3) and anatomy; longest edge, mm."""
        place, normals, corners = mean[None], anatomy.normals[None], faces.numpy()
        # Balls and teeth have their own rules; what is out of sight needs none.
        outside = (anatomy.is_skin > 0.5) & (anatomy.mouth < 0.5) & (anatomy.teeth < 0.5)
        skin = outside.float()
        steps = []
        for _ in range(_MOST):
            sides = np.stack([corners, np.roll(corners, -1, axis=1)], axis=-1)
            length = (place[0].T[sides[..., 0]] - place[0].T[sides[..., 1]]).norm(dim=-1).numpy()
            is_split = (length > longest) & (skin.numpy()[sides] == 1).all(axis=-1)
            if not is_split.any():
                break
            step = _Step(corners, place.shape[2], is_split)
            place, normals = step.rounded(place, normals)
            skin, corners = step.values(skin), step.faces
            steps.append(step)
        self._steps = tuple(steps)
        self.faces = torch.from_numpy(corners)

    def rounded(self, vertices: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices, mm, and unit normals (batch, 3, vertex), and behind them the new ones'."""
        for step in self._steps:
            vertices, normals = step.rounded(vertices, normals)
        return vertices, normals

    def values(self, plane: Tensor) -> Tensor:
        """What vertices have (..., vertex), and behind it what the new ones have."""
        for step in self._steps:
            plane = step.values(plane)
        return plane

    def anatomy(self, body: Anatomy) -> Anatomy:
        """The anatomy of the finer mesh."""
        if not self._steps:
            return body
        names = [field.name for field in dataclasses.fields(body)]
        planes = {name: self.values(getattr(body, name)) for name in names}
        planes |= {name: unit(planes[name], dim=0) for name in ("normals", "strand")}
        return Anatomy(**planes)
