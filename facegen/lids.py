"""Eyelids under expressions: they close a person's own eyes, and stop where they meet.

A blend shape moves lids as far on everybody, though one person's eyes open twice as wide as
another's: on most of them, a blink would draw the upper lid over the cheek, or leave a slit.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.morphable.surface import nearest_in_triangle
from facegen.raster import rasterize

_STEP = 0.1
"""Samples in which the mean's eyes are looked at, mm."""

_COLUMNS, _CORNER = 11, 0.06
"""Where lids are measured: places across an eye, between shares of its width from its corners."""

_WIDE = 0.3
"""An eye opens, and closes, where lids are farther apart on the mean, mm."""

_SHUT = 0.3
"""By how much lids that meet overlap, mm, so that nothing shows between them."""

_REACH = (14.0, 24.0)
"""How far above an eye skin is its upper lid's altogether, and not any more, mm."""

_LEAST, _MOST = 0.3, 2.0
"""How wide eyes open, in the mean's, as far as expressions heed it."""


class Lids:
    """The upper eyelids of one head model; a model without eyeballs has none."""

    def __init__(self, mean: Tensor, faces: Tensor, anatomy: Anatomy, *, proportional: bool):
        """A head's mean (3, vertex), mm, its faces (face, 3) and its body's anatomy.

        proportional: whether an expression that closes the mean's eyes shall close everybody's, and
        moves the lids of wide ones farther.
        """
        ball = anatomy.eye_angle >= 0
        sides = (ball & (mean[0] > 0), ball & (mean[0] < 0))
        found = (_lid(mean, faces, anatomy, side) for side in sides if side.any())
        self._lids = tuple(lid for lid in found if lid)
        self._proportional = proportional

    def moved(self, vertices: Tensor, moves: Tensor) -> Tensor:
        """Displacements that expressions make, with those of upper lids as far as they may go.

        vertices (batch, 3, vertex): of neutral faces. moves (batch, 3, vertex): of the expression.
        Both mm; the latter are written to where no gradients are recorded.
        """
        for lid in self._lids:
            share = lid.share(vertices, moves, proportional=self._proportional)
            moving = moves[:, :, lid.skin] * share[:, None]
            put = moves.index_copy if moves.requires_grad else moves.index_copy_
            moves = put(2, lid.skin, moving)
        return moves


@dataclass(frozen=True)
class _Lid:
    """One upper lid, and the rim of the lower one.

    skin (vertex,): its vertices. columns (column, vertex): how they lie between the places across
    the eye. weight (vertex,): how much they are the lid's. upper_corners, lower_corners (3,
    column): the vertices of the triangles in which the rims are, with upper_, lower_weights.
    gap (column,): how far they are apart on the mean, mm.
    """

    skin: Tensor
    columns: Tensor
    weight: Tensor
    upper_corners: Tensor
    upper_weights: Tensor
    lower_corners: Tensor
    lower_weights: Tensor
    gap: Tensor

    def apart(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """The heights (batch, column) of both rims."""
        height = vertices[:, 1]
        upper = (height[:, self.upper_corners] * self.upper_weights).sum(dim=1)
        return upper, (height[:, self.lower_corners] * self.lower_weights).sum(dim=1)

    def share(self, vertices: Tensor, moves: Tensor, *, proportional: bool) -> Tensor:
        """The shares (batch, vertex) of moves that the lid's skin makes."""
        upper, lower = self.apart(vertices)
        down, up = self.apart(moves)
        gap = upper - lower
        share = (gap / self.gap).clamp(_LEAST, _MOST) if proportional else torch.ones_like(gap)
        # What may be left of the way down, which the lower lid comes up in part.
        room = (gap + _SHUT - up).clamp(min=0) / (-down).clamp(min=_SHUT)
        share = torch.where(down < 0, torch.minimum(share, room), share)
        return 1 + self.weight * ((share - 1) @ self.columns)


def _lid(mean: Tensor, faces: Tensor, anatomy: Anatomy, ball: Tensor) -> _Lid | None:
    """The lid over the ball that is marked (vertex,); None where there is no opening."""
    place = mean.double().numpy()
    low, high = place[:, ball.numpy()].min(axis=1), place[:, ball.numpy()].max(axis=1)
    seen, origin = _front(mean, faces, low, high)
    is_eye = ball.numpy()[faces.numpy()].all(axis=1)
    opening = (seen >= 0) & is_eye[np.maximum(seen, 0)]
    wide = np.flatnonzero(opening.sum(axis=0) * _STEP > _WIDE)
    if not len(wide):
        return None
    inset = _CORNER * (wide[-1] - wide[0])
    columns = np.linspace(wide[0] + inset, wide[-1] - inset, _COLUMNS).round().astype(int)
    rims = []
    # One sample beyond the opening lies on the lid's outermost triangle.
    top = opening[:, columns].argmax(axis=0) - 1
    bottom = len(opening) - opening[::-1, columns].argmax(axis=0)
    for row in (top, bottom):
        corners = faces.numpy()[seen[row, columns]]
        at = np.stack([origin[0] + (columns + 0.5) * _STEP, origin[1] - (row + 0.5) * _STEP])
        triangles = place.T[corners]
        flat = np.concatenate([triangles[..., :2], np.zeros_like(triangles[..., :1])], axis=2)
        weights = nearest_in_triangle(np.pad(at.T, ((0, 0), (0, 1))), flat)
        rims.append((torch.from_numpy(corners.T.astype(np.int64)), torch.from_numpy(weights.T)))
    across = origin[0] + (columns + 0.5) * _STEP
    middle = origin[1] - ((top + bottom) / 2 + 0.5) * _STEP
    (upper_corners, upper), (lower_corners, lower) = rims
    above = place[1] - np.interp(place[0], across, middle)
    beside = np.abs(place[0] - across.mean()) / (across[-1] - across[0])
    near = (above > 0) & (above < _REACH[1]) & (beside < 1) & (place[2] > low[2])
    skin = np.flatnonzero(near & (anatomy.is_skin > 0.5).numpy())
    weight = np.interp(above[skin], _REACH, (1.0, 0.0))
    between = np.stack([np.interp(place[0, skin], across, row) for row in np.eye(_COLUMNS)])
    heights = [
        (mean[1].double()[corners] * weights).sum(dim=0)
        for corners, weights in ((upper_corners, upper), (lower_corners, lower))
    ]
    return _Lid(
        skin=torch.from_numpy(skin),
        columns=torch.from_numpy(between).float(),
        weight=torch.from_numpy(weight).float(),
        upper_corners=upper_corners,
        upper_weights=upper.float(),
        lower_corners=lower_corners,
        lower_weights=lower.float(),
        gap=(heights[0] - heights[1]).float(),
    )


def _front(
    mean: Tensor, faces: Tensor, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Which faces (row, column) are seen of a ball within low .. high (3,), by parallel rays.

    And where the picture begins, x and y of its upper left corner, mm.
    """
    origin = np.array([low[0], high[1]])
    width, height = np.ceil((high - low)[:2] / _STEP).astype(int).clip(1)
    x, y, z = mean.double()
    screen = torch.stack([(x - origin[0]) / _STEP, (origin[1] - y) / _STEP, z.max() + 1.0 - z])
    fragments = rasterize(screen.T[None].float(), faces.int(), int(height), int(width))
    return fragments.face_id[0].numpy(), origin
