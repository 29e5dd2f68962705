"""From the shards to what the network reads: draws of mini-batches, areas averaged, read ahead."""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from dcign.config import TrainConfig
from dcign.images import network_input, reduced, reduced_images
from facegen.errors import UserError
from facegen.latents import FACTORS, LATENTS
from facegen.minibatches import MiniBatches

AHEAD = 2
"""Batches read in advance."""

RENDERED = 256
"""Images that a GPU is asked to render at once, about: those of one step take it as long."""

RESIDENT_SHARE = 0.5
"""The part of a GPU's free memory that the data set may take to live there."""

BATCHES, NOISE = 0, 1
"""What a random stream is for."""

Item = TypeVar("Item")
Step = TypeVar("Step")


def stream(seed: int, purpose: int, step: int) -> np.random.Generator:
    """A counter-based stream: its numbers depend on these three alone, so resuming is exact."""
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, 0, 0, step]))


@dataclass(frozen=True)
class Draw:
    """Which images a step sees.

    group_id (group,): mini-batches of the training split. factor_id (group,): what varies in each.
    sample (group, sample): the images taken of each.
    """

    group_id: NDArray[np.int64]
    factor_id: NDArray[np.int64]
    sample: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """A step's images, and where they come from.

    truth: of the scalar factors in the order of facegen.latents.LATENTS, -1..1 over their ranges.
    """

    images: Float[Tensor, "group sample height width"]
    truth: Float[Tensor, "group sample factor"]
    draw: Draw

    def to(self, device: torch.device) -> "Batch":
        # What is in ordinary memory has been taken when these return; a GPU is not waited for.
        images, truth = (x.to(device, non_blocking=True) for x in (self.images, self.truth))
        return Batch(images, truth, self.draw)


class Resident(NamedTuple):
    """The training split on a GPU: bytes, and the scaled factors as Batch has them."""

    images: UInt8[Tensor, "group sample height width"]
    truth: Float[Tensor, "group sample factor"]


