"""What the benchmark renders: meshes of one topology that take turns, so that nothing is cached."""

import numpy as np
import torch
from numpy.typing import NDArray

from facegen.geometry import rotation
from facegen.latents import IDENTITY_SIGMA
from facegen.morphable import MorphableModel

COUNT = 20


def heads(model: MorphableModel, count: int = COUNT) -> NDArray[np.float32]:
    """Different people in different poses (count, vertex, 3), mm in the camera's frame."""
    generator = np.random.default_rng(0)
    sigma = IDENTITY_SIGMA
    people = model.vertices(
        sigma * generator.standard_normal((count, len(model.basis)), np.float32)
    )
    azimuth, elevation = (
        torch.from_numpy(generator.uniform(-angle, angle, count).astype(np.float32))
        for angle in (60, 20)
    )
    turned = torch.from_numpy(people) @ rotation(azimuth, elevation).transpose(1, 2)
    return turned.numpy()


def front(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], triangles: int = 22_000
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The so many triangles of heads (count, vertex, 3) that are the furthest in front."""
    depth = vertices[:, :, 2].mean(axis=0)[faces].mean(axis=1)
    kept = np.sort(np.argsort(-depth, kind="stable")[:triangles])
    used, new = np.unique(faces[kept], return_inverse=True)
    return np.ascontiguousarray(vertices[:, used]), new.reshape(-1, 3).astype(np.int32)


def bumpy_spheres(
    triangles: int, count: int = COUNT
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Spheres (count, vertex, 3) of about a head's size and so many triangles, and their faces."""
    side = round((triangles / 2) ** 0.5)
    vertices, faces = sphere(side, side)
    generator = np.random.default_rng(0)
    waves, phases = generator.normal(size=(count, 3, 4)), generator.uniform(0, 6, (count, 1, 4))
    bumps = 1 + 0.03 * np.sin(4 * vertices @ waves + phases).sum(axis=-1, keepdims=True)
    return (100 * bumps * vertices).astype(np.float32), faces


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
