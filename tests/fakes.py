"""Data sets in milliseconds: a renderer whose pictures are a formula of their labels."""

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facegen.generate import Generation
from facegen.latents import FACTORS, GROUP_SIZE, LABELS, LATENTS
from facegen.maker import Source
from facegen.presets import GenerateConfig
from facegen.scene import SPLITS, Variables, mini_batch
from facegen.shards import Entry, Groups, Header, Manifest, Slot, write_manifest, write_shard

IDENTITY_SIZE = 4


@dataclass(frozen=True)
class FakeModel:
    name: str = "fake head"
    licence: str = "CC0"
    fingerprint: str = "0123456789abcdef"
    identity_size: int = IDENTITY_SIZE
    identity_names: tuple[str, ...] = ("tall", "wide", "deep", "odd")
    expression_names: tuple[str, ...] = ("smile", "frown")
    expression_signed: bool = False


class FakeRenderer:
    """A blob that moves with azimuth and elevation, on a ramp that turns with the light."""

    def __init__(self, size: int, delay: float = 0.0) -> None:
        self.size = size
        self.delay = delay

    def images(
        self,
        labels: NDArray[np.float32],
        identity: NDArray[np.float32],
        expression: NDArray[np.float32] | None = None,
        *,
        names: Sequence[str] = LABELS,
        colour: bool = False,
    ) -> NDArray[np.uint8]:
        time.sleep(self.delay * len(labels) / GROUP_SIZE)
        labels = labels[:, [names.index(name) for name in LABELS]]
        ramp = np.linspace(-1, 1, self.size)
        low = np.array([latent.low for latent in LATENTS])
        high = np.array([latent.high for latent in LATENTS])
        unit = (2 * (labels - low) / (high - low) - 1)[:, :, None, None]
        x, y = ramp[None, None, :] - 0.6 * unit[:, 0], ramp[None, :, None] + 0.6 * unit[:, 1]
        width = 0.3 + 0.05 * np.tanh(identity[:, 0, None, None])
        blob = np.exp(-(x**2 + y**2) / (2 * width**2))
        shade = 0.6 + 0.3 * unit[:, 2] * ramp[None, None, :]
        picture: NDArray[np.float64] = np.clip(255 * blob * shade, 0, 255)
        gray = picture.astype(np.uint8)
        return np.stack([gray, gray // 2, 255 - gray], axis=-1) if colour else gray


def open_fake(config: GenerateConfig, model_path: Path | None) -> Source:
    """Stand in for facegen.maker.open_source; FAKE_DELAY slows each mini-batch, seconds."""
    delay = float(os.environ.get("FAKE_DELAY", "0"))
    return Source(FakeModel(), {}, lambda: FakeRenderer(config.size, delay))


CONFIG = GenerateConfig(size=16, train=10, test=2, per_shard=3)
"""A data set of 40 + 8 mini-batches in 14 + 3 shards."""


def generation(out: Path, config: GenerateConfig = CONFIG, workers: int = 2) -> Generation:
    return Generation(config, out, None, workers, open_fake)


def make_groups(
    split: str,
    first: int,
    count: int,
    size: int = 16,
    seed: int = 0,
    renderer: type[FakeRenderer] = FakeRenderer,
) -> Groups:
    """Mini-batches [first, first + count) of a split, as a data set would hold them."""
    batches = [
        mini_batch(split, seed, g, Variables(IDENTITY_SIZE)) for g in range(first, first + count)
    ]
    return Groups(
        images=np.stack([renderer(size).images(b.labels, b.identity) for b in batches]),
        labels=np.stack([b.labels for b in batches]),
        factor_id=np.array([FACTORS.index(b.factor) for b in batches], dtype=np.uint8),
        group_id=np.arange(first, first + count, dtype=np.int32),
        identity=np.stack([b.identity for b in batches]),
        expression=np.stack([b.expression for b in batches]),
    )


def make_header(size: int = 16, seed: int = 0) -> Header:
    model = FakeModel()
    return Header(
        size=size,
        identity_size=IDENTITY_SIZE,
        seed=seed,
        generator="facegen test",
        config={"size": size, "seed": seed},
        face_model=model.name,
        fingerprint=model.fingerprint,
        licence=model.licence,
    )


def make_dataset(
    folder: Path,
    size: int = 16,
    groups: tuple[int, int] = (12, 4),
    per_shard: int = 5,
    seed: int = 0,
    compression: str = "none",
    renderer: type[FakeRenderer] = FakeRenderer,
) -> Manifest:
    """Write a whole data set; groups counts the mini-batches of the training and test splits."""
    folder.mkdir(parents=True, exist_ok=True)
    header = make_header(size, seed)
    entries: list[Entry] = []
    for split, total in zip(SPLITS, groups, strict=True):
        for number, first in enumerate(range(0, total, per_shard)):
            slot = Slot(split, number, first, min(per_shard, total - first))
            made = make_groups(split, first, slot.groups, size, seed, renderer)
            entries.append(write_shard(folder, header, slot, made, compression))
    return write_manifest(folder, header, entries)


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, by name."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


class DyingRenderer(FakeRenderer):
    """Kills the process it runs in, as the kernel does when memory runs out."""

    def images(self, *args: Any, **kwargs: Any) -> NDArray[np.uint8]:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class FailingRenderer(FakeRenderer):
    def images(self, *args: Any, **kwargs: Any) -> NDArray[np.uint8]:
        raise ZeroDivisionError("a bug")


def open_dying(config: GenerateConfig, model_path: Path | None) -> Source:
    return Source(FakeModel(), {}, lambda: DyingRenderer(config.size))


def open_failing(config: GenerateConfig, model_path: Path | None) -> Source:
    return Source(FakeModel(), {}, lambda: FailingRenderer(config.size))
