"""A run that has seen a data set: the codes that everything else is judged on."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from dcign.checkpoint import Run
from dcign.codes import (
    Codes,
    Score,
    Track,
    check_readable,
    decode,
    encode,
    encode_sample,
    intrinsic_units,
    no_score,
    posterior,
    some_groups,
    units_of,
)
from dcign.images import network_input
from facegen.errors import UserError
from facegen.latents import FACTORS
from facegen.minibatches import MiniBatches


@dataclass(frozen=True)
class Seen:
    """A run and its codes of a data set.

    train: of a sample of the training split, on which whatever is fitted is fitted.
    test: of people who are in no training image.
    units: the unit of each scalar factor, in the order of facegen.latents.LATENTS; the other units
        are the intrinsic code.
    """

    run: Run
    dataset: MiniBatches
    train: Codes
    test: Codes
    units: tuple[int, ...]

    @property
    def rest(self) -> NDArray[np.int64]:
        """The units of the intrinsic code."""
        return intrinsic_units(self.units, self.train.mean.shape[1])

    def images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Gray bytes (image, height, width) as the network reads them, 0..1."""
        size = self.run.network.config.image_size
        read: NDArray[np.float32] = network_input(torch.from_numpy(pixels), size).numpy()
        return read

    def codes(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Posterior means (image, unit) of images as the network reads them."""
        return posterior(self.run.network, images)[0]

    def pictures(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network draws of codes (image, unit), 0..1."""
        drawn: NDArray[np.float32] = expit(decode(self.run.network, codes))
        return drawn


def see(
    run: Run,
    dataset: MiniBatches,
    track: Track,
    score: Score = no_score,
    test_groups: int | None = None,
) -> Seen:
    """Encodes a data set; test_groups limits the mini-batches of the test split (None: all).

    Raises UserError when the data set does not fit.
    """
    check_judges(dataset, run.network.config.image_size)
    train = encode_sample(run.network, dataset, track=track)
    judged = some_groups(dataset, "test", test_groups or dataset.group_count("test"))
    test = encode(run.network, dataset, "test", judged, score, track)
    return Seen(run, dataset, train, test, units_of(run.config.method.named, train))


def check_judges(dataset: MiniBatches, size: int) -> None:
    """Raise UserError when networks for images of this size cannot be judged by a data set."""
    check_readable(size, dataset, "test")
    for split, (kind, name) in product(("train", "test"), enumerate(FACTORS)):
        if (dataset.factor_ids(split) == kind).sum() == 0:
            raise UserError(
                f"{dataset.path}: no {split} images in which the {name} varies; generate more"
            )
