"""A data set without a disk: its mini-batches are rendered when they are asked for."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facegen.generate import header_of
from facegen.layout import Groups
from facegen.maker import OpenSource, Renderer, open_source
from facegen.minibatches import MiniBatches
from facegen.presets import LIVE, GenerateConfig
from facegen.scene import SPLITS, MiniBatch, mini_batch


class LiveDataset(MiniBatches):
    """The mini-batches that `generate` would write with a configuration, rendered anew each time.

    The scenes are exactly those on a disk; pictures may differ in the last gray level, since people
    who are decoded together may round otherwise, and on a GPU in a sample of an outline.
    """

    slow = True

    def __init__(
        self,
        config: GenerateConfig,
        model_path: Path | None = None,
        device: str = "cpu",
        open_source: OpenSource = open_source,
    ) -> None:
        """Raise UserError when the face model is missing or cannot do what is asked for."""
        self._source = open_source(config, model_path)
        header = header_of(config, self._source)
        tree = json.dumps(asdict(header), sort_keys=True)
        super().__init__(Path(LIVE), header, hashlib.sha256(tree.encode()).hexdigest()[:12])
        counts = (config.train, config.test)
        self._counts = dict(zip(SPLITS, (n * len(config.factors) for n in counts), strict=True))
        self._device = device
        self._opened: Renderer | None = None

    def group_count(self, split: str) -> int:
        return self._counts.get(split, 0)

    def factor_ids(self, split: str) -> NDArray[np.uint8]:
        # The kinds take turns: see facegen.scene.mini_batch.
        return (np.arange(self.group_count(split)) % len(self.factors)).astype(np.uint8)

    def read(self, split: str, groups: Sequence[int] | NDArray[np.integer[Any]]) -> Groups:
        wanted = np.asarray(groups, dtype=np.int64).reshape(-1)
        scenes = self._scenes(split, wanted)
        everyone = np.tile(np.arange(self.group_size), (len(wanted), 1))
        shape = (len(wanted), self.group_size)
        return Groups(
            images=self._render(scenes, everyone),
            labels=_stacked([s.labels for s in scenes], (*shape, len(self.labels))),
            factor_id=self.factor_ids(split)[wanted],
            group_id=wanted.astype(np.int32),
            identity=_stacked([s.identity for s in scenes], (*shape, self.identity_size)),
            expression=_stacked([s.expression for s in scenes], (*shape, self.expression_size)),
        )

    def some_images(
        self, split: str, groups: NDArray[np.int64], samples: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        scenes = self._scenes(split, groups)
        labels = [s.labels[rows] for s, rows in zip(scenes, samples, strict=True)]
        shape = (*samples.shape, len(self.labels))
        return self._render(scenes, samples), _stacked(labels, shape)

    def _scenes(self, split: str, groups: NDArray[np.int64]) -> list[MiniBatch]:
        if len(groups) and not (groups.min() >= 0 and groups.max() < self.group_count(split)):
            raise IndexError(f"split {split!r} has {self.group_count(split)} mini-batches")
        seed, variables = self.header.seed, self.header.variables
        return [mini_batch(split, seed, int(group), variables) for group in groups]

    def _render(self, scenes: list[MiniBatch], samples: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some images of each scene (scene, sample, ...)."""
        images = np.empty((*samples.shape, *self.header.image_shape), dtype=np.uint8)
        if not images.size:
            return images
        labels, identity, expression = (
            np.concatenate([x[rows] for x, rows in zip(column, samples, strict=True)])
            for column in zip(*((s.labels, s.identity, s.expression) for s in scenes), strict=True)
        )
        images[:] = self.render(
            labels, identity, expression if self.expression_size else None
        ).reshape(images.shape)
        return images

    def render(
        self,
        labels: NDArray[np.float32],
        identity: NDArray[np.float32],
        expression: NDArray[np.float32] | None = None,
    ) -> NDArray[np.uint8]:
        """Any scenes: labels (image, latent) and coefficients to pictures (image, ...)."""
        if self._opened is None:
            opened = self._source.renderer()
            self._opened = opened if self._device == "cpu" else opened.to(self._device)
        return self._opened.images(
            labels, identity, expression, names=self.labels, colour=self.header.colour
        )


def _stacked(rows: list[NDArray[np.float32]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Rows as one array, which there may be none of."""
    return np.stack(rows) if rows else np.empty(shape, dtype=np.float32)
