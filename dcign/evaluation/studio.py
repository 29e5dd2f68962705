"""The renderer that made a data set, for scenes that are not in it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.latents import LABELS, LATENTS, draw_identity, draw_scalar
from facegen.live import LiveDataset
from facegen.minibatches import MiniBatches
from facegen.render import Renderer
from facegen.rerender import stored_scene
from facegen.shards import Dataset

PEOPLE, VIEWS = 100, 4
"""People to be told apart, and pictures of each, all under another pose and light."""

SAME = 1.0
"""Mean difference, gray levels, up to which a stored picture counts as rendered again."""

_SPLIT = "evaluation"
"""Its people are in no data set: no split has this name."""

Render = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.uint8]]
"""Labels (image, latent), columns as facegen.latents.LABELS, and identities to gray pictures."""


@dataclass(frozen=True)
class Scenes:
    """Pictures with their truth, rendered at the data set's size.

    labels (image, latent), identity (image, coefficient), person (image,), images (image, h, w).
    """

    labels: NDArray[np.float32]
    identity: NDArray[np.float32]
    person: NDArray[np.int64]
    images: NDArray[np.uint8]


class Studio:
    """Renders scenes as a data set's were, and keeps those that every run is asked about."""

    def __init__(self, render: Render, identity_size: int) -> None:
        self.render = render
        self.identity_size = identity_size

    @classmethod
    def open(cls, dataset: MiniBatches, face_model: Path | None = None) -> "Studio":
        """Raise UserError when the face model that made the data set is not there, or no longer so.

        A facegen that draws its people otherwise than the data set shows them would be no judge.
        """
        if isinstance(dataset, LiveDataset):
            if face_model:
                raise UserError(
                    f"--face-model {face_model}: {dataset.path} has its own; leave it out"
                )
            return cls(dataset.render, dataset.identity_size)
        assert isinstance(dataset, Dataset)
        scene = stored_scene(dataset, "test", 0, None, face_model)
        assert scene.stored is not None
        apart = np.abs(scene.picture().astype(float) - scene.stored).mean()
        if apart > SAME:
            raise UserError(
                f"{dataset.path}: this facegen draws its people otherwise ({apart:.1f} gray levels "
                "apart); generate the data set anew"
            )
        return cls(Renderer(scene.model, scene.settings).images, scene.model.identity_size)

    @cached_property
    def crowd(self) -> Scenes:
        """VIEWS pictures of each of PEOPLE unseen people, each of an unseen pose and light."""
        person = np.repeat(np.arange(PEOPLE), VIEWS)
        faces = [draw_identity(self.identity_size, 0, _SPLIT, i) for i in range(PEOPLE)]
        labels = np.array(
            [[draw_scalar(x, 0, _SPLIT, i) for x in LATENTS] for i in range(len(person))],
            np.float32,
        )
        assert labels.shape[1] == len(LABELS)
        identity = np.stack(faces)[person]
        return Scenes(labels, identity, person, self.render(labels, identity))

    @cached_property
    def exchanged(self) -> Scenes:
        """Each person's first identity under the pose and light of the next person's second view.

        (PEOPLE,) in the order of people: the truth of a swap.
        """
        labels = np.roll(self.crowd.labels[1::VIEWS], -1, axis=0)
        identity = self.crowd.identity[::VIEWS]
        images = self.render(labels, identity)
        return Scenes(labels, identity, np.arange(PEOPLE), images)
