"""Where brows, beard and moustache grow: signed distances in mm, positive inside.

x, y, z (vertex,): mm on the mean head, origin between the eyes.
"""

import numpy as np
from numpy.typing import NDArray

# The right half of a brow, from its inner to its outer end: x, y above the eye, half its thickness.
_BROW = (
    (10.0, 17.0, 2.6),
    (18.0, 18.8, 3.1),
    (30.0, 21.2, 2.8),
    (39.0, 20.6, 2.1),
    (47.0, 16.0, 0.9),
)


def brow(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Signed distance into the nearer brow, 0 inner .. 1 outer end, mm above its middle line."""
    curve = np.array(_BROW)
    t = np.linspace(0, 1, 60)
    knots = np.linspace(0, 1, len(curve))
    path = np.stack([np.interp(t, knots, column) for column in curve.T], axis=1)
    # Smooth the polyline's corners: a moving mean over the dense samples, ends kept.
    kernel = np.ones(13) / 13
    path = np.stack(
        [np.convolve(np.pad(column, 6, mode="edge"), kernel, "valid") for column in path.T], axis=1
    )
    distance = np.hypot(np.abs(x)[:, None] - path[:, 0], y[:, None] - path[:, 1])
    inside = path[:, 2] - distance
    best = inside.argmax(axis=1)
    signed = inside[np.arange(len(x)), best]
    return np.where(z > 40, signed, -99.0), t[best], y - path[best, 1]


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
        (0.0, 20.0, 38.0, 60.0, 76.0, 84.0),
        (mouth_y - 9, mouth_y, -52.0, -38.0, -12.0, -12.0),
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
    middle = mouth_y + 15.0 - 0.014 * x**2
    signed = np.minimum(5.5 - np.abs(y - middle), 29.0 - np.abs(x))
    return np.where(z > 60, signed - 10.0 * lips, -99.0)
