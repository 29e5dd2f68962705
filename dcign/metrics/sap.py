"""Separated attribute predictability (Kumar et al. 2018)."""

import numpy as np

from dcign.metrics import Array
from dcign.metrics.correlation import pearson


def sap(codes: Array, factors: Array) -> float:
    """The gap between the best and the second unit's linear R^2, mean over factors, 0..1."""
    gaps = []
    for factor in factors.T:
        fits = sorted(pearson(unit, factor) ** 2 for unit in codes.T)
        gaps.append(fits[-1] - fits[-2])
    return float(np.mean(gaps))
