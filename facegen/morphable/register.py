"""Lays the default head's surface on another head's, so that every point of one has its twin.

First a similarity, then the default head's own identity modes (a face stays a face), then a smooth
field of what they leave. Each step is an iterated closest point method (Besl & McKay 1992) with
residuals along the normals (Chen & Medioni 1992).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facegen.errors import UserError
from facegen.morphable.model import MorphableModel
from facegen.morphable.surface import NORMAL_MM, on_border, vertex_normals

_FEWEST = 500
"""The coarsest face models have a few thousand vertices."""

_SCALES = (0.8, 1.25)
"""Metric models of adults differ by less."""

_STARTS_MM = (0.0, -18.0, 18.0)
"""Heights from which the similarity is tried: a nose is easily mistaken for a chin."""

_PRIORS = (600.0, 400.0, 250.0, 150.0, 100.0, 70.0, 50.0, 40.0, 40.0, 40.0)
_REACHES_MM = (24.0, 16.0, 11.0, 8.0, 6.0, 5.0)


@dataclass(frozen=True)
class Target:
    """The surface to lie on: vertices, normals (vertex, 3) of its outside, none of them a border's.

    eyes: the centres (2, 3) of the left and right eyeball, where known.
    """

    vertices: NDArray[np.float64]
    normals: NDArray[np.float64]
    eyes: NDArray[np.float64] | None

    @classmethod
    def of(
        cls,
        vertices: NDArray[np.float64],
        faces: NDArray[np.integer],
        outside: NDArray[np.bool_],
        eyes: NDArray[np.float64] | None,
    ) -> "Target":
        """The outside (marked vertices) of a mesh."""
        keep = outside & ~on_border(faces, len(vertices)) & np.isin(np.arange(len(vertices)), faces)
        return cls(vertices[keep], vertex_normals(vertices, faces)[keep], eyes)


def register(head: MorphableModel, target: Target) -> NDArray[np.float64]:
    """The default head's vertices (vertex, 3), moved onto the target; mm in the target's frame."""
    if len(target.vertices) < _FEWEST:
        raise UserError(
            f"no face in it: {len(target.vertices)} vertices on its outside are too few"
        )
    tree = cKDTree(np.hstack([target.vertices, NORMAL_MM * target.normals]))
    template = _Template(head)
    moved = template.similar(target)
    moved = template.morphed(moved, target, tree)
    return template.warped(moved, target, tree)


class _Template:
    """The default head and the part of it that is looked for: the front of its skin."""

    def __init__(self, head: MorphableModel):
        self.mean = head.mean.astype(np.float64)
        self.basis = head.basis
        self.faces = head.faces
        fields = head.fields
        skin = (fields["eye_angle"] < 0) & (fields["occlusion"] > 0.25)
        skin &= (fields["inside_mouth"] < 0.3) & (fields["neckline"] <= 0)
        self.front = np.flatnonzero(skin & (self.mean[:, 2] > -40))
        self.face = np.flatnonzero(skin & (fields["face"] > 0.5) & (fields["ears"] < 0.1))[::2]
        self.normals = vertex_normals(self.mean, self.faces)[self.face]
        self.centres = [
            self.mean[(fields["eye_angle"] >= 0) & (side * self.mean[:, 0] > 0)].mean(axis=0)
            for side in (1, -1)
        ]

    def similar(self, target: Target) -> NDArray[np.float64]:
        """All vertices after the best similarity onto the target."""
        tree = cKDTree(target.vertices)
        best, least = self.mean, np.inf
        for height in _STARTS_MM:
            moved, error = self._iterate_similarity(target, tree, self._start(target, height))
            if error < least:
                best, least = moved, error
        if not least < 12.0:
            raise UserError(f"no face in it: the best fit is {least:.0f} mm off")
        return best

    def _start(self, target: Target, height: float) -> NDArray[np.float64]:
        """All vertices, roughly in place: eyes upon eyes, or else nose upon nose."""
        if target.eyes is not None:
            shift = target.eyes.mean(axis=0) - np.mean(self.centres, axis=0)
        else:
            shift = _nose(target.vertices) - _nose(self.mean[self.face])
        return np.asarray(self.mean + shift + np.array([0.0, height, 0.0]))

    def _iterate_similarity(
        self, target: Target, tree: cKDTree, moved: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        face, similarity = self.mean[self.face], _fit_similarity(self.mean, moved, _SCALES)
        median = np.inf
        for _ in range(40):
            apart, near = tree.query(similarity(face))
            normals = self.normals @ similarity.turn.T
            fits = (normals * target.normals[near]).sum(axis=1) > 0.5
            before, median = median, float(np.median(apart))
            if abs(before - median) < 1e-3 * median:
                break
            fits &= apart <= max(np.quantile(apart, 0.75), 2.0)
            if fits.sum() < 20:
                return moved, np.inf
            similarity = _fit_similarity(face[fits], target.vertices[near[fits]], _SCALES)
        return similarity(self.mean), median

    def morphed(
        self, moved: NDArray[np.float64], target: Target, tree: cKDTree
    ) -> NDArray[np.float64]:
        """All vertices after identity modes, and a similarity, that fit the target better."""
        some = self.front[:: max(1, len(self.front) // 4000)]
        basis = self.basis[:, some].astype(np.float64)
        modes = len(basis)
        similarity = _fit_similarity(self.mean, moved, _SCALES)
        for prior in _PRIORS:
            points, normals, fits = self._pairs(moved, target, tree, some)
            # In the default head's own frame: normals . (mode moves + small motion) = what is left.
            normals = normals[fits] @ similarity.turn
            rest = similarity.back(points[fits]) - self.mean[some][fits]
            place = self.mean[some][fits]
            along = np.einsum("vn,kvn->vk", normals, basis[:, fits], optimize=True)
            turning, growing = np.cross(place, normals), (normals * place).sum(axis=1)
            rows = np.column_stack([along, turning, normals, growing])
            weights = np.concatenate([np.full(modes, prior), np.full(7, 1e-6)])
            normal_matrix = rows.T @ rows + np.diag(weights)
            solution = np.linalg.solve(normal_matrix, rows.T @ (normals * rest).sum(axis=1))
            shape = self.mean + np.tensordot(solution[:modes], self.basis, axes=1)
            spin, shift, growth = (
                solution[modes : modes + 3],
                solution[modes + 3 : -1],
                solution[-1],
            )
            stirred = shape + np.cross(spin, self.mean) + shift + growth * self.mean
            similarity = _fit_similarity(shape, similarity(stirred), _SCALES)
            moved = similarity(shape)
        return moved

    def warped(
        self, moved: NDArray[np.float64], target: Target, tree: cKDTree
    ) -> NDArray[np.float64]:
        """All vertices after a smooth field, ever finer, that takes the front to the target."""
        for reach in _REACHES_MM:
            points, _, fits = self._pairs(moved, target, tree, self.front)
            anchors = _thinned(self.mean[self.front], reach / 2.5)
            anchors = anchors[fits[anchors]]
            start = self.front[anchors]
            count = min(24, len(start))
            if count < 4:
                break
            apart, near = cKDTree(self.mean[start]).query(self.mean, k=count)
            weights = np.exp(-((apart / reach) ** 2))
            # Where nothing is near the field fades to nothing.
            total = weights.sum(axis=1, keepdims=True) + 0.15
            pull = points[anchors] - moved[start]
            moved = moved + np.einsum("vk,vkc->vc", weights / total, pull[near])
        return moved

    def _pairs(
        self,
        moved: NDArray[np.float64],
        target: Target,
        tree: cKDTree,
        some: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """For some vertices: the target's nearest points, their normals, which pairs to believe.

        The points lie on the target's tangent planes, so that its vertices' spacing does not show.
        """
        place = moved[some]
        own = vertex_normals(moved, self.faces)[some]
        _, near = tree.query(np.hstack([place, NORMAL_MM * own]))
        normals = target.normals[near]
        off = ((place - target.vertices[near]) * normals).sum(axis=1, keepdims=True)
        aside = place - off * normals - target.vertices[near]
        # A foot of the perpendicular far from its vertex has run past the border.
        length = np.linalg.norm(aside, axis=1)
        apart = np.abs(off[:, 0])
        believed = (own * normals).sum(axis=1) > 0.6
        believed &= (apart < max(3.0, np.quantile(apart, 0.85))) & (length < 6.0)
        return (
            target.vertices[near] + np.where(length < 6.0, 1.0, 0.0)[:, None] * aside,
            normals,
            believed,
        )


@dataclass(frozen=True)
class _Similarity:
    """points -> scale * turn @ point + shift."""

    scale: float
    turn: NDArray[np.float64]
    shift: NDArray[np.float64]

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.scale * points @ self.turn.T + self.shift)

    def back(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((points - self.shift) @ self.turn / self.scale)


def _fit_similarity(
    source: NDArray[np.float64], goal: NDArray[np.float64], scales: tuple[float, float]
) -> _Similarity:
    """The best in the least squares' sense, its scale kept within bounds (Umeyama 1991)."""
    from_centre, to_centre = source.mean(axis=0), goal.mean(axis=0)
    a, b = source - from_centre, goal - to_centre
    u, singular, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = u * signs @ vt
    scale = float(np.clip((singular * signs).sum() / max((a * a).sum(), 1e-12), *scales))
    return _Similarity(scale, turn, to_centre - scale * turn @ from_centre)


def _nose(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point that sticks out furthest near the middle."""
    middle = np.abs(points[:, 0] - np.median(points[:, 0])) < 15.0
    candidates = points[middle] if middle.any() else points
    return np.asarray(candidates[candidates[:, 2].argmax()])


def _thinned(points: NDArray[np.float64], spacing: float) -> NDArray[np.int64]:
    """Indices of points about so far apart: the first of each cube of a grid."""
    cubes = np.floor(points / spacing).astype(np.int64)
    return np.sort(np.unique(cubes, axis=0, return_index=True)[1])
