"""What can be read from a code: of one unit in the factor's own unit, of many as R^2."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from dcign.metrics import Array

NEIGHBOURS = 50
"""Training images that vote on a factor's value; fewer, if there are not ten times as many."""

RIDGES = np.logspace(-2, 5, 8)
"""Strengths of ridge regression to choose from."""

FOLDS = 5
"""Parts that the mini-batches are left out in, to choose the strength."""


@dataclass(frozen=True)
class ReadOut:
    """How far a factor read from a code is from the truth, in the factor's unit.

    mean, rms: of the absolute error. centre_mean, centre_rms: of who always says the training mean.
    """

    mean: float
    rms: float
    centre_mean: float
    centre_rms: float


def read_out(
    train_code: Array, train_factor: Array, test_code: Array, test_factor: Array
) -> ReadOut:
    """Reads a factor from a single unit, codes (image,), by nearest neighbours in the training set.

    No shape of the relation is assumed; where the unit folds, as |f| does, it answers the average.
    """
    model = KNeighborsRegressor(neighbour_count(len(train_code))).fit(
        train_code[:, None], train_factor
    )
    return _errors(model.predict(test_code[:, None]), test_factor, train_factor.mean())


def neighbour_count(images: int) -> int:
    """How many training images vote, of so many."""
    return max(1, min(NEIGHBOURS, images // 10))


def read_out_whole(
    train_code: Array, train_factor: Array, test_code: Array, test_factor: Array
) -> ReadOut:
    """Reads a factor from all units, codes (image, unit), by gradient-boosted trees."""
    with threadpool_limits(limits=1):
        model = _trees().fit(train_code, train_factor)
        return _errors(model.predict(test_code), test_factor, train_factor.mean())


def _errors(answer: Array, truth: Array, centre: float) -> ReadOut:
    error, alternative = answer - truth, centre - truth
    return ReadOut(
        mean=float(np.abs(error).mean()),
        rms=float(np.sqrt((error**2).mean())),
        centre_mean=float(np.abs(alternative).mean()),
        centre_rms=float(np.sqrt((alternative**2).mean())),
    )


@dataclass(frozen=True)
class Probe:
    """What a regressor finds of a factor in a code: held-out R^2; 0 or less is nothing, 1 is all.

    ridge: linear. trees: gradient-boosted.
    """

    ridge: float
    trees: float


def probe(
    train_code: Array,
    train_factor: Array,
    train_group: NDArray[np.int32],
    test_code: Array,
    test_factor: Array,
) -> Probe:
    """Regresses a factor (image,) on codes (image, unit), fitted on train, judged on test.

    train_group (image,): the mini-batch, of which all images are left out together to choose the
    ridge's strength: beside near copies of an image none is too weak. A scale-free probe reads tiny
    residues from posterior means: give it sampled codes too.
    """
    parts = min(FOLDS, len(np.unique(train_group)))
    folds = list(GroupKFold(parts).split(train_code, groups=train_group)) if parts > 1 else None
    ridge = make_pipeline(StandardScaler(), RidgeCV(RIDGES, cv=folds))
    # On a busy machine threads wait for each other at every leaf: fifty times slower than one.
    with threadpool_limits(limits=1):
        scores = [
            float(r2_score(test_factor, model.fit(train_code, train_factor).predict(test_code)))
            for model in (ridge, _trees())
        ]
    return Probe(*scores)


def _trees() -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(early_stopping=False, random_state=0)
