"""Where a training's mini-batches come from."""

from dataclasses import replace
from pathlib import Path

from facegen.errors import UserError
from facegen.live import LiveDataset
from facegen.minibatches import MiniBatches
from facegen.presets import LIVE, PRESETS
from facegen.shards import Dataset


def stored_data(path: Path) -> Dataset:
    """The data set in a folder; raises UserError where there is none that networks can read."""
    dataset = Dataset(path)
    if dataset.header.colour:
        raise UserError(
            f"{path}: in colour, and networks read gray pictures; generate one without --colour"
        )
    return dataset


def open_data(path: Path, size: int, device: str = "cpu") -> MiniBatches:
    """The data set in a folder, or, called "generate", one that is rendered as it is read.

    size: height and width of what is rendered, pixels. Raises UserError when there is none.
    """
    if str(path) != LIVE:
        return stored_data(path)
    return LiveDataset(replace(PRESETS["paper"], size=size), device=device)
