"""Ours: what a mini-batch shares is averaged or swapped, and units are told apart by variances.

The supervision is the paper's: which factor varies in a mini-batch, never a value.

1. Units of factors that a mini-batch shares get its average posterior and one draw from it, with
   gradients through the average (Hosoya 2019); every second step they come from another of its
   images instead. Both make the decoder, and through it the encoder, say the same of all.
2. A unit should move in the mini-batches of its own factor and rest in all others. That is a ratio
   of variances, Fisher's discriminant (1936), which the encoder learns at once and without the
   decoder; left to the likelihood alone, the light's unit is found late, or never. The ratio has no
   scale, so neither shrinking a unit nor spreading it pays.
3. What the intrinsic units know of pose and light is what moves them in mini-batches of one person.
   From some time on they pay for it, in nats that they say to one who knows the person: what many
   of them say softly adds up, and those that move each person in another way, which no linear map
   of people at large can see, pay as well. Hiding a movement in noise is as good as resting.
4. Copies of one trait that is easily seen, the hair's length, would satisfy all of this, and do
   after some thousand steps. So intrinsic units pay for what others also say: for the squares
   of their correlations over people (as VICReg does, Bardes, Ponce and LeCun 2022).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dcign.clamp import sample
from dcign.methods import Given, Priced
from dcign.methods.gvae import averaged, divergence_of_groups, noise_of_groups
from dcign.models.network import Posterior
from facegen.latents import LATENTS

FLOOR = 0.01
"""Variance, as a part of the whole over a step, that a ratio does not see."""


QUIET = 0.1
"""Part of a unit's variance over all images that counts as noise, where its posterior has more."""


@dataclass(frozen=True)
class Method:
    """The options, each of which can be switched off by a zero.

    swap: shared units come from another image every so many steps.
    scalar: weight of the ratio of each scalar factor's unit, nats per image.
    leakage: weight of what the intrinsic units say of each, nats per image for a nat.
    start: the part of the steps before that.
    redundancy: weight of correlations among the intrinsic units, nats per image for each unit's
        sum of squares.
    """

    supervision: ClassVar[str] = "which factor varies"
    named: ClassVar[bool] = True
    swap: int = 2
    scalar: float = 500.0
    leakage: float = 150.0
    start: float = 0.3
    redundancy: float = 5.0

    def __call__(self, given: Given) -> Priced:
        posterior, active = given.posterior, given.active[:, None]
        if self.swap and given.step % self.swap == 0:
            other = Posterior(*(moment.roll(1, 1) for moment in posterior))
            received = Posterior(*map(torch.where, (active, active), posterior, other))
            noise = given.noise
        else:
            received = averaged(posterior, ~active)
            noise = noise_of_groups(given.noise, active)
        kl = divergence_of_groups(received, active)
        images = posterior.mean.shape[0] * posterior.mean.shape[1]
        scalars = len(LATENTS)
        ratios = variance_ratios(posterior.mean[..., :scalars], given.active[:, :scalars])
        penalty = self.scalar * ratios.sum()
        if self.leakage and given.progress >= self.start:
            penalty = penalty + self.leakage * leakage(posterior, given.active)
        if self.redundancy:
            alike = redundancy(posterior.mean[..., scalars:], given.active[:, scalars:])
            penalty = penalty + self.redundancy * alike
        return Priced(sample(received, noise), kl, images * penalty)


def variance_ratios(
    mean: Float[Tensor, "group sample code"], active: Bool[Tensor, "group code"]
) -> Float[Tensor, " code"]:
    """How much each unit moves wrongly.

    0.5 log of its variance within mini-batches that share its factor over that within those in
    which it varies: nats of a Gaussian signal, below 0 when most is right. 0 for a factor that all
    of a step's mini-batches share, or none.
    """
    within, whole = mean.var(1), mean.flatten(0, 1).var(0, correction=0)
    own = active.to(within.dtype)
    count, others = own.sum(0), (1.0 - own).sum(0)
    right = (within * own).sum(0) / count.clamp(min=1.0)
    wrong = (within * (1.0 - own)).sum(0) / others.clamp(min=1.0)
    # A unit that nothing moves is neither right nor wrong.
    floor = FLOOR * whole + 1e-12
    ratio = torch.log((wrong + floor) / (right + floor))
    return torch.where((count > 0) & (others > 0), 0.5 * ratio, 0.0)


def leakage(posterior: Posterior, active: Bool[Tensor, "group code"]) -> Float[Tensor, ""]:
    """What the intrinsic units say of each scalar factor to one who knows the person: nats, sum.

    In a mini-batch of a factor all else is fixed, and the factor's own unit stands for its value.
    Along it each intrinsic unit has a slope, and noise n; the whole range, of variance v, then has
    a signal to noise ratio of v sum s^2 / n, and a Gaussian signal says 0.5 log(1 + that). n is the
    posterior's variance, or QUIET of the unit's own over all images, about whichever is less: a
    unit without a message has all the noise there is, and its mean could follow the pose unseen.
    Mean over the mini-batches of a factor; 0 for one that a step lacks.
    """
    scalars = len(LATENTS)
    mean, own = posterior.mean, active[:, :scalars].to(posterior.mean.dtype)
    variance = mean.flatten(0, 1).var(0, correction=0) + 1e-6
    within = mean - mean.mean(1, keepdim=True)
    unit = torch.einsum("gsf,gf->gs", within[..., :scalars], own).detach()
    slope = torch.einsum("gs,gsc->gc", unit, within[..., scalars:])
    slope = slope / (unit.square().sum(1, keepdim=True) + 1e-6)
    sampled = posterior.log_variance[..., scalars:].exp().mean(1)
    noise = 1.0 / (1.0 / sampled + 1.0 / (QUIET * variance[scalars:]))
    signal = (own @ variance[:scalars]).detach()[:, None] * slope.square() / noise
    nats = 0.5 * torch.log1p(signal.sum(1))
    return ((nats @ own) / own.sum(0).clamp(min=1.0)).sum()


def redundancy(
    mean: Float[Tensor, "group sample code"], active: Bool[Tensor, "group code"]
) -> Float[Tensor, ""]:
    """Each unit's squared correlations with the others over people, summed; mean over the units.

    0 when all say different things, one less than their number when all say the same. A mini-batch
    of one person counts with its average, so moving with the pose is no way to differ.
    """
    people = torch.where(active[:, None], mean, mean.mean(1, keepdim=True)).flatten(0, 1)
    centred = people - people.mean(0)
    # Variance and floor under one root: that of a unit that nothing moves has a slope, too.
    standard = centred / (centred.square().mean(0) + 1e-6).sqrt()
    correlation = standard.mT @ standard / len(standard)
    return correlation.fill_diagonal_(0.0).square().sum() / correlation.shape[0]
