"""How fast we render, stage by stage and beside other renderers, measured the same way."""

import numpy as np
from numpy.typing import NDArray


def sphere(rings: int, segments: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A closed unit sphere of 2 * rings * segments triangles, counter-clockwise from outside.

    Vertices (vertex, 3): the pole +y, `rings` circles of `segments` vertices downwards, the pole
    -y. Faces (face, 3).
    """
    polar = np.linspace(0, np.pi, rings + 2)[1:-1, None]
    turn = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    circles = np.stack(
        [
            np.sin(polar) * np.sin(turn),
            np.cos(polar) * np.ones_like(turn),
            np.sin(polar) * np.cos(turn),
        ],
        axis=-1,
    )
    vertices = np.concatenate([[[0, 1, 0]], circles.reshape(-1, 3), [[0, -1, 0]]])
    upper = 1 + np.arange(rings * segments).reshape(rings, segments)
    after = np.roll(upper, -1, axis=1)
    top, bottom = np.zeros_like(upper[0]), np.full_like(upper[0], len(vertices) - 1)
    faces = np.concatenate(
        [
            np.stack([top, upper[0], after[0]], axis=-1),
            np.stack([upper[:-1], upper[1:], after[1:]], axis=-1).reshape(-1, 3),
            np.stack([upper[:-1], after[1:], after[:-1]], axis=-1).reshape(-1, 3),
            np.stack([bottom, after[-1], upper[-1]], axis=-1),
        ]
    )
    return vertices.astype(np.float32), faces.astype(np.int32)
