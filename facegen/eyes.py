"""Eyeballs as a person has them: behind their lids, and with a cornea that mirrors the light."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.geometry import unit

_CLEAR = 0.02
"""How far above a ball lids lie, in its radii: their triangles' middles lie lower than corners."""

_NEAR, _FRONT = 0.3, 0.4
"""Which skin counts as a lid: so near to the mean ball, and facing so far forwards."""

_BULGE, _IRIS = 0.55, (24.0, 33.0)
"""A cornea's radius is two thirds of its ball's: normals lean outwards by so much of their angle,
from the line of sight to the iris' rim, and then less and less; degrees."""

_LEAST = 4
"""Vertices of a ball, and of an affine map: a mask's hole for an eye has a single one to stand for
it, which has no size."""


class Eyes:
    """The eyes of one head model; holes that a mask has for them are none."""

    def __init__(self, mean: Tensor, anatomy: Anatomy):
        """A head's mean (3, vertex), mm, and the anatomy of its body."""
        points, angle = mean.double().numpy().T, anatomy.eye_angle.double().numpy()
        left = points[:, 0] > 0
        self._eyes = tuple(
            _Eye(points, (angle >= 0) & side, (angle < 0) & side, angle)
            for side in (left, ~left)
            if ((angle >= 0) & side).sum() >= _LEAST
        )

    def seat(self, vertices: Tensor) -> None:
        """Set back, in place, balls of vertices (batch, 3, vertex), mm, that look through lids."""
        for eye in self._eyes:
            back = eye.excess(vertices)[:, None].expand(-1, len(eye.ball))
            vertices[:, 2].index_add_(1, eye.ball, -back)

    def bulge(self, normals: Tensor) -> None:
        """Lean, in place, unit normals (batch, 3, vertex) as corneas do, which no vertex is of."""
        for eye in self._eyes:
            on_ball = normals[:, :, eye.ball]
            leaning = on_ball + eye.bulge * (on_ball - normals[:, :, eye.middle, None])
            normals.index_copy_(2, eye.ball, unit(leaning, dim=1))


class _Eye:
    """One eye.

    ball (vertex,): the indices of its vertices. bulge (vertex,): how much each one's normal leans.
    middle: the index of the vertex that lies where it looks.
    """

    def __init__(
        self,
        points: NDArray[np.float64],
        ball: NDArray[np.bool_],
        skin: NDArray[np.bool_],
        angle: NDArray[np.float64],
    ):
        own = points[ball]
        centre = own.mean(axis=0)
        radius = np.linalg.norm(own - centre, axis=1).mean()
        away = (points - centre) / radius
        distance = np.linalg.norm(away, axis=1)
        # What lies closer on the mean head is folded in behind the rim.
        lid = (distance > 1 + 1.5 * _CLEAR) & (distance < 1 + _NEAR) & (away[:, 2] > _FRONT)
        # A person's ball is the mean one after this affine map.
        fit = np.linalg.pinv(np.column_stack([away[ball], np.ones(len(own))])).T
        self.ball = torch.from_numpy(np.flatnonzero(ball))
        self.middle = int(np.where(ball, angle, np.inf).argmin())
        self.bulge = torch.from_numpy(_BULGE * np.interp(angle[ball], _IRIS, (1.0, 0.0))).float()
        self._fit = torch.from_numpy(fit).float()
        self._lid = torch.from_numpy(np.flatnonzero(lid & skin))

    def excess(self, vertices: Tensor) -> Tensor:
        """By how much the ball is to be set back (batch,), mm."""
        placed = vertices[:, :, self.ball] @ self._fit
        shape, middle = placed[..., :3], placed[..., 3:]
        away = torch.linalg.solve_ex(shape, vertices[:, :, self._lid] - middle)[0]
        # torch's own norm takes up to 60 times as long along this axis.
        distance = (away * away).sum(dim=1).sqrt()
        low = (1 + _CLEAR - distance).clamp(min=0) * distance / away[:, 2].clamp(min=_FRONT)
        back: Tensor = low.amax(dim=1) * shape[:, 2, 2]
        return back
