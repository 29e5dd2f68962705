"""Metrics with known answers: good codes score well, bad codes badly."""

import numpy as np
import pytest

from dcign.codes import SAMPLE_EACH, SAMPLE_GROUPS
from dcign.metrics import probes
from dcign.metrics.correlation import correlation_ratio, monotonicity, pearson, spearman
from dcign.metrics.pictures import bce_above_floor, mse, psnr, ssim
from dcign.metrics.probes import probe, read_out

RANGE = 80.0


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def factor(rng):
    return rng.uniform(-RANGE, RANGE, 4000)


def halves(*arrays):
    return [part for array in arrays for part in np.split(array, 2)]


def decode(code, factor):
    train_code, test_code, train, test = halves(code, factor)
    return read_out(train_code, train, test_code, test)


def test_perfect_code(factor):
    assert pearson(3 * factor + 7, factor) == pytest.approx(1)
    assert pearson(-factor, factor) == pytest.approx(-1)
    assert spearman(np.exp(factor / 20), factor) == pytest.approx(1)
    assert correlation_ratio(factor, factor) > 0.99
    assert decode(factor, factor).mean < 2


def test_always_centre_error_of_a_uniform_factor(factor):
    error = decode(factor, factor)
    assert error.centre_mean == pytest.approx(RANGE / 2, rel=0.05)
    assert error.centre_rms == pytest.approx(RANGE / np.sqrt(3), rel=0.05)


def test_noise_tells_nothing(factor, rng):
    noise = rng.standard_normal(len(factor))
    assert abs(pearson(noise, factor)) < 0.05
    assert abs(spearman(noise, factor)) < 0.05
    assert correlation_ratio(noise, factor) < 0.02
    error = decode(noise, factor)
    assert error.mean > 0.97 * error.centre_mean
    assert error.rms > 0.97 * error.centre_rms


def test_known_noise_gives_known_error(factor, rng):
    error = decode(factor + 5 * rng.standard_normal(len(factor)), factor)
    assert error.rms == pytest.approx(5, rel=0.1)
    assert error.mean == pytest.approx(5 * np.sqrt(2 / np.pi), rel=0.1)


def test_folded_code_has_no_rank_correlation_but_a_high_ratio(factor):
    folded = np.abs(factor)
    assert abs(spearman(folded, factor)) < 0.05
    assert correlation_ratio(folded, factor) > 0.98
    # The sign is lost, so the best answer to |f| is the centre.
    error = decode(folded, factor)
    assert error.mean > 0.95 * error.centre_mean


def test_monotonicity_is_net_over_total_change(factor, rng):
    assert monotonicity(np.exp(factor / 30), factor) == pytest.approx(1)
    assert monotonicity(-factor, factor) == pytest.approx(1)
    assert monotonicity(np.abs(factor), factor) < 0.05
    # Three steps forward, one back.
    back = np.interp(factor, [-RANGE, 0, RANGE / 2, RANGE], [0, 2, 1, 2])
    assert monotonicity(back, factor) == pytest.approx(2 / 4, abs=0.05)
    assert monotonicity(rng.standard_normal(len(factor)), factor) < 0.3


def test_correlation_ratio_of_additive_noise(factor, rng):
    code = factor + factor.std() * rng.standard_normal(len(factor))
    assert correlation_ratio(code, factor) == pytest.approx(0.5, abs=0.03)


def test_figures_ignore_the_scale_and_sign_of_a_code(factor, rng):
    code = factor + 20 * rng.standard_normal(len(factor))
    other = -0.01 * code + 3
    assert spearman(other, factor) == pytest.approx(-spearman(code, factor))
    assert pearson(other, factor) == pytest.approx(-pearson(code, factor))
    assert correlation_ratio(other, factor) == pytest.approx(correlation_ratio(code, factor))
    assert decode(other, factor).mean == pytest.approx(decode(code, factor).mean, rel=1e-3)


@pytest.mark.parametrize("metric", [spearman, pearson, correlation_ratio, monotonicity])
def test_a_dead_unit_scores_zero(metric, factor):
    assert metric(np.full(len(factor), 0.3, np.float32), factor) == 0


def test_a_dead_unit_decodes_no_better_than_the_centre(factor):
    error = decode(np.zeros(len(factor)), factor)
    assert error.mean >= 0.95 * error.centre_mean


def probed(code, factor):
    """Fitted on one half and judged on the other, each image a mini-batch of its own."""
    a, b, train, test = halves(code, factor[:, None])
    (found,) = probe(a, train, np.arange(len(a)), b, test)
    return found


def test_probe_sees_linear_and_folded_leaks_and_nothing_in_noise(factor, rng):
    noise = rng.standard_normal((len(factor), 6))
    linear, folded = noise.copy(), noise.copy()
    linear[:, 0] += factor / factor.std()
    folded[:, 1] = np.cos(factor / RANGE * np.pi)

    def scores(code, truth=factor):
        return probed(code, truth)

    # Signal and noise of equal variance: R^2 is a half.
    assert scores(linear).linear == pytest.approx(0.5, abs=0.05)
    assert scores(linear).quadratic == pytest.approx(0.5, abs=0.05)
    assert scores(linear).trees == pytest.approx(0.5, abs=0.08)
    assert scores(noise).most < 0.02
    assert scores(folded, np.abs(factor)).trees > 0.98
    # A straight line sees less of a cosine than trees do.
    assert scores(folded, np.abs(factor)).linear < scores(folded, np.abs(factor)).trees


