"""Eyelids under expressions: they close a person's own eyes, and stop where they meet.

A blend shape moves lids as far on everybody, though one person's eyes open twice as wide as
another's: on most of them, a blink would draw the upper lid over the cheek, or leave a slit.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.anatomy import Anatomy, ramp
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

_REACH = (5.0, 13.0)
"""How far above or below an eye's opening skin is its lid's altogether, and not any more, mm."""

_BESIDE = (0.5, 0.8)
"""The same beside an eye's middle, in its widths."""

_LEAST, _MOST = 0.3, 2.0
"""How wide eyes open, in the mean's, as far as expressions heed it."""

_FEWEST = 3
"""Places across an eye where both rims must be found."""


class Lids:
    """The eyelids of one head model; a model without eyeballs, or without rims, has none."""

    def __init__(self, mean: Tensor, faces: Tensor, anatomy: Anatomy, *, proportional: bool):
        """A head's mean (3, vertex), mm, its faces (face, 3) and its body's anatomy.

        proportional: whether an expression that closes the mean's eyes shall close everybody's, and
        moves the lids of wide ones farther.
        """
        ball = anatomy.eye_angle >= 0
        sides = (ball & (mean[0] > 0), ball & (mean[0] < 0))
        found = (_lids(mean, faces, anatomy, side) for side in sides if side.any())
        self._eyes = tuple(lids for lids in found if lids)
        self._proportional = proportional

    def moved(self, vertices: Tensor, moves: Tensor) -> Tensor:
        """Displacements that expressions make, with those of lids as far as they may go.

        vertices (batch, 3, vertex): of neutral faces. moves (batch, 3, vertex): of the expression.
        Both mm; the latter are written to where no gradients are recorded.
        """
        for lids in self._eyes:
            share = lids.share(vertices, moves, proportional=self._proportional)
            moving = moves[:, :, lids.skin] * share[:, None]
            put = moves.index_copy if moves.requires_grad else moves.index_copy_
            moves = put(2, lids.skin, moving)
        return moves


@dataclass(frozen=True)
class _Lids:
    """The lids of one eye.

    skin (vertex,): their vertices. columns (column, vertex): how these lie between the places
    across the eye. weight (vertex,): how much they are the lids'. upper_corners, lower_corners (3,
    column): the vertices of the triangles in which the rims are, with upper_, lower_weights.
    gap (column,): how far the rims are apart on the mean, mm.
    """

    skin: Tensor
    columns: Tensor
    weight: Tensor
    upper_corners: Tensor
    upper_weights: Tensor
    lower_corners: Tensor
    lower_weights: Tensor
    gap: Tensor

    def apart(self, vertices: Tensor) -> Tensor:
        """How far both rims are apart (batch, column), mm."""
        height = vertices[:, 1]
        upper = (height[:, self.upper_corners] * self.upper_weights).sum(dim=1)
        return upper - (height[:, self.lower_corners] * self.lower_weights).sum(dim=1)

    def share(self, vertices: Tensor, moves: Tensor, *, proportional: bool) -> Tensor:
        """The shares (batch, vertex) of moves that the lids' skin makes."""
        gap, closing = self.apart(vertices), -self.apart(moves)
        share = (gap / self.gap).clamp(_LEAST, _MOST) if proportional else torch.ones_like(gap)
        room = (gap + _SHUT).clamp(min=0)
        # Lids that would pass each other both stop short, the one that goes farther by more.
        allowed = room / torch.where(closing > 0, closing, torch.ones_like(closing))
        share = torch.where(closing > 0, torch.minimum(share, allowed), share)
        return 1 + self.weight * ((share - 1) @ self.columns)


@dataclass(frozen=True)
class _Rims:
    """Where both rims are seen, upper and lower in this order, at places across an eye.

    across (column,), heights (2, column): mm, on the mean. corners (2, 3, column), weights (2, 3,
    column): of the triangles there.
    """

    across: NDArray[np.float64]
    heights: NDArray[np.float64]
    corners: NDArray[np.int64]
    weights: NDArray[np.float64]


def _lids(mean: Tensor, faces: Tensor, anatomy: Anatomy, ball: Tensor) -> _Lids | None:
    """The lids of the ball that is marked (vertex,); None where there is no opening with rims."""
    rims = _rims(mean, faces, ball)
    if rims is None:
        return None
    x, y, z = mean.double().numpy()
    high, low = rims.heights
    upper, lower = np.interp(x, rims.across, high), np.interp(x, rims.across, low)
    half = (upper - lower) / 2
    from_middle = np.abs(y - (upper + lower) / 2)
    beside = np.abs(x - rims.across.mean()) / (rims.across[-1] - rims.across[0])
    # At the corners, where lids grow together, neither moves.
    weight = ramp(from_middle / half, 0.0, 0.7) * ramp(from_middle - half, *_REACH[::-1])
    weight *= ramp(beside, *_BESIDE[::-1]) * (z > z[ball.numpy()].min())
    skin = np.flatnonzero((weight > 0) & (anatomy.is_skin > 0.5).numpy())
    steps = np.eye(len(rims.across))
    columns = np.stack([np.interp(x[skin], rims.across, row) for row in steps])
    corners, weights = torch.from_numpy(rims.corners), torch.from_numpy(rims.weights).float()
    return _Lids(
        skin=torch.from_numpy(skin),
        columns=torch.from_numpy(columns).float(),
        weight=torch.from_numpy(weight[skin]).float(),
        upper_corners=corners[0],
        upper_weights=weights[0],
        lower_corners=corners[1],
        lower_weights=weights[1],
        gap=torch.from_numpy(high - low).float(),
    )


def _rims(mean: Tensor, faces: Tensor, ball: Tensor) -> _Rims | None:
    """Where the mean's lids end over the ball that is marked (vertex,), as parallel rays see it."""
    triangles, place = faces.numpy(), mean.double().numpy()
    own = place[:, ball.numpy()]
    seen, origin = _front(mean, faces, own.min(axis=1), own.max(axis=1))
    is_eye = (seen >= 0) & ball.numpy()[triangles].all(axis=1)[np.maximum(seen, 0)]
    wide = np.flatnonzero(is_eye.sum(axis=0) * _STEP > _WIDE)
    if not len(wide):
        return None
    inset = _CORNER * (wide[-1] - wide[0])
    columns = np.linspace(wide[0] + inset, wide[-1] - inset, _COLUMNS).round().astype(int)
    # One sample beyond the opening lies on the lid's outermost triangle.
    rows = np.stack(
        [is_eye[:, columns].argmax(axis=0) - 1, len(seen) - is_eye[::-1, columns].argmax(axis=0)]
    )
    # Without a lid, what is seen there is the picture's border, or what is far behind.
    is_open = is_eye[:, columns].any(axis=0) & (rows[0] >= 0) & (rows[1] < len(seen))
    columns, rows = columns[is_open], rows[:, is_open]
    found = (seen[rows, columns] >= 0).all(axis=0)
    columns, rows = columns[found], rows[:, found]
    if len(np.unique(columns)) < _FEWEST:
        return None
    corners = triangles[seen[rows, columns]].astype(np.int64)
    across = origin[0] + (columns + 0.5) * _STEP
    heights = origin[1] - (rows + 0.5) * _STEP
    points = np.stack([np.broadcast_to(across, heights.shape), heights, 0.0 * heights], axis=-1)
    flat = place.T[corners] * [1.0, 1.0, 0.0]
    weights = nearest_in_triangle(points, flat)
    return _Rims(across, heights, np.moveaxis(corners, 2, 1), np.moveaxis(weights, 2, 1))


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
