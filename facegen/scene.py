"""Mini-batches in which exactly one factor of variation moves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facegen.latents import (
    FACTORS,
    GROUP_SIZE,
    IDENTITY,
    LATENTS,
    draw_identity,
    draw_scalar,
)

SPLITS = ("train", "test")


@dataclass(frozen=True)
class MiniBatch:
    """The scenes of one mini-batch.

    group_id: which mini-batch of its split this is, counted from 0.
    factor: the factor (one of FACTORS) that varies; everything else is the same in every row.
    labels (sample, latent): the scalar latents in their units, columns as LABELS.
    identity (sample, mode): the identity coefficients.
    """

    split: str
    group_id: int
    factor: str
    labels: NDArray[np.float32]
    identity: NDArray[np.float32]


def mini_batch(split: str, seed: int, group_id: int, identity_size: int) -> MiniBatch:
    """Mini-batch number group_id of a split; the four kinds take turns.

    Sample i = GROUP_SIZE * group_id + row draws the factor that varies under its own index and
    everything else under the index of the group's first sample.
    """
    factor = FACTORS[group_id % len(FACTORS)]
    first = GROUP_SIZE * group_id
    own = np.arange(first, first + GROUP_SIZE)
    labels = np.empty((GROUP_SIZE, len(LATENTS)), dtype=np.float32)
    for column, latent in enumerate(LATENTS):
        indices = own if latent.factor == factor else own[:1]
        labels[:, column] = [draw_scalar(latent, seed, split, int(i)) for i in indices]
    indices = own if factor == IDENTITY else own[:1]
    identity = np.empty((GROUP_SIZE, identity_size), dtype=np.float32)
    identity[:] = np.stack([draw_identity(identity_size, seed, split, int(i)) for i in indices])
    return MiniBatch(split, group_id, factor, labels, identity)
