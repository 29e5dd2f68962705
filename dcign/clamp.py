"""The clamp: within a mini-batch only the unit of the factor that varies may move.

The paper (section 3.2): in a mini-batch in which one factor varies, every other unit is replaced by
its mean over the mini-batch on the way to the decoder, and on the way back its gradient is replaced
by its difference from that mean, scaled by 1/100, so that descent pulls it towards the mean. The
active unit passes and gets its true gradient; the decoder sees, and learns from, all units.

Stated here, since the paper leaves it open:

- The paper's clamp (rule "mean", place "code") acts on the sampled code z = mean + sigma * noise,
  so that an inactive unit has one value in the whole mini-batch.
- That of the authors' released code without --force_invariance (rule "first", place "moments", no
  pull) replaces mean and log variance of an inactive unit, before the noise, by those of the first
  image.
- The pull is computed from the posterior mean, free of noise, and goes to the posterior mean alone;
  an inactive unit's log variance gets no gradient.
- With several mini-batches in a step the clamp acts within each.
"""

from collections.abc import Callable
from typing import Any, Literal, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dcign.models.network import Posterior
from facegen.latents import FACTORS, IDENTITY

Rule = Literal["mean", "first"]
"""What an inactive unit is held at: its mean over the mini-batch, or its first image's value."""

Place = Literal["code", "moments"]
"""What is clamped: the sampled code, or the posterior's mean and log variance before the noise."""


def active_units(factor_id: Tensor, code_size: int) -> Bool[Tensor, "group code"]:
    """Which units each mini-batch moves: unit i for scalar factor i, the others for identity.

    factor_id (group,): indices into facegen.latents.FACTORS, whose last one is identity.
    """
    assert FACTORS[-1] == IDENTITY and code_size >= len(FACTORS)
    factor_of_unit = torch.arange(code_size, device=factor_id.device).clamp(max=len(FACTORS) - 1)
    return factor_of_unit == factor_id[:, None]


class _Clamp(torch.autograd.Function):
    """Passes active units, holds the others; pulls the mean of the others together on the way back.

    forward(value, mean, held, active, invariance) gives value where active, else held. The gradient
    of value is the incoming one where active, else zero; the gradient of mean is zero where active,
    else invariance * (mean - its average over the mini-batch), whatever comes in.
    """

    @staticmethod
    def forward(
        ctx: Any,
        value: Float[Tensor, "group sample code"],
        mean: Float[Tensor, "group sample code"],
        held: Float[Tensor, "group 1 code"],
        active: Bool[Tensor, "group code"],
        invariance: float,
    ) -> Float[Tensor, "group sample code"]:
        active = active[:, None]
        ctx.save_for_backward(mean, active)
        ctx.invariance = invariance
        return torch.where(active, value, held)

    @staticmethod
    def backward(
        ctx: Any, gradient: Float[Tensor, "group sample code"]
    ) -> tuple[Tensor, Tensor, None, None, None]:
        mean, active = ctx.saved_tensors
        pull = ctx.invariance * (mean - mean.mean(1, keepdim=True))
        return gradient * active, pull * ~active, None, None, None


clamp = cast(Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor], _Clamp.apply)


def clamped_code(
    posterior: Posterior,
    noise: Float[Tensor, "group sample code"],
    active: Bool[Tensor, "group code"],
    rule: Rule,
    place: Place,
    invariance: float,
) -> Float[Tensor, "group sample code"]:
    """The code that the decoder receives in training; noise is standard normal.

    invariance: scale of the pull on inactive units, for a likelihood summed over pixels and images.
    """
    mean, log_variance = posterior
    if place == "code":
        code = sample(posterior, noise)
        return clamp(code, mean, _held(code, rule), active, invariance)
    held = Posterior(
        clamp(mean, mean, _held(mean, rule), active, invariance),
        clamp(log_variance, mean, _held(log_variance, rule), active, 0.0),
    )
    return sample(held, noise)


def _held(value: Float[Tensor, "group sample code"], rule: Rule) -> Float[Tensor, "group 1 code"]:
    """The one value of each mini-batch."""
    value = value.detach()
    return value.mean(1, keepdim=True) if rule == "mean" else value[:, :1]


def sample(
    posterior: Posterior, noise: Float[Tensor, "*batch code"]
) -> Float[Tensor, "*batch code"]:
    """Mean + sigma * noise, the reparametrisation of Kingma & Welling 2014, section 2.4."""
    return posterior.mean + torch.exp(0.5 * posterior.log_variance) * noise
