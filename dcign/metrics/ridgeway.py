"""Modularity and explicitness (Ridgeway and Mozer 2018)."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from dcign.metrics import Array, Mask
from dcign.metrics.information import binned, information, quantile_bins

CLASSES = 10
FITTED = 3000


def modularity(codes: Array, factors: Array, live: Mask) -> float:
    """How far each unit knows one factor only, 0..1, mean over units.

    live (unit,): dead units do not count, neither for nor against.
    """
    if not live.any():
        return 0.0
    known = information(binned(codes[:, live]), binned(factors)) ** 2
    best = known.max(1)
    others = (known.sum(1) - best) / (np.where(best > 0, best, 1) * (factors.shape[1] - 1))
    return float(np.where(best > 0, 1 - others, 0).mean())


def explicitness(
    train: Array, train_factors: Array, test: Array, test_factors: Array, live: Mask
) -> float:
    """How well a linear classifier finds each factor's tenth of its range, 0..1.

    2 AUC - 1, mean over classes and factors; 0 is chance. The classifier is multinomial: one
    against the rest, as the authors have it for nominal factors, no line finds a middle class.
    """
    if not live.any():
        return 0.0
    some = np.random.default_rng(0).permutation(len(train))[:FITTED]
    scale = StandardScaler().fit(train[some][:, live])
    codes, judged = scale.transform(train[some][:, live]), scale.transform(test[:, live])
    areas = []
    with threadpool_limits(limits=1):
        for wanted, truth in zip(train_factors.T, test_factors.T, strict=True):
            bins = quantile_bins(np.concatenate([wanted[some], truth]), CLASSES)
            with warnings.catch_warnings():
                # One that has not converged is a weaker probe, never a wrong one.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = LogisticRegression(max_iter=300).fit(codes, bins[: len(some)])
            chances = model.predict_proba(judged)
            for place, name in enumerate(model.classes_):
                of_class = bins[len(some) :] == name
                if 0 < of_class.sum() < len(of_class):
                    areas.append(roc_auc_score(of_class, chances[:, place]))
    return float(2 * np.mean(areas) - 1)
