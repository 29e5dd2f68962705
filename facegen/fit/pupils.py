"""Where somebody in a photograph has the pupils: a cascade finds the face, gradients its irises."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facegen.errors import UserError
from facegen.pictures import LUMA, read_colours

_LARGEST, _LEAST = 600, 50
"""Pixels a side of the picture in which faces are looked for, and of the smallest of them."""

_FACE = 120
"""Pixels a side of a face in which pupils are looked for."""

_EYES = ((0.31, 0.40), (0.69, 0.40))
_ACROSS, _DOWN = 0.13, 0.11
"""Where the cascade's faces have the eyes, and how far from there, as parts of its square."""

_RADIUS = 0.07
"""A gradient this far from an iris's middle may be its rim's, as a part of the face's square."""


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
    found = [_iris(shown, *_in(shown, place)) for place in _EYES]
    (x1, y1), (x2, y2) = ((left + side * x / _FACE, top + side * y / _FACE) for x, y in found)
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


def _in(shown: NDArray[np.float64], place: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns of a face (side, side) around a place, given in parts of its side."""
    side = len(shown)
    (x, y), across, down = place, _ACROSS, _DOWN
    rows = slice(round((y - down) * side), round((y + down) * side))
    return rows, slice(round((x - across) * side), round((x + across) * side))


def _iris(shown: NDArray[np.float64], rows: slice, columns: slice) -> tuple[float, float]:
    """Find x and y of the middle of an iris in some rows and columns of a face (side, side).

    That is the dark place away from which most gradients point (Timm & Barth, "Accurate Eye Centre
    Localisation by Means of Gradients", 2011).
    """
    slopes = np.asarray(np.gradient(shown))[:, rows, columns].reshape(2, -1)
    down, across = slopes[0], slopes[1]
    window = shown[rows, columns]
    y, x = (place.ravel().astype(float) for place in np.indices(window.shape))
    strength = np.hypot(across, down)
    clear = strength > strength.mean() + 0.5 * strength.std()
    away_x, away_y = x[clear] - x[:, None], y[clear] - y[:, None]
    distance = np.hypot(away_x, away_y) + 1e-6
    along = (away_x * across[clear] + away_y * down[clear]) / (distance * strength[clear])
    near = distance < _RADIUS * len(shown)
    agreed = ((along.clip(0) ** 2) * near).sum(axis=1)
    best = int((agreed * (255 - window.ravel())).argmax())
    return columns.start + x[best] + 0.5, rows.start + y[best] + 0.5
