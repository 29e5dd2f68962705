"""Ours: what moves a unit wrongly, what units leak and what they say twice, on codes made up."""

import math

import pytest
import torch

from dcign.clamp import active_units
from dcign.methods.best import FLOOR, QUIET, leakage, redundancy, variance_ratios
from dcign.models.network import Posterior

CODE = 6

KINDS = torch.arange(4).repeat_interleave(25)
"""Mini-batches of every kind, of eight images each."""


def world(units: dict[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes whose units are factors by number (3: identity), else noise; and what is active."""
    random = torch.Generator().manual_seed(0)
    factors = torch.randn(len(KINDS), 1, 4, generator=random).repeat(1, 8, 1)
    for kind in range(4):
        chosen = kind == KINDS
        factors[chosen, :, kind] = torch.randn(25, 8, generator=random)
    mean = torch.randn(len(KINDS), 8, CODE, generator=random)
    for unit, factor in units.items():
        mean[..., unit] = factors[..., factor]
    return mean, active_units(KINDS, CODE)


RIGHT = {0: 0, 1: 1, 2: 2, 3: 3, 4: 3, 5: 3}


def test_ratios_tell_right_from_wrong() -> None:
    """Right units have the least there is, mixed and dead ones about nothing, others' the most."""
    best_possible = 0.5 * math.log(FLOOR / (1 + FLOOR))
    right = variance_ratios(*world(RIGHT))
    torch.testing.assert_close(right, torch.full((CODE,), best_possible), rtol=0.1, atol=0)
    wrong = variance_ratios(*world({**RIGHT, 1: 2, 3: 0, 4: 0}))
    torch.testing.assert_close(wrong[[0, 2, 5]], right[[0, 2, 5]])
    assert (wrong[[1, 3, 4]] > 1).all()
    noise = variance_ratios(*world({}))
    torch.testing.assert_close(noise, torch.zeros(CODE), rtol=0, atol=0.2)


def test_ratios_have_no_scale() -> None:
    mean, active = world({**RIGHT, 1: 2})
    scale = torch.tensor([1e-3, 50.0, 7.0, 3.0, 3.0, 3.0])
    before, after = variance_ratios(mean, active), variance_ratios(scale * mean + 5.0, active)
    torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-4)


def test_a_mixed_unit_is_cleared_of_the_other_factor() -> None:
    """Descent on the ratio of w . (azimuth, light) leaves azimuth alone."""
    mean, active = world({**RIGHT, 4: 2})
    weights = torch.tensor([0.3, 1.0], requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=0.05)
    for _ in range(200):
        mixed = torch.cat([(mean[..., [0, 4]] @ weights)[..., None], mean[..., 1:]], dim=-1)
        optimiser.zero_grad()
        variance_ratios(mixed, active)[0].backward()
        optimiser.step()
    assert weights[1].abs() < 0.05 * weights[0].abs()


def test_ratios_of_what_a_step_lacks_are_nothing() -> None:
    mean, active = world(RIGHT)
    mean = mean[:50].requires_grad_()
    ratios = variance_ratios(mean, active[:50])
    assert (ratios[2:] == 0).all()
    assert (ratios[:2] != 0).all()
    (gradient,) = torch.autograd.grad(ratios.sum(), mean)
    assert gradient.isfinite().all()


def known(mean: torch.Tensor, noise: float = 0.1) -> Posterior:
    """Posteriors of these means."""
    return Posterior(mean, torch.full_like(mean, math.log(noise)))


def test_what_many_units_say_softly_adds_up() -> None:
    """Units of slopes 0.3 along azimuth: three have a signal to noise ratio of 3 x 0.09 / noise."""
    mean, active = world(RIGHT)
    assert leakage(known(mean), active) < 0.01
    telling = mean.clone()
    telling[..., 3:] += 0.3 * mean[..., :1]
    expected = 0.5 * math.log1p(3 * 0.09 * (1 / 0.1 + 1 / (1.09 * QUIET)))
    found = leakage(known(telling), active).item()
    assert found == pytest.approx(expected, rel=0.1)
    # Hidden in noise they say less, but no less than beside QUIET of their own variance.
    hidden = leakage(known(telling, 1e6), active).item()
    assert hidden == pytest.approx(0.5 * math.log1p(3 * 0.09 / (1.09 * QUIET)), rel=0.1)
    stretched = known(7.0 * telling, 49 * 0.1)
    assert leakage(stretched, active).item() == pytest.approx(found, rel=1e-3)
    assert leakage(known(torch.zeros(1, 4, CODE)), active[:1]) == 0


def test_people_whose_units_go_opposite_ways_leak_as_much() -> None:
    """A linear map of all people finds nothing in slopes whose sign is the person's own."""
    mean, active = world(RIGHT)
    signs = torch.tensor([1.0, -1.0]).repeat(50)[:, None, None]
    alike, opposite = mean.clone(), mean.clone()
    alike[..., 4:5] += mean[..., :1]
    opposite[..., 4:5] += signs * mean[..., :1]
    expected = leakage(known(alike), active).item()
    assert leakage(known(opposite), active).item() == pytest.approx(expected, rel=0.1)


def test_only_intrinsic_units_are_cleared_of_what_they_say() -> None:
    mean, active = world({**RIGHT, 4: 0})
    posterior = Posterior(*(moment.requires_grad_() for moment in known(mean)))
    of_mean, of_noise = torch.autograd.grad(leakage(posterior, active), list(posterior))
    assert (of_mean[..., :3] == 0).all() and (of_noise[..., :3] == 0).all()
    assert (mean * of_mean)[:25, :, 4].sum() > 0
    # More noise says less.
    assert of_noise[:25, :, 4].sum() < 0


def test_copies_are_redundant() -> None:
    """Units that say the same count each other, whatever their sign, scale and noise within."""
    mean, active = world({})
    trait = torch.where(active[:, 3:4], mean[..., 3], mean[:, :1, 3])[..., None]
    copies = trait * torch.tensor([1.0, -5.0, 0.1])
    assert redundancy(copies, active[:, 3:]).item() == pytest.approx(2.0, rel=0.05)
    assert redundancy(mean[..., 3:], active[:, 3:]).item() < 0.1


def test_moving_with_the_pose_is_no_way_to_differ() -> None:
    """What averages out within the mini-batches of one person changes nothing."""
    mean, active = world(RIGHT)
    wave = torch.tensor([1.0, -1.0]).repeat(4)[:, None] * ~active[:, None, 3:]
    stirred = mean[..., 3:] + wave * torch.randn(len(KINDS), 1, 3)
    before, after = (redundancy(code, active[:, 3:]) for code in (mean[..., 3:], stirred))
    torch.testing.assert_close(before, after)


def test_units_that_nothing_moves_have_a_slope() -> None:
    """Means rounded to bfloat16 are all the same at first."""
    mean, active = torch.zeros(8, 4, 5, requires_grad=True), torch.ones(8, 5, dtype=torch.bool)
    (gradient,) = torch.autograd.grad(redundancy(mean, active), mean)
    assert gradient.isfinite().all()
