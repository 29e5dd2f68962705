"""Images at the size that a network reads, kept once they have been made."""

import contextlib
import functools
import logging
import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from facegen.minibatches import MiniBatches

MEMORY_SHARE = 0.25
"""The part of the memory that reduced images may take."""

log = logging.getLogger(__name__)

CONTROL_GROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


def network_input(
    pixels: UInt8[Tensor, "*batch height width"], size: int
) -> Float[Tensor, "*batch size size"]:
    """Gray bytes as numbers in [0, 1], of size x size (see reduced)."""
    return reduced(pixels, size).float() / 255


def reduced(
    pixels: UInt8[Tensor, "*batch height width"], size: int
) -> UInt8[Tensor, "*batch size size"]:
    """Pictures averaged over areas to size x size, as bytes again; smaller ones are enlarged."""
    height, width = pixels.shape[-2:]
    if (height, width) == (size, size):
        return pixels
    rows, columns = (
        torch.from_numpy(area_weights(n, size)).to(pixels.device) for n in (height, width)
    )
    averaged = rows @ pixels.float() @ columns.T
    # Weights that add up to 1 but for rounding may overshoot white.
    return averaged.round().clamp(max=255).to(torch.uint8)


def area_weights(source: int, target: int) -> NDArray[np.float32]:
    """The share (target, source) of each source pixel in a target pixel, along one axis.

    A target pixel covers source / target source pixels and averages them by the length covered.
    """
    edges = np.arange(target + 1) * (source / target)
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)
    covered = np.clip(np.minimum(stop, pixel + 1) - np.maximum(start, pixel), 0, None)
    weights: NDArray[np.float32] = (covered * (target / source)).astype(np.float32)
    return weights


def memory() -> int:
    """Bytes of the machine, or of the container or job that we are in, if it was given less.

    That is memory.max of our control group (version 2) and of those around it.
    """
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    own = ""
    with contextlib.suppress(OSError):
        lines = OWN_GROUP.read_text().splitlines()
        own = next((line[len("0::/") :] for line in lines if line.startswith("0::/")), "")
    place = CONTROL_GROUPS / own
    for folder in (place, *place.parents):
        # It reads "max" where there is no limit, and is missing in the machine's own group.
        with contextlib.suppress(OSError, ValueError):
            found.append(int((folder / "memory.max").read_text()))
        if folder == CONTROL_GROUPS:
            break
    return min(found)


class Reduced:
    """The training images of a data set at a smaller size, each read and averaged once.

    A training sees an image several times, a study dozens of times; reading a step's images at
    their own size and averaging costs a fifth of the step, rendering them more than the step.
    Not made for images that can be read as they are, nor where they would take more than
    MEMORY_SHARE: then everything is read anew each time.
    """

    def __init__(self, dataset: MiniBatches, size: int) -> None:
        """Take no memory yet: pages are filled as images come."""
        self.dataset = dataset
        self.size = size
        shape = (dataset.group_count("train"), dataset.group_size, size, size)
        costly = size < dataset.size or dataset.slow
        size_of_all = int(np.prod(shape, dtype=np.int64))
        self.keeps = costly and size_of_all <= MEMORY_SHARE * memory()
        if costly and not self.keeps:
            log.warning(
                "%s: all images take %.1f GB, and a quarter of the memory is %.1f: they are %s",
                dataset.path,
                size_of_all / 1e9,
                MEMORY_SHARE * memory() / 1e9,
                "rendered anew every time" if dataset.slow else "read anew every time",
            )
        self._kept = np.empty(shape, np.uint8) if self.keeps else None
        self._labels = np.empty((*shape[:2], len(dataset.labels)), np.float32)
        self._known = np.zeros(shape[:2], bool)

    def read(
        self, group_id: NDArray[np.int64], sample: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Images (group, sample, size, size) and labels (group, sample, latent).

        Of mini-batches group_id (group,), their images sample (group, sample). Raises UserError
        when a shard is damaged.
        """
        if self._kept is None:
            return self._fetch(group_id, sample)
        short = ~self._known[group_id[:, None], sample].all(1)
        if short.any():
            groups, wanted = group_id[short], sample[short]
            if not self.dataset.slow:
                # A mini-batch is a chunk of its file: all of it costs little more than some.
                groups = np.unique(groups)
                wanted = np.tile(np.arange(self.dataset.group_size), (len(groups), 1))
            place = groups[:, None], wanted
            self._kept[place], self._labels[place] = self._fetch(groups, wanted)
            self._known[place] = True
        return self._kept[group_id[:, None], sample], self._labels[group_id[:, None], sample]

    def _fetch(
        self, group_id: NDArray[np.int64], sample: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Read or render images, and average them."""
        pixels, labels = self.dataset.some_images("train", group_id, sample)
        return reduced(torch.from_numpy(pixels), self.size).numpy(), labels


@functools.lru_cache(maxsize=1)
def reduced_images(dataset: MiniBatches, size: int) -> Reduced:
    """One for all trainings on a data set, one after the other."""
    return Reduced(dataset, size)