class Batches:
    """The training mini-batches of a data set as a configuration draws them: one Batch a step.

    The kind of each mini-batch is drawn by config.ratio, then one of that kind uniformly, both with
    replacement. On a GPU the data set lives there as bytes when it fits.
    """

    def __init__(self, dataset: MiniBatches, config: TrainConfig, device: torch.device) -> None:
        """Raise UserError when the network cannot learn from this data set."""
        self.dataset = dataset
        self.config = config
        self.device = device
        _check_fits(dataset, config)
        factor_ids = dataset.factor_ids("train")
        self._of_kind = [np.flatnonzero(factor_ids == kind) for kind in range(len(FACTORS))]
        self._shares = np.array(config.ratio) / sum(config.ratio)
        for kind, groups, share in zip(FACTORS, self._of_kind, self._shares, strict=True):
            if share and not len(groups):
                raise UserError(
                    f"{dataset.path}: no training mini-batch in which {kind} varies, and the ratio "
                    f"{config.ratio} asks for some; generate more"
                )
        self._resident: Resident | None = None
        of_step = config.groups * (config.samples or dataset.group_size)
        is_rendered_there = dataset.slow and device.type == "cuda"
        self._steps_at_once = max(1, RENDERED // of_step) if is_rendered_there else 1

    def draw(self, step: int) -> Draw:
        """Which mini-batches a step sees, a function of (seed, step)."""
        random = stream(self.config.seed, BATCHES, step)
        factor_id = random.choice(len(FACTORS), size=self.config.groups, p=self._shares)
        group_id = np.array([random.choice(self._of_kind[kind]) for kind in factor_id])
        size = self.dataset.group_size
        sample = np.tile(np.arange(size), (self.config.groups, 1))
        if self.config.samples is not None:
            sample = random.permuted(sample, axis=1)[:, : self.config.samples]
        return Draw(group_id, factor_id, sample)

    def load_resident(self) -> None:
        """Copy the training images to the GPU, if there is one and they are there and fit."""
        if self.device.type != "cuda" or self.dataset.slow or self._resident is not None:
            return
        count = self.dataset.group_count("train")
        size = min(self.dataset.size, self.config.network.image_size)
        shape = (count, self.dataset.group_size, size, size)
        # What PyTorch has taken and does not use counts as free, too.
        kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        free = torch.cuda.mem_get_info(self.device)[0] + kept
        if np.prod(shape, dtype=np.int64) > RESIDENT_SHARE * free:
            return
        images = torch.empty(shape, dtype=torch.uint8, device=self.device)
        truth = torch.empty((*shape[:2], len(LATENTS)), device=self.device)
        for groups in np.array_split(np.arange(count), max(1, count // 100)):
            read = self.dataset.read("train", groups)
            rows = slice(int(groups[0]), int(groups[-1]) + 1)
            images[rows] = reduced(torch.from_numpy(read.images).to(self.device), size)
            truth[rows] = torch.from_numpy(self._scaled(read.labels))
        self._resident = Resident(images, truth)

    def read_ahead(self, steps: range) -> None:
        """Have these steps' images in memory, where they are kept once read or rendered."""
        if self._resident is not None:
            return
        images = reduced_images(self.dataset, self.config.network.image_size)
        if images.keeps:
            for step in steps:
                draw = self.draw(step)
                images.read(draw.group_id, draw.sample)

    def batches(self, steps: range) -> Generator[Batch, None, None]:
        """The batches of these steps in order, read ahead by a thread unless they live on a GPU."""
        if self._resident is not None:
            yield from map(self.read, steps)
            return
        many = self._steps_at_once
        chunks = (steps[first : first + many] for first in range(0, len(steps), many))
        with contextlib.closing(prefetched(self._read_some, chunks)) as ahead:
            for read in ahead:
                for batch in read:
                    yield batch.to(self.device)

    def read(self, step: int) -> Batch:
        """The batch of a step; on the GPU if the data set lives there, else on the CPU."""
        if self._resident is None:
            (batch,) = self._read_some(range(step, step + 1))
            return batch
        draw = self.draw(step)
        group, sample = (torch.from_numpy(x).to(self.device) for x in (draw.group_id, draw.sample))
        pixels, truth = (x[group[:, None], sample] for x in self._resident)
        return Batch(network_input(pixels, self.config.network.image_size), truth, draw)

    def _read_some(self, steps: range) -> list[Batch]:
        """The batches of steps, on the CPU, read or rendered together."""
        size, draws = self.config.network.image_size, [self.draw(step) for step in steps]
        group_id, sample = (
            np.concatenate([getattr(draw, name) for draw in draws])
            for name in ("group_id", "sample")
        )
        found = reduced_images(self.dataset, size).read(group_id, sample)
        images, labels = (plane.reshape(len(draws), -1, *plane.shape[1:]) for plane in found)
        return [
            Batch(
                network_input(torch.from_numpy(pixels), size),
                torch.from_numpy(self._scaled(told)),
                draw,
            )
            for pixels, told, draw in zip(images, labels, draws, strict=True)
        ]

    def _scaled(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scalar factors among the label columns, -1..1 over their ranges."""
        columns = [self.dataset.labels.index(latent.name) for latent in LATENTS]
        low, high = (
            np.array(ends, dtype=np.float32)[columns]
            for ends in (self.dataset.low, self.dataset.high)
        )
        scaled: NDArray[np.float32] = 2 * (labels[..., columns] - low) / (high - low) - 1
        return scaled


def _check_fits(dataset: MiniBatches, config: TrainConfig) -> None:
    """Raise UserError when the network cannot learn from this data set."""
    size = config.network.image_size
    if dataset.size < size:
        raise UserError(
            f"{dataset.path}: images of {dataset.size}x{dataset.size}, and preset {config.preset} "
            f"reads {size}x{size}; generate larger ones, or train another preset"
        )
    missing = [latent.name for latent in LATENTS if latent.name not in dataset.labels]
    if missing:
        raise UserError(
            f"{dataset.path}: no labels {', '.join(missing)}; generate another data set"
        )
    if dataset.factors != FACTORS:
        raise UserError(
            f"{dataset.path}: varies {', '.join(dataset.factors)}, and this network is for "
            f"{', '.join(FACTORS)}, in this order; generate another data set"
        )
    if config.samples is not None and config.samples > dataset.group_size:
        raise UserError(
            f"{dataset.path}: mini-batches of {dataset.group_size}, and {config.samples} images "
            "of each are asked for"
        )


def prefetched(make: Callable[[Step], Item], steps: Iterable[Step]) -> Generator[Item, None, None]:
    """The items make(step) in order, made up to AHEAD in advance by one thread."""
    pending: deque[Future[Item]] = deque()
    executor = ThreadPoolExecutor(max_workers=1)
    try:
        for step in steps:
            pending.append(executor.submit(make, step))
            if len(pending) > AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def noise(config: TrainConfig, step: int, shape: tuple[int, ...]) -> Float[Tensor, "*shape"]:
    """Standard normal noise (shape) of a step, the same on every device."""
    values: NDArray[Any] = stream(config.seed, NOISE, step).standard_normal(shape, np.float32)
    return torch.from_numpy(values)
