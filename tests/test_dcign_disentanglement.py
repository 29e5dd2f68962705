"""Figures of disentanglement on codes whose scores follow from a formula."""

import numpy as np
import pytest

from dcign.codes import SAMPLE_EACH, SAMPLE_GROUPS
from dcign.metrics.dci import dci, summary
from dcign.metrics.factor_vae import factor_vae
from dcign.metrics.information import assign_units, binned, information
from dcign.metrics.mig import mig
from dcign.metrics.ridgeway import explicitness, modularity
from dcign.metrics.sap import sap
from dcign.metrics.total_effect import total_effect
from dcign.metrics.verification import recognise

COUNT, UNITS = 10_000, 8


def factors(seed=0):
    """Three independent factors, uniform on -1..1."""
    return np.random.default_rng(seed).uniform(-1, 1, (COUNT, 3))


def perfect(truth, noise=0.0, seed=0):
    """One unit is one factor, plus noise; the others are noise alone."""
    codes = np.random.default_rng([seed, 7]).standard_normal((COUNT, UNITS))
    codes[:, :3] = truth + noise * codes[:, :3]
    return codes


def rotated(truth):
    codes = perfect(truth)
    codes[:, 0] = (truth[:, 0] + truth[:, 1]) / np.sqrt(2)
    codes[:, 1] = (truth[:, 0] - truth[:, 1]) / np.sqrt(2)
    return codes


def folded(truth):
    codes = perfect(truth)
    codes[:, :3] = np.abs(truth)
    return codes


def noise(truth):
    return np.random.default_rng(9).standard_normal((COUNT, UNITS))


def leaking(truth):
    codes = perfect(truth)
    codes[:, 4] += 2 * truth[:, 0]
    return codes


def dci_of(make):
    (train, codes), (test, judged) = ((t[:1500], make(t)[:1500]) for t in (factors(0), factors(1)))
    return dci(codes, train, judged, test)


ALL = np.ones(UNITS, bool)
LONE = np.arange(COUNT, dtype=np.int32)


# ---- mutual information --------------------------------------------------------------------------


def test_information_of_independent_and_equal_variables():
    truth = factors()
    known = information(binned(perfect(truth)), binned(truth))
    assert np.diag(known[:3]) == pytest.approx(np.log(20), abs=1e-6)
    assert known[3:].max() < 0.03
    assert (information(binned(truth), binned(truth)) >= 0).all()


def test_units_are_assigned_one_each_to_the_best_total():
    truth = factors()
    codes = noise(truth)
    codes[:, 6], codes[:, 2] = truth[:, 0], truth[:, 2] ** 3
    # Unit 6 is the best for the second factor as well, and is taken.
    codes[:, 6] += 0.2 * truth[:, 1]
    codes[:, 5] = truth[:, 1] + 0.5 * codes[:, 5]
    assert assign_units(codes, truth) == (6, 5, 2)


def test_units_are_assigned_right_beside_units_that_rest_in_a_mini_batch():
    """A unit with one value in a mini-batch has information about anything, if there are few."""
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(SAMPLE_GROUPS), SAMPLE_EACH)
    truth = random.uniform(-1, 1, (SAMPLE_GROUPS, 3))[group]
    codes = random.standard_normal((SAMPLE_GROUPS, 30))[group]
    # A correlation of a half.
    codes[:, :3] = 3**0.5 * truth + 3**0.5 * random.standard_normal((len(group), 3))
    assert assign_units(codes, truth) == (0, 1, 2)


def test_mig_of_a_perfect_code_and_of_noise():
    truth = factors()
    assert mig(perfect(truth), truth).score > 0.98
    assert mig(perfect(truth), truth).ceiling == pytest.approx(1)
    assert mig(noise(truth), truth).score < 0.01
    dead = perfect(truth)
    dead[:, 3:] = 0.0
    assert mig(dead, truth).score > 0.98


