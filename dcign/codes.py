"""A split of a data set as a trained network sees it: codes, reconstructions, the truth beside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcign.images import network_input
from dcign.metrics.information import assign_units
from dcign.models.network import Network
from facegen.errors import UserError
from facegen.latents import FACTORS, LATENTS
from facegen.minibatches import MiniBatches

GROUPS_AT_ONCE = 10
"""Mini-batches that are read together."""

ROWS_AT_ONCE = 100
"""Images or codes that pass through the network together: those of `paper` fill 0.8 GB."""

SAMPLE_GROUPS, SAMPLE_EACH = 2400, 5
"""Mini-batches of the training split that stand for all of it, and images taken of each.

Images of one mini-batch share all but one factor, so what a probe can find is bounded by the number
of mini-batches: with 240 it found nothing of a factor of which 60 units said an R^2 of .1.
"""

LIVE = 0.05
"""Part of a unit's variance that the image explains, from which on the unit counts as live."""

Track = Callable[[Sequence[Any]], Iterable[Any]]
"""Wraps a sequence of work, to show progress."""


def untracked(work: Sequence[Any]) -> Iterable[Any]:
    """Show nothing."""
    return work


@dataclass(frozen=True)
class Images:
    """Some images (image, height, width) as a network reads them; the rest as in Codes."""

    images: NDArray[np.float32]
    labels: NDArray[np.float32]
    identity: NDArray[np.float32]
    factor_id: NDArray[np.uint8]
    group_id: NDArray[np.int32]


@dataclass(frozen=True)
class Codes:
    """Some images, each with its posterior and its truth.

    mean, deviation (image, code): of the posterior. labels (image, latent): columns as
    facegen.latents.LABELS. identity (image, coefficient): who it is. factor_id, group_id (image,):
    what varies in the image's mini-batch, and which that is. scores: by name, a figure for each
    image (image,).
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    labels: NDArray[np.float32]
    identity: NDArray[np.float32]
    factor_id: NDArray[np.uint8]
    group_id: NDArray[np.int32]
    scores: dict[str, NDArray[np.float64]]

    def sampled(self, seed: int = 0) -> NDArray[np.float32]:
        """One draw from each posterior (image, code)."""
        return draw(self.mean, self.deviation, np.random.default_rng(seed))

    def live(self) -> NDArray[np.bool_]:
        """Which units (code,) the images move at all: others repeat the prior, whatever is seen."""
        moved = self.mean.var(0, dtype=np.float64)
        spread = moved + (self.deviation.astype(np.float64) ** 2).mean(0)
        live: NDArray[np.bool_] = moved > LIVE * np.maximum(spread, 1e-300)
        return live


Score = Callable[[Network, NDArray[np.float32], "Codes"], dict[str, NDArray[np.float64]]]
"""What to compute of each image (image, height, width) while it is in memory."""


def no_score(*_: object) -> dict[str, NDArray[np.float64]]:
    """A Score that computes nothing."""
    return {}


def encode(
    network: Network,
    dataset: MiniBatches,
    split: str,
    groups: NDArray[np.int64],
    score: Score = no_score,
    track: Track = untracked,
    each: int | None = None,
) -> Codes:
    """The codes of the mini-batches with these numbers; the network runs where its weights are.

    each: images taken of every mini-batch, the first; None takes all. Raises UserError when there
    are no mini-batches, or when the data set's images or labels do not fit.
    """
    size = network.config.image_size
    check_readable(size, dataset, split)
    read = read_images(size, dataset, split, groups, track, each)
    return join([codes_of(network, images, score) for images in read])


def encode_sample(
    network: Network, dataset: MiniBatches, score: Score = no_score, track: Track = untracked
) -> Codes:
    """The codes of a sample of the training split, on which whatever is fitted is fitted."""
    groups = some_groups(dataset, "train", SAMPLE_GROUPS)
    return encode(network, dataset, "train", groups, score, track, SAMPLE_EACH)


def units_of(named: bool, train: Codes) -> tuple[int, ...]:
    """The unit of each scalar factor, in the order of facegen.latents.LATENTS.

    Methods that know which unit is whose (named) have them in that order; others get theirs by the
    best assignment of mutual information on training images, in their favour.
    """
    return tuple(range(len(LATENTS))) if named else assign_units(train.mean, train.labels)


def intrinsic_units(units: Sequence[int], code_size: int) -> NDArray[np.int64]:
    """The units that are no factor's."""
    return np.setdiff1d(np.arange(code_size), units)


