"""Disentanglement, completeness, informativeness (Eastwood and Williams 2018)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import entr
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import r2_score
from threadpoolctl import threadpool_limits

from dcign.metrics import Array

FITTED = 2000
"""Images that the trees are fitted on, at most: more change the third decimal."""


@dataclass(frozen=True)
class Dci:
    """disentanglement, completeness: 0..1. informativeness: held-out R^2, mean over factors.

    Blind to leakage: a unit that is best for a factor takes all its importance, whatever others
    know.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def dci(train: Array, train_factors: Array, test: Array, test_factors: Array) -> Dci:
    """DCI with gradient-boosted regression trees, 100 of depth 3, each on half of the images."""
    some = np.random.default_rng(0).permutation(len(train))[:FITTED]
    importances, scores = [], []
    with threadpool_limits(limits=1):
        for wanted, truth in zip(train_factors.T, test_factors.T, strict=True):
            trees = GradientBoostingRegressor(subsample=0.5, random_state=0)
            trees.fit(train[some], wanted[some])
            importances.append(trees.feature_importances_)
            scores.append(float(r2_score(truth, trees.predict(test))))
    disentanglement, completeness = summary(np.array(importances).T)
    return Dci(disentanglement, completeness, float(np.mean(scores)))


def summary(importances: Array) -> tuple[float, float]:
    """Disentanglement and completeness of importances (unit, factor), not negative."""
    total = importances.sum()
    if not total:
        return 0.0, 0.0
    of_unit, of_factor = importances.sum(1, keepdims=True), importances.sum(0, keepdims=True)
    units, factors = importances.shape
    per_unit = 1 - entr(importances / np.where(of_unit, of_unit, 1)).sum(1) / np.log(factors)
    per_factor = 1 - entr(importances / np.where(of_factor, of_factor, 1)).sum(0) / np.log(units)
    disentanglement = (of_unit[:, 0] / total * per_unit).sum()
    completeness = (of_factor[0] / total * per_factor).sum()
    return float(disentanglement), float(completeness)