@pytest.mark.parametrize(
    ("fit", "expected"), [(0.9997, 0.87), (0.9988, 0.80), (0.9926, 0.68), (0.971, 0.52)]
)
def test_mig_of_a_noisy_code_is_bounded_by_the_noise_alone(fit, expected):
    truth = factors()
    # R^2 = var / (var + noise^2), and the variance is a third.
    found = mig(perfect(truth, np.sqrt((1 / fit - 1) / 3)), truth, equal=True)
    assert found.score == pytest.approx(expected, abs=0.03)
    assert found.ceiling - found.score < 0.02


def test_mig_by_quantiles_ignores_a_warp_that_equal_bins_punish():
    truth = factors()
    warped = perfect(truth)
    warped[:, :3] = truth**3
    assert mig(warped, truth).score > 0.98
    assert mig(warped, truth, equal=True).score < 0.7


def test_mig_of_a_folded_and_of_a_rotated_code():
    truth = factors()
    # |f| halves the values that a unit tells apart: log 10 of log 20, less where edges are no pair.
    assert mig(folded(truth), truth).score == pytest.approx(np.log(10) / np.log(20), abs=0.08)
    rotation = mig(rotated(truth), truth)
    assert np.allclose(rotation.factors[:2], 0, atol=0.02)
    assert rotation.factors[2] > 0.98


# ---- the others ----------------------------------------------------------------------------------


def test_dci_of_codes_with_known_importances():
    clean = dci_of(perfect)
    assert clean.disentanglement > 0.97
    assert clean.completeness > 0.97
    assert clean.informativeness > 0.97
    # Two units of three carry two factors in halves: (2 (1 - log 2 / log 3) + 1) / 3.
    assert dci_of(rotated).disentanglement == pytest.approx(0.58, abs=0.06)
    fold = dci_of(folded)
    assert fold.disentanglement < 0.2
    assert fold.informativeness < 0.1
    assert dci_of(noise).disentanglement < 0.2


def test_dci_is_blind_to_a_leak():
    assert dci_of(leaking).disentanglement > 0.95


def test_dci_is_its_definition():
    assert summary(np.eye(4)[:, :3]) == pytest.approx((1, 1))
    assert summary(np.ones((4, 3))) == pytest.approx((0, 0))
    assert summary(np.zeros((4, 3))) == (0, 0)
    # One unit for two factors: half of its choice is open, but each factor has one unit.
    both = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    open_choice = 1 - np.log(2) / np.log(3)
    assert summary(both) == pytest.approx(((2 * open_choice + 1) / 3, 1))


def test_sap_is_the_gap_of_linear_fits():
    truth = factors()
    assert sap(perfect(truth), truth) > 0.98
    assert sap(noise(truth), truth) < 0.01
    assert sap(folded(truth), truth) < 0.01
    # R^2 of a half each, no gap; the third factor is clean.
    assert sap(rotated(truth), truth) == pytest.approx(1 / 3, abs=0.02)
    # The leak's R^2: 4 / 3 of signal beside 1 of noise.
    assert sap(leaking(truth), truth) == pytest.approx((1 - 4 / 7 + 2) / 3, abs=0.02)


def test_factor_vae_votes_with_live_units_only():
    truth = factors()
    assert factor_vae(perfect(truth), truth, LONE, ALL) == 1
    assert factor_vae(noise(truth), truth, LONE, ALL) < 0.55
    dead = perfect(truth)
    dead[:, 3:] *= 1e-9
    dead[:, 3] = 0.0
    live = ALL.copy()
    live[3] = False
    assert factor_vae(dead, truth, LONE, live) == 1
    assert factor_vae(dead, truth, LONE, ~ALL) == 0


def test_factor_vae_takes_one_image_of_a_mini_batch():
    # Twenty equal images each: were they taken together, every unit would stand still.
    truth = np.repeat(factors()[:500], 20, axis=0)
    codes = np.repeat(perfect(factors())[:500], 20, axis=0)
    assert factor_vae(codes, truth, np.repeat(LONE[:500], 20), ALL) > 0.95