def test_probe_finds_what_only_products_of_units_say(factor, rng):
    """Each unit, and every weighted sum of them, has the same mean whatever the factor is."""
    code = rng.standard_normal((len(factor), 40))
    code[:, 20:] += 0.3 * code[:, :20] * (factor / factor.std())[:, None]
    found = probed(code, factor)
    assert found.most == found.quadratic > 0.45
    assert found.linear < 0.05
    assert found.trees < 0.4


def test_probe_finds_products_among_many_resting_units(rng, monkeypatch):
    """Only so many units are multiplied: those in which mini-batches differ."""
    monkeypatch.setattr(probes, "MOST_UNITS", 8)
    group = np.repeat(np.arange(1000), 4)
    factor = rng.standard_normal(1000)[group]
    sign = rng.choice([-1.0, 1.0], 1000)[group]
    code = rng.standard_normal((len(factor), 20))
    code[:, -2], code[:, -1] = 3 * sign, sign * factor + 0.1 * code[:, -1]
    a, b, train, test = halves(code, factor[:, None])
    (found,) = probe(a, train, group[: len(a)], b, test)
    assert found.quadratic > 0.8


def test_probe_ignores_affine_maps_of_the_code(factor, rng):
    code = rng.standard_normal((len(factor), 3))
    code[:, 0] += factor / factor.std()
    expected, found = probed(code, factor), probed(0.001 * code + 5, factor)
    assert found.linear == pytest.approx(expected.linear, abs=1e-6)
    assert found.quadratic == pytest.approx(expected.quadratic, abs=1e-6)


@pytest.mark.parametrize("resting", [True, False])
@pytest.mark.parametrize("known", [0.0, 0.2])
def test_probe_finds_what_is_spread_over_units_that_rest_in_a_mini_batch(rng, resting, known):
    """As many mini-batches as evaluation samples: with a tenth of them it found half of that."""

    def split(groups):
        # The factor, too, is fixed in most mini-batches: their images are all but copies.
        group = np.repeat(np.arange(groups), SAMPLE_EACH)
        factor = rng.standard_normal(groups)[group]
        code = rng.standard_normal((groups, 60))[group]
        if not resting:
            code = rng.standard_normal(code.shape)
        slope = np.sqrt(known / (1 - known) / code.shape[1])
        return code + slope * factor[:, None], factor, group

    train_code, train, group = split(SAMPLE_GROUPS)
    test_code, test, _ = split(SAMPLE_GROUPS)
    (found,) = probe(train_code, train[:, None], group, test_code, test[:, None])
    assert found.linear == pytest.approx(known, abs=0.05)


def test_mse_and_psnr():
    zeros, ones = np.zeros((2, 12, 12)), np.ones((2, 12, 12))
    assert np.allclose(mse(zeros, ones), 1)
    assert np.allclose(psnr(zeros, ones), 0)
    assert np.allclose(psnr(zeros, zeros + 0.1), 20)
    assert np.allclose(psnr(zeros, zeros), 100)


def test_ssim_is_its_definition(rng):
    picture, truth = rng.uniform(size=(2, 1, 14, 13))
    line = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(line, line) / np.outer(line, line).sum()
    values = []
    for row in range(4):
        for column in range(3):
            x = picture[0, row : row + 11, column : column + 11]
            y = truth[0, row : row + 11, column : column + 11]
            mean_x, mean_y = (window * x).sum(), (window * y).sum()
            var_x, var_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
            cov = (window * (x - mean_x) * (y - mean_y)).sum()
            values.append(
                (2 * mean_x * mean_y + 1e-4)
                * (2 * cov + 9e-4)
                / ((mean_x**2 + mean_y**2 + 1e-4) * (var_x + var_y + 9e-4))
            )
    assert ssim(picture, truth)[0] == pytest.approx(np.mean(values), abs=1e-12)


def test_ssim_of_equal_inverted_and_unrelated_pictures(rng):
    truth = rng.uniform(size=(2, 24, 24))
    assert np.allclose(ssim(truth, truth), 1)
    assert (ssim(1 - truth, truth) < -0.5).all()
    assert (np.abs(ssim(rng.uniform(size=(2, 24, 24)), truth)) < 0.2).all()


def test_bce_above_floor_is_the_divergence_of_pixels(rng):
    truth = rng.uniform(0.05, 0.95, (3, 12, 12))
    exact = np.log(truth / (1 - truth))
    assert np.allclose(bce_above_floor(exact, truth), 0, atol=1e-9)
    half = bce_above_floor(np.zeros_like(truth), truth)
    entropy = -truth * np.log(truth) - (1 - truth) * np.log(1 - truth)
    assert np.allclose(half, (np.log(2) - entropy).sum((1, 2)))


def test_bce_above_floor_of_black_white_and_certain_pixels():
    truth = np.array([[[0.0, 1.0]]])
    assert bce_above_floor(np.array([[[-800.0, 800.0]]]), truth)[0] == pytest.approx(0)
    assert bce_above_floor(np.array([[[800.0, 800.0]]]), truth)[0] == pytest.approx(800)
