"""The FactorVAE score (Kim and Mnih 2018)."""

import numpy as np
from numpy.typing import NDArray

from dcign.metrics import Array, Mask

VOTES = 300
"""Batches for each factor, of which the first half fits the classifier."""

BATCH, SHARE = 64, 0.1
"""Images in a batch, and the part of all mini-batches that they may be at most: a factor is held by
taking those nearest to a value, and half of all images hold nothing.
"""


def factor_vae(codes: Array, factors: Array, group_id: NDArray[np.int32], live: Mask) -> float:
    """Accuracy of naming the factor that is held fixed from the unit that varies least, 0..1.

    group_id (image,): images of one group are not independent, and a batch takes one of each at
    most. A continuous factor is held by taking the images nearest to a value: it varies a little.
    live (unit,): dead units, which vary least always, take no part.
    """
    units = np.flatnonzero(live)
    if not len(units):
        return 0.0
    random = np.random.default_rng(0)
    scaled = codes[:, units] / codes[:, units].std(0)
    votes = np.zeros((2, len(units), factors.shape[1]))
    order = np.argsort(group_id, kind="stable")
    starts = np.flatnonzero(np.diff(group_id[order], prepend=group_id[order][0] - 1))
    sizes = np.diff([*starts, len(order)])
    batch = max(2, min(BATCH, round(SHARE * len(starts))))
    for vote in range(VOTES):
        one_each = order[starts + random.integers(sizes)]
        for which, factor in enumerate(factors.T):
            value = factor[random.choice(one_each)]
            nearest = np.argsort(np.abs(factor[one_each] - value))[:batch]
            least = scaled[one_each[nearest]].var(0).argmin()
            votes[2 * vote // VOTES, least, which] += 1
    named = votes[0].argmax(1)
    return float(votes[1][np.arange(len(units)), named].sum() / votes[1].sum())