def test_factor_vae_holds_a_factor_with_few_mini_batches_too():
    """Of a hundred, the 64 nearest to a value would be no batch with anything held."""
    truth = factors()
    few = truth[:100], LONE[:100], ALL
    assert factor_vae(perfect(truth)[:100], *few) > 0.9
    assert factor_vae(noise(truth)[:100], *few) < 0.6


def test_modularity_and_explicitness():
    truth, other = factors(0), factors(1)
    live = np.arange(UNITS) < 3
    assert modularity(perfect(truth), truth, live) > 0.99
    # Two of three units know two factors alike: each has 1 - 1 / 2.
    assert modularity(rotated(truth), truth, live) == pytest.approx(2 / 3, abs=0.02)
    assert modularity(perfect(truth), truth, ~ALL) == 0

    def explained(make, which=ALL):
        return explicitness(make(truth), truth, make(other), other, which)

    assert explained(perfect) > 0.97
    # A linear classifier undoes a rotation, but no fold.
    assert explained(rotated) > 0.97
    # Of nine other classes a fold confuses one: AUC 8.5 / 9.
    assert explained(folded) == pytest.approx(2 * 8.5 / 9 - 1, abs=0.02)
    assert abs(explained(noise)) < 0.1
    assert explained(perfect, ~ALL) == 0


# ---- total effect --------------------------------------------------------------------------------


def mini_batches(count=3000, size=10):
    """Factors a, b of mini-batches in which a or b varies: (image, 2), factor_id, group_id."""
    random = np.random.default_rng(2)
    truth = np.repeat(random.uniform(-1, 1, (count, 1, 2)), size, axis=1)
    varies = np.arange(count) % 2
    rows = np.arange(count)
    truth[rows, :, varies] = random.uniform(-1, 1, (count, size))
    group = np.repeat(rows, size).astype(np.int32)
    return truth.reshape(-1, 2), np.repeat(varies, size).astype(np.uint8), group


def test_total_effect_is_sobols():
    truth, factor_id, group_id = mini_batches()
    a, b = truth.T
    codes = np.stack([a, 3 - 2 * b, a + b, a * b, np.abs(a), 0 * a], axis=1)
    found = total_effect(codes, factor_id, group_id, 2)
    # Of a sum each has its half; a product moves wholly with either.
    expected = [[1, 0, 0.5, 1, 1, 0], [0, 1, 0.5, 1, 0, 0]]
    assert found == pytest.approx(np.array(expected), abs=0.04)


def test_total_effect_is_that_of_scenes_drawn_anew():
    truth, factor_id, group_id = mini_batches()

    def network(ab):
        a, b = ab.T
        return np.stack([np.sin(2 * a) + b**2, a * b + a], axis=1)

    random = np.random.default_rng(3)
    here = random.uniform(-1, 1, (200_000, 2))
    anew = np.empty((2, 2))
    for factor in (0, 1):
        there = here.copy()
        there[:, factor] = random.uniform(-1, 1, len(here))
        change = network(there) - network(here)
        anew[factor] = (change**2).mean(0) / (2 * network(here).var(0))
    found = total_effect(network(truth), factor_id, group_id, 2)
    assert found == pytest.approx(anew, abs=0.04)


# ---- who is who ----------------------------------------------------------------------------------


def test_recognition_of_clear_and_of_meaningless_features():
    random = np.random.default_rng(4)
    person = np.repeat(np.arange(100), 4)
    face = random.standard_normal((100, 16))[person]
    centre = np.full(16, 50.0)
    clear = recognise(face + centre, person, centre)
    assert (clear.auc, clear.top1) == (pytest.approx(1), 1)
    blind = recognise(random.standard_normal((400, 16)), person, np.zeros(16))
    assert blind.auc == pytest.approx(0.5, abs=0.05)
    assert blind.top1 < 0.06
    # Signal and noise of equal variance lie between.
    middle = recognise(face + random.standard_normal(face.shape), person, np.zeros(16))
    assert 0.85 < middle.auc < 0.99
    assert 0.1 < middle.top1 < 0.9
