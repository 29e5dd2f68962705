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
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from threadpoolctl import threadpool_limits

from dcign.metrics import Array
from dcign.metrics.ridge import FOLDS, RIDGES, fit_ridge

NEIGHBOURS = 50
"""Training images that vote on a factor's value; fewer, if there are not ten times as many."""

MOST_UNITS = 100
"""Whose products a quadratic probe looks at: those that differ most between mini-batches."""


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

    linear: by ridge regression. quadratic: the same on the units and their products, where a code
    can say "profile" by how units vary together while each and their weighted sums keep still.
    trees: gradient-boosted.
    """

    linear: float
    quadratic: float
    trees: float

    @property
    def most(self) -> float:
        """What the best of them finds is there: each is blind to something."""
        return max(self.linear, self.quadratic, self.trees)


def probe(
    train_code: Array,
    train_factors: Array,
    train_group: NDArray[np.int32],
    test_code: Array,
    test_factors: Array,
) -> tuple[Probe, ...]:
    """Regresses factors (image, factor) on codes (image, unit), fitted on train, judged on test.

    train_group (image,): the mini-batch, of which all images are left out together to choose a
    ridge's strength: beside near copies of an image none is too weak. A scale-free probe reads tiny
    residues from posterior means: give it sampled codes too.
    """
    parts = min(FOLDS, len(np.unique(train_group)))
    folds = list(GroupKFold(parts).split(train_code, groups=train_group)) if parts > 1 else None
    ridge = make_pipeline(StandardScaler(), RidgeCV(RIDGES, cv=folds))
    products = make_pipeline(
        StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler()
    )
    kept = _tellers(train_code, train_group)
    expanded = products.fit_transform(train_code[:, kept].astype(np.float64))
    answer = fit_ridge(expanded, train_factors, train_group)(
        products.transform(test_code[:, kept].astype(np.float64))
    )
    found = []
    # On a busy machine threads wait for each other at every leaf: fifty times slower than one.
    with threadpool_limits(limits=1):
        for known, truth, said in zip(train_factors.T, test_factors.T, answer.T, strict=True):
            linear, trees = (
                float(r2_score(truth, model.fit(train_code, known).predict(test_code)))
                for model in (ridge, _trees())
            )
            found.append(Probe(linear, float(r2_score(truth, said)), trees))
    return tuple(found)


def _tellers(code: Array, group: NDArray[np.int32]) -> NDArray[np.intp]:
    """At most MOST_UNITS units of a code (image, unit): what is more than noise within groups."""
    _, which, count = np.unique(group, return_inverse=True, return_counts=True)
    means = np.zeros((len(count), code.shape[1]))
    np.add.at(means, which, code)
    means /= count[:, None]
    apart = means.var(0) / np.maximum(code.var(0, dtype=np.float64), 1e-300)
    return np.sort(np.argsort(-apart, kind="stable")[:MOST_UNITS])


def _trees() -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(early_stopping=False, random_state=0)
