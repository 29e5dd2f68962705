"""Mutual information of units and factors, by bins, and the units that it assigns to factors."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from dcign.metrics import Array
from dcign.metrics.correlation import constant

BINS = 20


def quantile_bins(values: Array, count: int = BINS) -> NDArray[np.intp]:
    """The bin (image,) of each value, all bins equally full: any monotone warp leaves them as is.

    A value that never changes falls into one bin.
    """
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))
    which: NDArray[np.intp] = np.searchsorted(edges, values, side="right")
    return which


def equal_bins(values: Array, count: int = BINS) -> NDArray[np.intp]:
    """The bin (image,) of each value, all bins equally wide, as disentanglement_lib has them."""
    if constant(values):
        return np.zeros(len(values), np.intp)
    edges = np.linspace(values.min(), values.max(), count + 1)[1:-1]
    return np.digitize(values, edges)


def entropy(bins: NDArray[np.intp]) -> float:
    """Entropy of a binned variable (image,), nats."""
    return float(entr(np.bincount(bins) / len(bins)).sum())


def information(units: NDArray[np.intp], factors: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mutual information (unit, factor), nats, of binned (image, unit) and (image, factor)."""
    result = np.empty((units.shape[1], factors.shape[1]))
    for j, factor in enumerate(factors.T):
        high = int(factor.max()) + 1
        for i, unit in enumerate(units.T):
            joint = np.bincount(unit * high + factor)
            both = float(entr(joint / len(factor)).sum())
            result[i, j] = max(0.0, entropy(unit) + entropy(factor) - both)
    return result


def binned(values: Array, equal: bool = False) -> NDArray[np.intp]:
    """Each column (image, variable) binned; by quantiles unless equal widths are asked for."""
    return np.stack([(equal_bins if equal else quantile_bins)(v) for v in values.T], axis=1)


def assign_units(codes: Array, factors: Array) -> tuple[int, ...]:
    """The unit of each factor: one each, such that their mutual information adds up to most.

    The judgement in favour of methods that do not know which unit is to be whose.
    """
    rows, columns = linear_sum_assignment(
        information(binned(codes), binned(factors)), maximize=True
    )
    return tuple(int(row) for _, row in sorted(zip(columns, rows, strict=True)))
