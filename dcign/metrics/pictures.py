"""How alike pictures are: (image, height, width) in 0..1."""

import numpy as np
from scipy.ndimage import correlate1d
from scipy.special import entr

from dcign.metrics import Array

SSIM_WINDOW, SSIM_SIGMA, SSIM_K1, SSIM_K2 = 11, 1.5, 0.01, 0.03


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


def _smooth(picture: Array) -> Array:
    """The Gaussian-weighted mean in each window, for windows within the picture."""
    reach = SSIM_WINDOW // 2
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SSIM_SIGMA) ** 2)
    weights /= weights.sum()
    rows = correlate1d(picture.astype(np.float64), weights, axis=1)
    smooth: Array = correlate1d(rows, weights, axis=2)[:, reach:-reach, reach:-reach]
    return smooth
