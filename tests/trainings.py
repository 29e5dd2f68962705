"""Trainings in milliseconds: a tiny network on the synthetic data set."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from dcign.config import TrainConfig
from dcign.methods import dcign
from dcign.models.network import NetworkConfig
from dcign.resume import optimiser_tensors
from dcign.train import Record, Training
from facegen.shards import Dataset

# Threads that wait for each other stall on a busy machine: such small layers then take ten times
# as long with two as with one.
torch.set_num_threads(1)

TINY = TrainConfig(
    preset="tiny",
    network=NetworkConfig(
        image_size=16,
        code_size=8,
        encoder_channels=(4, 8),
        decoder_channels=(8, 4),
        encoder_kernel=3,
        decoder_kernel=5,
        padded=True,
    ),
    method=dcign.Method(),
    steps=12,
    groups=2,
    learning_rate=3e-3,
    decay=0.3,
)


def training(folder: Path, data: Path, **changes: Any) -> Training:
    return Training(replace(TINY, **changes), Dataset(data), folder, torch.device("cpu"))


def train(folder: Path, data: Path, stop: int | None = None, **changes: Any) -> list[Record]:
    """Train to the end, or do `stop` steps and save."""
    work = training(folder, data, **changes)
    records = list(islice(work, stop))
    if stop is not None:
        work.save()
    return records


def state(work: Training) -> dict[str, torch.Tensor]:
    """Copies of everything that a training changes."""
    tensors = work.network.state_dict() | optimiser_tensors(work.network, work.optimisers)
    return {name: tensor.clone() for name, tensor in tensors.items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two states are equal bit by bit."""
    return first.keys() == second.keys() and all(
        torch.equal(tensor, second[name]) for name, tensor in first.items()
    )


def flip(path: Path, offset: int) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[offset % len(data)] ^= 1 << (offset % 8)
    path.write_bytes(data)


def truncate(path: Path, offset: int) -> None:
    """Keep the first offset bytes of a file."""
    path.write_bytes(path.read_bytes()[: offset % len(path.read_bytes())])


DAMAGES: tuple[Callable[[Path, int], None], ...] = (flip, truncate)
