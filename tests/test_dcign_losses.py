"""The likelihood with a variance for each scale, against the Haar basis itself."""

import math

import numpy as np
import pytest
import torch

from dcign.losses import COARSEST, FLATNESS, ROUNDING, likelihood_loss, scales_loss


def haar_scales(error):
    """Coefficients of (image, size, size) by scale, finest first, by the basis' definition."""
    found = []
    while error.shape[-1] > COARSEST:
        a, b, c, d = (error[:, row::2, column::2] for row in (0, 1) for column in (0, 1))
        found.append(np.stack([a + b - c - d, a - b + c - d, a - b - c + d]) / 2)
        error = (a + b + c + d) / 2
    return [*found, error]


def test_every_scale_has_its_variance():
    random = np.random.default_rng(0)
    error = random.normal(size=(3, 16, 16)) * 0.1 + random.normal(size=(3, 1, 1))
    scales = haar_scales(error)
    assert sum((x**2).sum() for x in scales) == pytest.approx((error**2).sum())
    weights = np.array([(x.size / 3) ** FLATNESS for x in scales])
    weights *= 0.5 * error.size / weights.sum()
    wanted = sum(
        w * math.log((x**2).mean() + ROUNDING) for w, x in zip(weights, scales, strict=True)
    )
    image = torch.zeros(3, 16, 16, dtype=torch.float64)
    loss, least = scales_loss(torch.from_numpy(error), image)
    assert loss.item() == pytest.approx(wanted, rel=1e-5)
    assert least.item() == pytest.approx(0.5 * error.size * math.log(ROUNDING), rel=1e-5)
    assert scales_loss(image, image)[0].item() == pytest.approx(least.item(), rel=1e-5)


def test_scaled_errors_pull_as_much():
    """Halving all errors halves no slope: the likelihood has no unit."""
    torch.manual_seed(0)
    error = 0.3 * torch.randn(2, 8, 8)

    def slope(part):
        scaled = (part * error).requires_grad_()
        scales_loss(scaled, torch.zeros(2, 8, 8))[0].backward()
        return part * scaled.grad

    torch.testing.assert_close(slope(1.0), slope(0.5), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [6, 15, 64])
@pytest.mark.parametrize("likelihood", ["bernoulli", "scales"])
def test_no_picture_is_better_than_the_image_itself(likelihood, size):
    torch.manual_seed(0)
    image = 0.05 + 0.9 * torch.rand(2, 3, size, size)
    logits = torch.logit(image)
    loss, least = likelihood_loss(likelihood, logits, image)
    assert loss.item() == pytest.approx(least.item(), rel=1e-3)
    for change in (0.1, -0.1):
        assert likelihood_loss(likelihood, logits + change, image)[0] > loss
