"""Where loose hair falls on a head: from the crown down the skull, then free, around the face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Grid:
    """How many vertices a sheet of hair has: from ear to ear, on the skull, and hanging free."""

    columns: int
    crown: int
    fall: int

    @property
    def rows(self) -> int:
        return self.crown + self.fall

    def faces(self) -> NDArray[np.int64]:
        """Triangles (face, 3), counter-clockwise as seen from outside the head."""
        places = np.arange(self.rows * self.columns).reshape(self.rows, self.columns)
        corner = places[:-1, :-1].ravel()
        right, below = corner + 1, corner + self.columns
        across = below + 1
        return np.concatenate(
            [np.stack([corner, right, across], axis=1), np.stack([corner, across, below], axis=1)]
        )


COARSE, DENSE = Grid(41, 10, 11), Grid(81, 28, 33)
"""For pictures in which the former's facets are a few pixels, and for larger ones."""

GUIDES = 52
HIGHEST, LOWEST = 19.0, -215.0
"""Heights over the eyes, mm, from where hair leaves the skull to where the longest ends."""

TOP = (0.0, 22.0, -12.0)
"""Centre of the skull over the eyes, mm, about which polar angles count."""

_ROWS_POLAR = (0.4, 17.0, 33.0, 46.0, 56.0, 63.0, 69.5, 76.0, 84.0, 92.0)
"""Where rows lie, degrees from the crown: closest where the edge turns from parting to temple."""

# The curtain's front edge, degrees around the head's axis: over the skull by the angle from the
# crown, below the temples by the height over the eyes.
_EDGE_POLAR = (0.0, 50.0, 60.0, 67.0, 74.0, 82.0, 92.0)
_EDGE_AROUND = (3.0, 3.0, 7.0, 20.0, 42.0, 57.0, 66.0)
_FALL_HEIGHT = (-220.0, -130.0, -90.0, -50.0, -20.0, 20.0)
_FALL_AROUND = (46.0, 53.0, 60.0, 65.0, 67.0, 66.0)

_SPREAD = 14.0
"""How far out from where it leaves the skull hair is pushed by a neck and shoulders, mm."""