def check_readable(size: int, dataset: MiniBatches, split: str) -> None:
    """Raise UserError when a network for images of this size cannot read this split."""
    if not dataset.group_count(split):
        raise UserError(f"{dataset.path}: no {split} images; make a data set that has some")
    if dataset.size < size:
        raise UserError(
            f"{dataset.path}: {dataset.size}x{dataset.size} pixels, and the network reads "
            f"{size}x{size}; name a larger data set with --data"
        )
    if dataset.factors[: len(FACTORS)] != FACTORS:
        raise UserError(
            f"{dataset.path}: varies {', '.join(dataset.factors)}, and networks are judged by "
            f"{', '.join(FACTORS)}, in this order; name another with --data"
        )
    missing = [latent.name for latent in LATENTS if latent.name not in dataset.labels]
    if missing:
        raise UserError(f"{dataset.path}: no labels {', '.join(missing)}; name another with --data")


def some_groups(dataset: MiniBatches, split: str, count: int) -> NDArray[np.int64]:
    """Up to count mini-batches of a split, all kinds as often, always the same ones."""
    kinds = dataset.factor_ids(split)
    order = np.random.default_rng(0).permutation(len(kinds))
    turn = np.empty(len(kinds), np.int64)
    for kind in np.unique(kinds):
        of_kind = kinds[order] == kind
        turn[of_kind] = np.arange(of_kind.sum())
    return np.sort(order[np.argsort(turn, kind="stable")[:count]])


def draw(
    mean: NDArray[np.float32], deviation: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float32]:
    """Sampled codes, in the shape of mean."""
    return mean + deviation * random.standard_normal(mean.shape, dtype=np.float32)


def decode(network: Network, codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits (image, height, width) of the pictures of codes (image, code)."""
    (logits,) = _passed(codes, lambda some: [network.decode(some)], network)
    return logits


def posterior(
    network: Network, images: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation (image, code) of images (image, size, size) in 0..1."""
    mean, log_variance = _passed(images, network.encode, network)
    return mean, np.exp(0.5 * log_variance)


def _passed(
    rows: NDArray[np.float32], layers: Callable[[Tensor], Iterable[Tensor]], network: Network
) -> list[NDArray[np.float32]]:
    """What layers make of rows, ROWS_AT_ONCE at a time, on the network's device."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        parts = [
            [found.cpu() for found in layers(some.to(device))]
            for some in torch.split(torch.from_numpy(rows), ROWS_AT_ONCE)
        ]
    return [torch.cat(part).numpy() for part in zip(*parts, strict=True)]


def read_images(
    size: int,
    dataset: MiniBatches,
    split: str,
    groups: NDArray[np.int64],
    track: Track = untracked,
    each: int | None = None,
) -> Iterator[Images]:
    """The images of the mini-batches with these numbers, some at a time, as encode takes them."""
    columns = [dataset.labels.index(latent.name) for latent in LATENTS]
    starts = range(0, len(groups), GROUPS_AT_ONCE)
    for start in track(starts):
        read = dataset.read(split, groups[start : start + GROUPS_AT_ONCE])
        pixels = torch.from_numpy(read.images[:, :each]).flatten(0, 1)
        count = len(pixels) // len(read.images)
        yield Images(
            network_input(pixels, size).numpy(),
            labels=read.labels[:, :each, columns].reshape(len(pixels), -1),
            identity=read.identity[:, :each].reshape(len(pixels), -1),
            factor_id=np.repeat(read.factor_id, count),
            group_id=np.repeat(read.group_id, count),
        )


def codes_of(network: Network, images: Images, score: Score = no_score) -> Codes:
    """The codes of images that have been read."""
    codes = Codes(
        *posterior(network, images.images),
        labels=images.labels,
        identity=images.identity,
        factor_id=images.factor_id,
        group_id=images.group_id,
        scores={},
    )
    codes.scores.update(score(network, images.images, codes))
    return codes


def join(parts: list[Codes]) -> Codes:
    """Several as one."""
    return Codes(
        mean=np.concatenate([part.mean for part in parts]),
        deviation=np.concatenate([part.deviation for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        identity=np.concatenate([part.identity for part in parts]),
        factor_id=np.concatenate([part.factor_id for part in parts]),
        group_id=np.concatenate([part.group_id for part in parts]),
        scores={
            name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores
        },
    )
