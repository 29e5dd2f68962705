"""Mutual information gap (Chen et al. 2018), with its ceiling."""

from dataclasses import dataclass

import numpy as np

from dcign.metrics import Array
from dcign.metrics.information import binned, entropy, information


@dataclass(frozen=True)
class Mig:
    """The gap between the best and the second unit's information, over the factor's entropy.

    score: mean over factors, 0..1. ceiling: the same if no other unit seemed to know anything; what
    one seems to know by chance alone is not taken off (see mig). factors, ceilings: of each factor.
    """

    score: float
    ceiling: float
    factors: tuple[float, ...]
    ceilings: tuple[float, ...]


def mig(codes: Array, factors: Array, equal: bool = False) -> Mig:
    """MIG of codes (image, unit), continuous factors and units cut into 20 bins each.

    equal: bins of equal width, disentanglement_lib's, which punish a monotone warp; otherwise of
    equal count, which do not. Few mini-batches, within which factors repeat, let any unit seem to
    know something: a perfect code scores .82 on 140 of them and .98 on 1,400.
    """
    cut = binned(factors, equal)
    known = np.sort(information(binned(codes, equal), cut), axis=0)
    total = np.array([entropy(factor) for factor in cut.T])
    gaps, ceilings = (known[-1] - known[-2]) / total, known[-1] / total
    return Mig(
        score=float(gaps.mean()),
        ceiling=float(ceilings.mean()),
        factors=tuple(gaps.tolist()),
        ceilings=tuple(ceilings.tolist()),
    )
