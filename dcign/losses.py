"""The terms of the variational bound, in nats."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from dcign.models.network import Posterior

Likelihood = Literal["bernoulli", "scales"]
"""Of the pixels: gray Bernoulli (the paper's), or a normal one with a variance for each scale."""

ROUNDING = 1 / 255**2 / 12
"""Variance of a pixel's rounding to a byte: no error is known better."""

COARSEST = 4
"""Side of the pictures at which averaging ends, in pixels; or before, when the side is odd."""

FLATNESS = 0.25
"""A scale counts as its coefficients' number to this power: 1 is their likelihood, 0 all alike."""


def likelihood_loss(
    likelihood: Likelihood,
    logits: Float[Tensor, "*batch height width"],
    image: Float[Tensor, "*batch height width"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The negative log-likelihood of gray pixels in [0, 1], summed, and the least it can be."""
    if likelihood == "bernoulli":
        return reconstruction_loss(logits, image), bernoulli_floor(image)
    return scales_loss(torch.sigmoid(logits), image)


def scales_loss(
    picture: Float[Tensor, "*batch height width"], image: Float[Tensor, "*batch height width"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Errors normal and independent in the Haar basis, with one variance for each of its scales.

    Each variance is at its estimate of greatest likelihood from these images ("optimal sigma",
    Rybkin, Daniilidis and Levine 2021). Errors are large over large areas and small in detail, so
    with one variance for all pixels, and with the Bernoulli's most of all, an eye hardly counts.
    The plain likelihood hears of little but the finest detail, three quarters of all coefficients,
    and learns the pose late; hence FLATNESS, the weights still adding up to the pixels. Constants
    are left out; the second value is that of errors no larger than rounding.
    """
    error = (picture - image).flatten(0, -3)[:, None]
    images, pixels = error.shape[0], error[0].numel()
    logs, weights, scale = [], [], 1.0
    while error.numel():
        even = error.shape[-1] % 2 == 0 and error.shape[-1] > COARSEST
        coarse = functional.avg_pool2d(error, 2) if even else error[..., :0, :0]
        # Parseval: what averages of four do not explain is the energy of their three details.
        energy = error.square().sum() - 4 * coarse.square().sum()
        count = error.numel() - coarse.numel()
        logs.append(torch.log(scale * energy / count + ROUNDING))
        weights.append((count / images) ** FLATNESS)
        error, scale = coarse, 4 * scale
    share = torch.tensor(weights).to(error.device, non_blocking=True)
    share = share * (0.5 * images * pixels / sum(weights))
    return (torch.stack(logs) * share).sum(), math.log(ROUNDING) * share.sum()


def reconstruction_loss(
    logits: Float[Tensor, "*batch height width"], image: Float[Tensor, "*batch height width"]
) -> Float[Tensor, ""]:
    """Negative Bernoulli log-likelihood of gray pixels in [0, 1], summed.

    A gray pixel x costs at least its own entropy: see bernoulli_floor.
    """
    return functional.binary_cross_entropy_with_logits(logits, image, reduction="sum")


def bernoulli_floor(image: Float[Tensor, "*batch height width"]) -> Float[Tensor, ""]:
    """The least that reconstruction_loss can be, BCE(x, x), summed: most of its value."""
    return functional.binary_cross_entropy(image, image, reduction="sum")


def kl_divergence(posterior: Posterior) -> Float[Tensor, "*batch code"]:
    """KL(q || N(0, 1)) of each unit, in nats (Kingma & Welling 2014, appendix B)."""
    mean, log_variance = posterior
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance)
