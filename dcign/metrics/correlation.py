"""How one unit follows one factor: correlations, and whether it turns back.

Codes and factors are (image,). A unit that never moves scores zero; it is not an error.
"""

import numpy as np
from scipy import stats

from dcign.metrics import Array


def pearson(code: Array, factor: Array) -> float:
    """Linear correlation, -1..1."""
    return 0.0 if constant(code) or constant(factor) else float(stats.pearsonr(code, factor)[0])


def spearman(code: Array, factor: Array) -> float:
    """Correlation of the ranks, -1..1: any monotone relation gives +-1."""
    return 0.0 if constant(code) or constant(factor) else float(stats.spearmanr(code, factor)[0])


def correlation_ratio(code: Array, factor: Array, bins: int = 20) -> float:
    """eta^2: the share of the code's variance between equal-width bins of the factor, 0..1.

    High wherever the factor fixes the code, monotone or not (Pearson 1905).
    """
    if constant(code) or constant(factor):
        return 0.0
    edges = np.linspace(factor.min(), factor.max(), bins + 1)[1:-1]
    which = np.digitize(factor, edges)
    count = np.bincount(which, minlength=bins)
    mean = np.bincount(which, weights=code, minlength=bins) / np.maximum(count, 1)
    return float((count * (mean - code.mean()) ** 2).sum() / ((code - code.mean()) ** 2).sum())


def monotonicity(code: Array, factor: Array, bins: int = 20) -> float:
    """How far a unit gets for the way it goes, 0..1: 1 never turns back, 0 ends where it began.

    Net change over total change of the unit's mean in equal-width bins of the factor.
    """
    if constant(code) or constant(factor):
        return 0.0
    which = np.digitize(factor, np.linspace(factor.min(), factor.max(), bins + 1)[1:-1])
    steps = np.diff([code[which == i].mean(dtype=np.float64) for i in np.unique(which)])
    return float(abs(steps.sum()) / max(np.abs(steps).sum(), 1e-300))


def constant(values: Array) -> bool:
    """Whether nothing but rounding moves."""
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())
