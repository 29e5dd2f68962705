"""Figures of merit, as pure functions of arrays: read-outs of a code, probes, pictures.

Codes and factors are (image,) or (image, unit) arrays, pictures (image, height, width) in 0..1. A
code that never moves scores zero; it is not an error.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.ndimage import correlate1d
from scipy.special import entr
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

Array = NDArray[np.floating]

NEIGHBOURS = 50
"""Training images that vote on a factor's value; fewer, if there are not ten times as many."""

SSIM_WINDOW, SSIM_SIGMA, SSIM_K1, SSIM_K2 = 11, 1.5, 0.01, 0.03


def pearson(code: Array, factor: Array) -> float:
    """Linear correlation, -1..1."""
    return 0.0 if _constant(code) or _constant(factor) else float(stats.pearsonr(code, factor)[0])


def spearman(code: Array, factor: Array) -> float:
    """Correlation of the ranks, -1..1: any monotone relation gives +-1."""
    return 0.0 if _constant(code) or _constant(factor) else float(stats.spearmanr(code, factor)[0])


def correlation_ratio(code: Array, factor: Array, bins: int = 20) -> float:
    """eta^2: the share of the code's variance between equal-width bins of the factor, 0..1.

    High wherever the factor fixes the code, monotone or not (Pearson 1905).
    """
    if _constant(code) or _constant(factor):
        return 0.0
    edges = np.linspace(factor.min(), factor.max(), bins + 1)[1:-1]
    which = np.digitize(factor, edges)
    count = np.bincount(which, minlength=bins)
    mean = np.bincount(which, weights=code, minlength=bins) / np.maximum(count, 1)
    return float((count * (mean - code.mean()) ** 2).sum() / ((code - code.mean()) ** 2).sum())


@dataclass(frozen=True)
class ReadOut:
    """How far a factor read from one unit is from the truth, in the factor's unit.

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
    neighbours = max(1, min(NEIGHBOURS, len(train_code) // 10))
    model = KNeighborsRegressor(neighbours).fit(train_code[:, None], train_factor)
    error = model.predict(test_code[:, None]) - test_factor
    centre = train_factor.mean() - test_factor
    return ReadOut(
        mean=float(np.abs(error).mean()),
        rms=float(np.sqrt((error**2).mean())),
        centre_mean=float(np.abs(centre).mean()),
        centre_rms=float(np.sqrt((centre**2).mean())),
    )


@dataclass(frozen=True)
class Probe:
    """What a regressor finds of a factor in a code: held-out R^2; 0 or less is nothing, 1 is all.

    ridge: linear. trees: gradient-boosted.
    """

    ridge: float
    trees: float


def probe(train_code: Array, train_factor: Array, test_code: Array, test_factor: Array) -> Probe:
    """Regresses a factor (image,) on codes (image, unit), fitted on train, judged on test.

    A scale-free probe reads tiny residues from posterior means: give it sampled codes too.
    """
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 7)))
    trees = HistGradientBoostingRegressor(early_stopping=False, random_state=0)
    # On a busy machine threads wait for each other at every leaf: fifty times slower than one.
    with threadpool_limits(limits=1):
        scores = [
            float(r2_score(test_factor, model.fit(train_code, train_factor).predict(test_code)))
            for model in (ridge, trees)
        ]
    return Probe(*scores)


def mse(picture: Array, truth: Array) -> Array:
    """Mean squared error of each picture (image,); zeros against ones give 1."""
    error: Array = ((picture - truth) ** 2).mean((1, 2))
    return error


def psnr(picture: Array, truth: Array) -> Array:
    """Peak signal-to-noise ratio of each picture (image,), dB; 100 at most, also if equal."""
    ratio: Array = -10 * np.log10(np.maximum(mse(picture, truth), 1e-10))
    return ratio


def ssim(picture: Array, truth: Array) -> Array:
    """Structural similarity of each picture (image,), at most 1.

    Wang et al. 2004: Gaussian window of 11 pixels, sigma 1.5, wherever it lies within the picture.
    """
    assert min(truth.shape[1:]) >= SSIM_WINDOW, "no window fits into the picture"
    x, y = _smooth(picture), _smooth(truth)
    variance_x, variance_y = _smooth(picture**2) - x**2, _smooth(truth**2) - y**2
    covariance = _smooth(picture * truth) - x * y
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    similarity = (2 * x * y + c1) * (2 * covariance + c2)
    similarity /= (x**2 + y**2 + c1) * (variance_x + variance_y + c2)
    means: Array = similarity.mean((1, 2))
    return means


def bce_above_floor(logits: Array, truth: Array) -> Array:
    """BCE(sigmoid(logits), x) - BCE(x, x), summed over each picture's pixels (image,), nats.

    The floor BCE(x, x), the entropy of gray pixels, is nearly all of the training loss.
    """
    bce = np.logaddexp(0.0, logits.astype(np.float64)) - truth * logits
    excess: Array = (bce - entr(truth) - entr(1.0 - truth)).sum((1, 2))
    return excess


def _constant(values: Array) -> bool:
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())


def _smooth(picture: Array) -> Array:
    """The Gaussian-weighted mean in each window, for windows within the picture."""
    reach = SSIM_WINDOW // 2
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SSIM_SIGMA) ** 2)
    weights /= weights.sum()
    rows = correlate1d(picture.astype(np.float64), weights, axis=1)
    smooth: Array = correlate1d(rows, weights, axis=2)[:, reach:-reach, reach:-reach]
    return smooth
