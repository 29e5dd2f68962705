"""What every source of mini-batches offers, be they read from a disk or rendered when asked for."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facegen.layout import Groups
from facegen.manifest import Header


class MiniBatches(ABC):
    """Mini-batches by split and number.

    path: where they are, or what they are called. size: height and width, pixels. group_size:
    images in a mini-batch. factors: names that factor_id indexes. labels, units, low, high: the
    label columns and ranges. fingerprint: twelve hexadecimal digits that differ between contents.
    config: how they are made. header: all of this and more. slow: whether images are made when they
    are asked for, so that they had better be kept.
    """

    slow = False

    def __init__(self, path: Path, header: Header, fingerprint: str) -> None:
        self.path = path
        self.header = header
        self.fingerprint = fingerprint
        self.size = header.size
        self.group_size = header.group_size
        self.identity_size = header.identity_size
        self.expression_size = header.expression_size
        self.factors = header.factors
        self.labels = header.labels
        self.units = header.units
        self.low = header.low
        self.high = header.high
        self.config: dict[str, Any] = header.config

    @abstractmethod
    def group_count(self, split: str) -> int:
        """Mini-batches in a split; 0 when there is none of it."""

    @abstractmethod
    def factor_ids(self, split: str) -> NDArray[np.uint8]:
        """The factor that varies in each mini-batch (group,), without reading pixels."""

    @abstractmethod
    def read(self, split: str, groups: Sequence[int] | NDArray[np.integer[Any]]) -> Groups:
        """The mini-batches with these numbers, in the order asked for.

        Raises UserError when what is there is damaged, IndexError when a number is out of range.
        """

    def some_images(
        self, split: str, groups: NDArray[np.int64], samples: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Images (group, sample, ...) and labels (group, sample, latent), not all of them.

        Of mini-batches groups (group,), their images samples (group, sample). Raises as read does.
        """
        found = self.read(split, groups)
        place = np.arange(len(groups))[:, None]
        return found.images[place, samples], found.labels[place, samples]
