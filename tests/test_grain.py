"""Textures finer than a mesh: of unit variance, smooth, and gone before they turn to moire."""

import pytest
import torch
from torch.autograd import gradcheck

from facegen.grain import pores
from facegen.noise import noise


def places(axes: int, count: int = 50_000, seed: int = 0) -> torch.Tensor:
    return 900 * torch.rand((axes, count), generator=torch.Generator().manual_seed(seed)) - 450


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_noise_is_about_standard_and_forgets_within_a_few_units(axes) -> None:
    at = places(axes)
    texture = noise(at, 0)
    assert abs(float(texture.mean())) < 0.05
    assert float(texture.var()) == pytest.approx(1.0, rel=0.1)
    near, far, other = noise(at + 0.05, 0), noise(at + 2.5, 0), noise(at, 1)
    assert float((texture - near).abs().mean()) < 0.15
    for unrelated in (far, other):
        assert abs(float((texture * unrelated).mean())) < 0.1


def test_noise_has_derivatives() -> None:
    at = (places(2, 20).double() + 0.3).requires_grad_()
    assert gradcheck(lambda at: noise(at, 3), at)


def test_pores_fade_before_samples_are_too_coarse_for_them() -> None:
    points = places(3, 2000)
    spread = [float(pores(points, spacing).std()) for spacing in (0.1, 0.3, 0.6, 4.0)]
    assert spread == sorted(spread, reverse=True)
    assert 0.8 < spread[0] < 1.2 and spread[-1] == 0
