"""A sheet of people who exist nowhere else, each in a pose and a light of their own."""

import numpy as np
from numpy.typing import NDArray

from facegen.latents import draw_identity
from facegen.render import Renderer

_SPLIT = "crowd"
"""Its people are in no data set."""

_AZIMUTH, _ELEVATION, _LIGHT = 28.0, 7.0, 45.0
"""Half the ranges of poses and lights, degrees: as people look who are photographed."""


def crowd(
    renderer: Renderer, count: int, columns: int, seed: int, *, colour: bool = True
) -> NDArray[np.uint8]:
    """Count people in rows of so many: (height, width) or (height, width, 3)."""
    model, size = renderer.model, renderer.settings.size
    identity = np.stack([draw_identity(model.identity_size, seed, _SPLIT, i) for i in range(count)])
    scatter = np.random.default_rng(seed).uniform(-1, 1, (count, 3))
    labels = (scatter * [_AZIMUTH, _ELEVATION, _LIGHT]).astype(np.float32)
    pictures = renderer.images(labels, identity, colour=colour)
    rows = -(-count // columns)
    empty = round(255 * renderer.settings.background)
    blank = np.full((rows * columns, *pictures.shape[1:]), empty, np.uint8)
    blank[:count] = pictures
    grid = blank.reshape(rows, columns, *pictures.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(rows * size, columns * size, *pictures.shape[3:]))
