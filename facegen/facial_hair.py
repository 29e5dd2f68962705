"""Where the hair of the head, brows, beard and moustache grow: signed distances in mm, inside > 0.

x, y, z (vertex,): mm on the mean head, origin between the eyes.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

# The hairline on the unrolled head: degrees around it, from the forehead (0) past the temple, the
# sideburn and the ear to the nape (180), and mm above the eyes.
_HAIRLINE = (
    (0.0, 70.0), (12.0, 69.5), (24.0, 67.0), (34.0, 61.5), (42.0, 54.0), (48.0, 44.0), (52.0, 32.0),
    (56.0, 22.0), (62.0, 12.0), (68.0, 2.0), (71.0, -10.0), (73.0, -20.0), (79.0, -23.0),
    (82.0, -12.0), (88.0, -4.0), (108.0, -6.0), (120.0, -24.0), (132.0, -48.0), (150.0, -62.0),
    (180.0, -66.0),
)  # fmt: skip
_SKULL_MM = 80.0
"""Radius of the cylinder on which the head is unrolled."""

# The right half of a brow, from its inner to its outer end: x, y above the eye, half its thickness.
_BROW = (
    (10.0, 17.0, 2.6),
    (18.0, 18.8, 3.1),
    (30.0, 21.2, 2.8),
    (39.0, 20.6, 2.1),
    (47.0, 16.0, 0.9),
)

_TAPER = 0.6
"""What a brow's half thickness loses in each mm beyond its ends."""


def grown(
    points: NDArray[np.float64],
    around: NDArray[np.float64],
    fields: Mapping[str, NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    """All of them by the name that facegen.anatomy.Anatomy has for each.

    points (vertex, 3); around (vertex,): degrees; fields (vertex,): of the face model.
    """
    x, y, z = points.T
    lips, is_eye = fields["lips"], fields["eye_angle"] >= 0
    # No hair grows on eyes, nor behind the lips.
    bald = is_eye | (fields["inside_mouth"] > 0.5)
    mouth_y = float(y[lips > 0.5].mean())
    inside, along, rise = brow(x, y, z)
    bearded = beard(around, y, z, mouth_y, lips, fields["neckline"])
    return {
        "scalp": np.where(bald, -99.0, scalp(around, y)),
        "brow": np.where(is_eye, -99.0, inside),
        "brow_along": along,
        "brow_rise": rise,
        "beard": np.where(bald, -99.0, bearded),
        "moustache": np.where(bald, -99.0, moustache(x, y, z, mouth_y, lips)),
    }


def scalp(around: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Above the hairline; around in degrees."""
    corners = np.array(_HAIRLINE)
    arc = np.radians(corners[:, 0]) * _SKULL_MM
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(arc), np.diff(corners[:, 1])))])
    dense = np.linspace(0.0, way[-1], 600)
    path = np.column_stack([np.interp(dense, way, arc), np.interp(dense, way, corners[:, 1])])
    distance, _ = cKDTree(path).query(np.column_stack([np.radians(around) * _SKULL_MM, y]))
    above = y > np.interp(around, *corners.T)
    return np.asarray(np.where(above, distance, -distance))


def brow(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Signed distance into the nearer brow, 0 inner .. 1 outer end, mm above its middle line.

    Beyond its ends the line runs on straight, and the second to below 0 and above 1: hairs that
    turned around an end would be a whorl.
    """
    curve = np.array(_BROW)
    t = np.linspace(0, 1, 60)
    knots = np.linspace(0, 1, len(curve))
    path = np.stack([np.interp(t, knots, column) for column in curve.T], axis=1)
    # Smooth the polyline's corners: a moving mean over the dense samples, ends kept.
    kernel = np.ones(13) / 13
    path = np.stack(
        [np.convolve(np.pad(column, 6, mode="edge"), kernel, "valid") for column in path.T], axis=1
    )
    line = np.column_stack([path, t])
    line = np.concatenate([_beyond(line[5], line[0])[::-1], line, _beyond(line[-6], line[-1])])
    distance = np.hypot(np.abs(x)[:, None] - line[:, 0], y[:, None] - line[:, 1])
    inside = line[:, 2] - distance
    best = inside.argmax(axis=1)
    signed = inside[np.arange(len(x)), best]
    return np.where(z > 40, signed, -99.0), line[best, 3], y - line[best, 1]


def _beyond(before: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of a brow's line beyond its end: x, y, half the thickness, which tapers, and along."""
    further = np.arange(1.0, 13.0)[:, None]
    points = end + further * (end - before) / np.hypot(*(end - before)[:2])
    points[:, 2] = end[2] - _TAPER * further[:, 0]
    return np.asarray(points)


def beard(
    around: NDArray[np.float64],
    y: NDArray[np.float64],
    z: NDArray[np.float64],
    mouth_y: float,
    lips: NDArray[np.float64],
    neckline: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Below a line from the sideburn to the corner of the mouth, and down to the throat."""
    cheek = np.interp(
        around,
        (0.0, 9.0, 17.0, 24.0, 38.0, 60.0, 76.0, 84.0),
        (mouth_y - 9, mouth_y - 9, mouth_y + 1, mouth_y + 7, -50.0, -36.0, -12.0, -12.0),
    )
    throat = y - (mouth_y - 54.0) + 0.35 * np.minimum(z - 40.0, 0.0)
    signed = np.minimum.reduce([cheek - y, throat, 0.7 * (84.0 - around)])
    signed = np.where(neckline > 2.5, -20.0, signed)
    return np.asarray(signed - 12.0 * lips)


def moustache(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    z: NDArray[np.float64],
    mouth_y: float,
    lips: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Between nose and upper lip, drooping a little beside the mouth."""
    middle = mouth_y + 12.5 - 0.008 * x**2
    half = 8.5 - 0.006 * x**2
    signed = np.minimum(half - np.abs(y - middle), 31.0 - np.abs(x))
    # It hangs over the lip's edge.
    return np.where(z > 60, signed - 14.0 * np.clip(lips - 0.3, 0.0, 1.0), -99.0)
