"""Eyeballs of our own, whose rings of vertices draw pupil and iris sharply, for every head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Polar angles in degrees of the eyeball's rings about the line of sight. Pairs of rings sit on the
# borders of pupil and iris, so that colour per vertex draws them sharply.
_EYE_RINGS = (3.0, 8.2, 9.2, 13.0, 17.0, 20.5, 22.6, 24.0, 27.0, 33.0, 42.0, 54.0, 68.0, 85.0)
_EYE_SEGMENTS = 28
CONVERGENCE = np.radians(1.8)
"""Each eye turns inwards by this, so that a head seen frontally looks at the camera."""

_LID_ANGLES = (28.0, 55.0)
"""Where the lids lie on the ball, degrees about the line of sight: it must fit there."""


@dataclass(frozen=True)
class Eyeball:
    """A unit sphere that looks out of the head.

    points (vertex, 3). angles (vertex,): degrees from the line of sight. faces (face, 3): outward.
    """

    points: NDArray[np.float64]
    angles: NDArray[np.float64]
    faces: NDArray[np.int64]


def eyeball(turn: float) -> Eyeball:
    """The ball that looks along +z turned by `turn` radians about +y."""
    angles = np.concatenate([[0.0], np.repeat(_EYE_RINGS, _EYE_SEGMENTS)])
    around = np.concatenate(
        [[0.0], np.tile(2 * np.pi * np.arange(_EYE_SEGMENTS) / _EYE_SEGMENTS, len(_EYE_RINGS))]
    )
    polar = np.radians(angles)
    points = np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=1
    )
    cos, sin = np.cos(turn), np.sin(turn)
    points = points @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    i = np.arange(_EYE_SEGMENTS)
    j = (i + 1) % _EYE_SEGMENTS
    triangles = [np.stack([np.zeros_like(i), 1 + i, 1 + j], axis=1)]
    for ring in range(len(_EYE_RINGS) - 1):
        inner = 1 + ring * _EYE_SEGMENTS
        outer = inner + _EYE_SEGMENTS
        triangles.append(np.stack([inner + i, outer + i, outer + j], axis=1))
        triangles.append(np.stack([inner + i, outer + j, inner + j], axis=1))
    return Eyeball(points, angles, np.concatenate(triangles))


def follow(
    ball: NDArray[np.float64],
    points: NDArray[np.float64],
    centre: NDArray[np.float64],
    radius: float,
) -> NDArray[np.float64]:
    """The weights (point, ball vertex) with which unit-sphere points move with a ball's vertices.

    The affine map that fits the ball's vertices (vertex, 3) best is linear in them.
    """
    canonical = np.column_stack([(ball - centre) / radius, np.ones(len(ball))])
    weights = np.column_stack([points, np.ones(len(points))]) @ np.linalg.pinv(canonical)
    return np.asarray(weights)


def measure(ball: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The centre (3,) of a foreign eyeball and its radius under the lids, where it must fit.

    The ball may carry a cornea's bulge, or be open at the back.
    """
    centre = sphere_centre(ball)
    outward = ball - centre
    radius = np.linalg.norm(outward, axis=1)
    polar = np.degrees(np.arccos(np.clip(outward[:, 2] / np.maximum(radius, 1e-9), -1, 1)))
    under_lids = (polar > _LID_ANGLES[0]) & (polar < _LID_ANGLES[1])
    return centre, float(np.median(radius[under_lids] if under_lids.sum() > 8 else radius))


def sphere_centre(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centre (3,) of the sphere that fits points (vertex, 3) best."""
    design = np.column_stack([2 * points, np.ones(len(points))])
    solution, *_ = np.linalg.lstsq(design, (points**2).sum(axis=1), rcond=None)
    return np.asarray(solution[:3])
