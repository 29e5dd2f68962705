"""Total-effect indices (Sobol 1993, Jansen 1999): how far one factor alone moves a unit."""

import numpy as np
from numpy.typing import NDArray

from dcign.metrics import Array


def total_effect(
    codes: Array, factor_id: NDArray[np.uint8], group_id: NDArray[np.int32], factors: int
) -> NDArray[np.float64]:
    """S[k, j] = E[(change of unit j)^2] / (2 Var of unit j) when only factor k is drawn anew.

    (factor, unit), 0..1 but for noise; a unit that never moves has zeros. factor_id, group_id
    (image,): within a mini-batch that factor alone was drawn anew and the scene rendered again, the
    rest being itself a draw, so the mean squared change over all pairs of a mini-batch's images,
    twice their unbiased variance, is the expectation asked for; no regressor, no bins.
    """
    variance = codes.var(0, ddof=1, dtype=np.float64)
    within = np.zeros((factors, codes.shape[1]))
    for factor in range(factors):
        groups = np.unique(group_id[factor_id == factor])
        assert len(groups), f"no mini-batch in which factor {factor} varies"
        changes = [codes[group_id == group].var(0, ddof=1, dtype=np.float64) for group in groups]
        within[factor] = np.mean(changes, axis=0)
    return within / np.where(variance > 0, variance, 1)
