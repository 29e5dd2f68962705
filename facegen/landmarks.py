"""The 68 facial landmarks of the iBUG annotations, as points of a face model's surface.

Source of the scheme: Sagonas, Tzimiropoulos, Zafeiriou & Pantic, "300 Faces in-the-Wild", 2013.
In its order, counted from 0: 0-16 along the jaw from the subject's right ear to the left, 17-21 the
right brow, 22-26 the left brow, 27-30 down the bridge of the nose, 31-35 along its base, 36-41 the
right eye and 42-47 the left eye, 48-59 around the lips, 60-67 around the mouth's opening.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from facegen.morphable.surface import nearest_in_triangle
from facegen.truth_columns import LANDMARKS

# Places on the default head's mean shape, mm in its frame: of the subject's left half, +x, or on
# the midline. They were picked on pictures of it, feature by feature; what the other half has
# mirrors them.
_JAW = (
    (70.4, -0.7, 1.2), (69.4, -20.4, 3.2), (65.6, -39.9, 5.4), (58.0, -58.9, 10.6),
    (52.9, -73.2, 21.7), (44.0, -85.0, 40.8), (31.5, -93.6, 57.7), (17.6, -99.9, 70.0),
)  # fmt: skip
_CHIN = (0.0, -102.9, 74.4)
_BROW = (
    (9.0, 20.8, 87.5), (18.0, 23.8, 86.8), (29.8, 26.4, 83.2), (38.8, 24.9, 78.3),
    (46.6, 19.3, 72.2),
)  # fmt: skip
_BRIDGE = ((0.0, 4.8, 84.8), (0.0, -8.0, 87.5), (0.0, -19.7, 95.0), (0.0, -31.1, 102.2))
_BASE, _NOSTRIL = (0.0, -45.0, 92.3), ((6.6, -42.4, 90.4), (13.7, -40.9, 85.9))
_EYE = (
    (18.5, -0.5, 73.6), (25.7, 3.9, 77.9), (33.9, 4.0, 77.7), (41.0, 1.4, 71.4),
    (34.0, -2.8, 75.8), (25.7, -2.5, 76.1),
)  # fmt: skip
_LIP_CORNER = (23.6, -63.0, 79.7)
_UPPER_LIP, _UPPER_MIDDLE = ((14.7, -56.7, 89.6), (6.2, -54.8, 93.6)), (0.0, -55.1, 94.7)
_LOWER_LIP, _LOWER_MIDDLE = ((15.5, -71.2, 85.3), (8.0, -73.4, 88.0)), (0.0, -74.4, 88.7)
_MOUTH_CORNER = (21.9, -62.1, 80.5)
_UPPER_RIM, _UPPER_RIM_MIDDLE = (11.0, -61.7, 88.1), (0.0, -62.3, 90.2)
_LOWER_RIM, _LOWER_RIM_MIDDLE = (11.2, -63.9, 86.6), (0.0, -64.4, 89.6)

_DARK = 0.2

_NEAREST = 24
"""Faces whose centres are the nearest to a place, among which is the one it lies on."""


def _places() -> NDArray[np.float64]:
    """All 68 places (68, 3) on the default head's mean shape."""

    def right(*points: tuple[float, float, float]) -> list[tuple[float, float, float]]:
        return [(-x, y, z) for x, y, z in points]

    inner, upper_inner, upper_outer, outer, lower_outer, lower_inner = _EYE
    right_eye = (outer, upper_outer, upper_inner, inner, lower_inner, lower_outer)
    rows = [
        *right(*_JAW), _CHIN, *_JAW[::-1],
        *right(*_BROW[::-1]), *_BROW,
        *_BRIDGE,
        *right(*_NOSTRIL[::-1]), _BASE, *_NOSTRIL,
        *right(*right_eye), *_EYE,
        *right(_LIP_CORNER, *_UPPER_LIP), _UPPER_MIDDLE, *_UPPER_LIP[::-1], _LIP_CORNER,
        *_LOWER_LIP, _LOWER_MIDDLE, *right(*_LOWER_LIP[::-1]),
        *right(_MOUTH_CORNER, _UPPER_RIM), _UPPER_RIM_MIDDLE, _UPPER_RIM, _MOUTH_CORNER,
        _LOWER_RIM, _LOWER_RIM_MIDDLE, *right(_LOWER_RIM),
    ]  # fmt: skip
    return np.array(rows)


@dataclass(frozen=True)
class Landmarks:
    """Where a face model's landmarks lie: landmark = sum of weights * vertices[corners].

    corners (68, 3): vertices. weights (68, 3): they sum to 1.
    """

    corners: Tensor
    weights: Tensor

    def of(self, vertices: Tensor) -> Tensor:
        """The landmarks (batch, 3, 68) of faces with vertices (batch, 3, vertex)."""
        return (vertices[:, :, self.corners] * self.weights).sum(dim=-1)


def find(
    canonical: NDArray[np.float32],
    faces: NDArray[np.int32],
    is_outside: NDArray[np.bool_],
    sky: NDArray[np.float32],
) -> Landmarks:
    """The landmarks of a model whose vertices lie at canonical (vertex, 3) on the default head.

    For the default head itself these are its mean shape. is_outside (vertex,): not on eyeballs, nor
    in the mouth. sky (vertex,): how much of it is seen from there, 0..1. Landmarks lie on the
    nearest faces outside, from some corner of which sky is seen: just behind lips and nostrils lie
    the insides of mouth and nose.
    """
    places = _places()
    skin = faces[is_outside[faces].all(axis=1) & (sky[faces].max(axis=1) > _DARK)]
    triangles = canonical[skin].astype(np.float64)
    _, near = cKDTree(triangles.mean(axis=1)).query(places, k=min(_NEAREST, len(skin)))
    near = near.reshape(LANDMARKS, -1)
    weights = nearest_in_triangle(places[:, None], triangles[near])
    found = (weights[..., None] * triangles[near]).sum(axis=2)
    best = np.linalg.norm(found - places[:, None], axis=2).argmin(axis=1)
    row = np.arange(LANDMARKS)
    return Landmarks(
        torch.from_numpy(skin[near[row, best]].astype(np.int64)),
        torch.from_numpy(weights[row, best].astype(np.float32)),
    )
