"""Where somebody in a photograph has the pupils: a cascade finds the face, gradients its irises."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, uniform_filter

from facegen.errors import UserError
from facegen.pictures import LUMA, read_colours

_LARGEST, _LEAST = 600, 50
"""Pixels a side of the picture in which faces are looked for, and of the smallest of them."""

_FACE = 120
"""Pixels a side of a face in which pupils are looked for."""

_STRIP = (slice(26, 67), slice(7, 113))
"""Rows and columns of it among which pupils are looked for."""

_RADIUS = 8.4
"""A gradient this far from an iris's middle may be its rim's, pixels of a face."""

_EYES = ((37, 48), (83, 48))
_AROUND, _NEAR = (16, 13), 9.0
"""Where the cascade's faces have the eyes, how far from there, across and down, gradients have a
vote, and how far from a candidate the best place may be; pixels of a face."""

_PEAK, _LEAST_VOTES = 7, 0.15
"""Pixels within which no other place is a candidate, and how many votes it has of the most."""

_APART = (0.38, 0.06)
_LEVEL, _CENTRED = 0.03, 0.15
"""How far pupils usually are apart, and standard deviations: of that, of how much one is higher,
and of their middle from the square's; in its sides."""

_ABOVE = 10
"""How far above and below a pupil a brow and a cheek are, pixels of a face."""


def find_pupils(path: Path) -> tuple[float, float, float, float]:
    """Return x and y of the viewer's left and right pupil of the largest face, in pixels.

    Raises UserError for what is not a picture, where no face looks towards the camera, and where
    scikit-image is not installed.
    """
    colours = read_colours(path)
    gray = Image.fromarray((colours @ np.array(LUMA)).round().astype(np.uint8))
    face = _largest_face(gray)
    if face is None:
        raise UserError(
            f"{path}: no face found that looks towards the camera; say where its pupils are, "
            "with --eyes X Y X Y"
        )
    left, top, side = face
    square = gray.crop((round(left), round(top), round(left + side), round(top + side)))
    shown = np.asarray(square.resize((_FACE, _FACE), Image.Resampling.LANCZOS), dtype=np.float64)
    pair = _pair(*_candidates(shown))
    if pair is None:
        raise UserError(f"{path}: no two eyes found; say where the pupils are, with --eyes X Y X Y")
    (x1, y1), (x2, y2) = (
        (left + side * x / _FACE, top + side * y / _FACE)
        for x, y in (_refined(shown, place) for place in pair)
    )
    return x1, y1, x2, y2


def _largest_face(gray: Image.Image) -> tuple[float, float, float] | None:
    """Left, top and side of the largest square that the cascade takes for a face."""
    try:
        from skimage.data import lbp_frontal_face_cascade_filename
        from skimage.feature import Cascade
    except ImportError as error:
        raise UserError(
            "scikit-image, which finds pupils, is not installed: pip install scikit-image, or say "
            "where they are, with --eyes X Y X Y"
        ) from error
    scale = min(1.0, _LARGEST / max(gray.size))
    size = [max(1, round(scale * side)) for side in gray.size]
    small = np.asarray(gray.resize((size[0], size[1]), Image.Resampling.LANCZOS))
    if min(size) < _LEAST:
        return None
    faces = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        small, scale_factor=1.05, step_ratio=1, min_size=(_LEAST, _LEAST), max_size=small.shape
    )
    if not faces:
        return None
    face = max(faces, key=lambda one: one["width"])
    return face["c"] / scale, face["r"] / scale, face["width"] / scale


def _candidates(shown: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (place, 2), x and y, of a face (side, side) that may be pupils, and how much so.

    Those are dark, many gradients point away from them (Timm & Barth, "Accurate Eye Centre
    Localisation by Means of Gradients", 2011), and it is darker above them than below.
    """
    rows, columns = _STRIP
    votes = _votes(shown, _STRIP)
    votes /= max(float(votes.max()), 1e-12)
    is_peak = (votes == maximum_filter(votes, _PEAK)) & (votes > _LEAST_VOTES)
    y, x = np.nonzero(is_peak)
    # Over an eye there is a brow, and a cheek below; over a brow a forehead, and below an eye.
    soft = uniform_filter(shown, (7, 15))
    row, column = y + rows.start, x + columns.start
    under = soft[row + _ABOVE, column] - soft[row - _ABOVE, column]
    score = np.log(votes[y, x]) + np.clip(under / max(shown.std(), 1e-12), -1.0, 1.0)
    return np.column_stack([column, row]) + np.float64(0.5), np.asarray(score)


def _votes(shown: NDArray[np.float64], window: tuple[slice, slice]) -> NDArray[np.float64]:
    """How dark each place (row, column) of a window of a face is, times how many gradients agree.

    Those of the window that are clear count where they point away from the place.
    """
    slopes = np.asarray(np.gradient(shown))
    down, across = (slope[window].ravel() for slope in slopes)
    dark = 255 - shown[window]
    y, x = (place.ravel().astype(float) for place in np.indices(dark.shape))
    strength = np.hypot(across, down)
    clear = strength > strength.mean() + 0.5 * strength.std()
    away_x, away_y = x[clear] - x[:, None], y[clear] - y[:, None]
    distance = np.hypot(away_x, away_y) + 1e-6
    along = (away_x * across[clear] + away_y * down[clear]) / (distance * strength[clear])
    agreed = ((along.clip(0) ** 2) * (distance < _RADIUS)).sum(axis=1)
    return np.asarray(agreed.reshape(dark.shape) * dark)


def _refined(shown: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best place, x and y, near one, where only what is around has a vote."""
    # Where faces have their eyes, the window is always the same.
    usual = min(_EYES, key=lambda eye: float(np.hypot(*(place - eye))))
    across, down = _AROUND
    is_usual = bool((np.abs(place - usual) <= _AROUND).all())
    x, y = usual if is_usual else place.astype(int)
    top, left = max(y - down, 0), max(x - across, 0)
    votes = _votes(shown, (slice(top, y + down), slice(left, x + across)))
    rows, columns = np.indices(votes.shape)
    far = np.hypot(columns + left + 0.5 - place[0], rows + top + 0.5 - place[1]) > _NEAR
    row, column = divmod(int(np.where(far, 0, votes).argmax()), votes.shape[1])
    return np.array([left + column + 0.5, top + row + 0.5])


def _pair(places: NDArray[np.float64], score: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The two of places (place, 2) that are best as a pair, the left one first; None without."""
    x, y = places.T / _FACE
    apart = x - x[:, None]
    usual, spread = _APART
    off = ((apart - usual) / spread) ** 2 + ((y - y[:, None]) / _LEVEL) ** 2
    off += (((x + x[:, None]) / 2 - 0.5) / _CENTRED) ** 2
    both = score + score[:, None] - off / 2
    together = np.where(np.abs(apart - usual) < 3 * spread, both, -np.inf)
    if not np.isfinite(together).any():
        return None
    return places[list(np.unravel_index(together.argmax(), together.shape))]