class Outside:
    """How far a head reaches from its axis: smooth, for a convex skull without ears."""

    def __init__(self, points: NDArray[np.float64]):
        self._points = points
        away = points - TOP
        self._radius = np.linalg.norm(away, axis=1)
        self._skull = cKDTree(away / self._radius[:, None])
        level = np.hypot(points[:, 0], points[:, 2] - TOP[2])
        turn = np.arctan2(points[:, 0], points[:, 2] - TOP[2])
        self._level = level
        # A cylinder unrolled: 60 mm a radian, so that both axes are lengths.
        wrapped = np.concatenate([turn - 2 * np.pi, turn, turn + 2 * np.pi])
        self._cylinder = cKDTree(np.column_stack([60 * wrapped, np.tile(points[:, 1], 3)]))

    def polar(self, around: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (..., 3) in directions given in degrees: about the axis, and from straight up."""
        way = _directions(angle, around)
        distance, near = self._skull.query(way.reshape(-1, 3), k=24)
        weight = np.exp(-((distance / 0.10) ** 2)) + 1e-6
        radius = (weight * self._radius[near]).sum(1) / weight.sum(1)
        return np.asarray(TOP + way * radius.reshape(*around.shape, 1))

    def level(
        self, around: NDArray[np.float64], height: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The distance (...) from the axis at degrees around it and at heights, mm."""
        query = np.column_stack([60 * np.radians(around).ravel(), height.ravel()])
        _, near = self._cylinder.query(query, k=16)
        return np.asarray(self._level[near % len(self._level)].max(1).reshape(around.shape))

    def nearest(self, height: float) -> int:
        """The point at the back of the head at a height over the eyes."""
        at = np.array([0.0, height, -140.0])
        return int(np.linalg.norm(self._points - at, axis=1).argmin())


def _smooth(
    at: NDArray[np.float64], knots: tuple[float, ...], values: tuple[float, ...]
) -> NDArray[np.float64]:
    """A curve through knots that has no corners and does not overshoot; level outside them."""
    curve = PchipInterpolator(knots, values)
    return np.asarray(curve(np.clip(at, knots[0], knots[-1])))


def _edge(
    polar: NDArray[np.float64], side: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Half the gap between a curtain's two edges, and its middle, degrees around the axis."""
    half = _smooth(polar, _EDGE_POLAR, _EDGE_AROUND)
    return half, 24.0 * side * np.clip((80.0 - polar) / 25.0, 0, 1)


def under(points: NDArray[np.float64], side: float) -> NDArray[np.float64]:
    """Signed distance (vertex,) of points (vertex, 3) below a curtain's edge over the skull, mm."""
    away = points - TOP
    radius = np.linalg.norm(away, axis=1)
    polar = np.degrees(np.arccos(np.clip(away[:, 1] / radius, -1, 1)))
    around = np.degrees(np.arctan2(away[:, 0], away[:, 2]))
    half, middle = _edge(polar, side)
    way = np.linspace(_EDGE_POLAR[1], _EDGE_POLAR[-1], 200)
    rim = [middle + sign * half for half, middle in (_edge(way, side),) for sign in (-1, 1)]
    path = np.concatenate([_directions(way, edge) for edge in rim])
    distance, _ = cKDTree(path).query(_directions(polar, around))
    signed = np.where(np.abs(around - middle) > half, distance, -distance) * radius
    return np.where(polar < _EDGE_POLAR[-1], signed, -99.0)


def _directions(polar: NDArray[np.float64], around: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (..., 3) from the skull's centre, by degrees from straight up and around."""
    p, a = np.radians(polar), np.radians(around)
    return np.stack([np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)], axis=-1)


def curtain(
    outside: Outside, side: float, grid: Grid
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The crown's rows (3, row, column) and the guides (3, guide, column) of a curtain.

    side: -1 .. 1, where the parting is.
    """
    column = np.linspace(-1, 1, grid.columns)
    row = np.linspace(0, len(_ROWS_POLAR) - 1, grid.crown)[:, None]
    polar = _smooth(row, tuple(range(len(_ROWS_POLAR))), _ROWS_POLAR)
    edge, shift = _edge(polar, side)
    sign = np.where(column < 0, -1.0, 1.0)
    around = sign * (edge + (180 - edge) * (1 - np.abs(column)))
    around = around + shift * np.abs(column) ** 2
    crown = outside.polar(around, np.broadcast_to(polar, around.shape))
    last = crown[-1]
    height = np.linspace(HIGHEST, LOWEST, GUIDES)[:, None]
    edge = _smooth(height, _FALL_HEIGHT, _FALL_AROUND)
    around = sign * (edge + (180 - edge) * (1 - np.abs(column)))
    hung = np.hypot(last[:, 0], last[:, 2] - TOP[2])
    body = outside.level(around, np.broadcast_to(height, around.shape)) + 4.0
    # Hair hangs from the skull, a little inwards, and lies on what is further out.
    inwards = 1 - 0.10 * np.clip(-height / 110.0, 0, 1)
    reach = np.maximum(hung * inwards, np.where(height > -20.0, 0.0, body))
    # But where it would have to spread over the shoulders it goes behind them.
    reach = np.minimum(reach, hung + _SPREAD)
    for _ in range(6):
        reach[1:-1] = (reach[:-2] + 2 * reach[1:-1] + reach[2:]) / 4
        reach[:, 1:-1] = (reach[:, :-2] + 2 * reach[:, 1:-1] + reach[:, 2:]) / 4
    # In front it curls in to cheek and neck: nobody looks at its dark inside.
    edge = np.clip((np.abs(column) - 0.72) / 0.28, 0, 1) ** 2 * np.clip(-height / 20.0, 0, 1)
    reach = reach + edge * (np.minimum(body - 9.0, reach) - reach)
    a = np.radians(around)
    level = np.broadcast_to(height, around.shape)
    guides = np.stack([reach * np.sin(a), level, reach * np.cos(a) + TOP[2]])
    return np.moveaxis(crown, -1, 0), guides
