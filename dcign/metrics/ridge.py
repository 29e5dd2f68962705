"""Ridge regression on thousands of features, whose strength is chosen on mini-batches left out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from dcign.metrics import Array

RIDGES = np.logspace(-2, 5, 8)
"""Strengths of ridge regression to choose from."""

FOLDS = 5
"""Parts of the mini-batches, to choose the strength by leaving parts out."""


@dataclass(frozen=True)
class Affine:
    """Features (image, feature) to targets (image, target)."""

    centre: Array
    weights: Array
    offset: Array

    def __call__(self, features: Array) -> Array:
        answer: Array = (features - self.centre) @ self.weights + self.offset
        return answer


def fit_ridge(features: Array, targets: Array, group: NDArray[np.integer]) -> Affine:
    """Fits targets (image, target) to features (image, feature), each at the strength it needs.

    group (image,): the mini-batch. Strengths are compared on every fifth mini-batch, whose images
    are left out together, and the best one is used with all of them; where there is but one, the
    greatest. sklearn's RidgeCV multiplies the features anew for every part, which takes minutes
    where there are some thousand.
    """
    names, which = np.unique(group, return_inverse=True)
    best = np.full(targets.shape[1], RIDGES[-1])
    if len(names) > 1:
        left_out = which % FOLDS == min(FOLDS, len(names)) - 1
        fitted = _Fit(features[~left_out], targets[~left_out])
        errors = [
            ((fitted(strength)(features[left_out]) - targets[left_out]) ** 2).mean(0)
            for strength in RIDGES
        ]
        best = RIDGES[np.argmin(errors, axis=0)]
    fitted = _Fit(features, targets)
    answers = {strength: fitted(strength) for strength in np.unique(best)}
    columns = [answers[strength].weights[:, k] for k, strength in enumerate(best)]
    return Affine(fitted.centre, np.stack(columns, axis=1), fitted.offset)


class _Fit:
    """Normal equations, to be solved at several strengths."""

    def __init__(self, features: Array, targets: Array) -> None:
        self.centre, self.offset = features.mean(0), targets.mean(0)
        centred = features - self.centre
        self._squares = centred.T @ centred
        self._products = centred.T @ (targets - self.offset)

    def __call__(self, strength: float) -> Affine:
        squares = self._squares + strength * np.eye(len(self._squares))
        weights = solve(squares, self._products, assume_a="pos")
        return Affine(self.centre, weights, self.offset)
