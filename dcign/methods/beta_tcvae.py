"""The beta-TCVAE (Chen et al. 2018): a VAE that pays more for what its units share."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from dcign.clamp import sample
from dcign.losses import kl_divergence
from dcign.methods import Given, Priced
from dcign.models.network import Posterior


@dataclass(frozen=True)
class Method:
    """beta: factor of the total correlation; the rest of the divergence keeps its own."""

    supervision: ClassVar[str] = "none"
    named: ClassVar[bool] = False
    beta: float = 6.0

    def __call__(self, given: Given) -> Priced:
        code = sample(given.posterior, given.noise)
        flat = Posterior(*(moment.flatten(0, 1) for moment in given.posterior))
        correlation = total_correlation(code.flatten(0, 1), flat)
        kl = kl_divergence(given.posterior).sum()
        return Priced(code, kl + (self.beta - 1.0) * correlation)


def total_correlation(
    code: Float[Tensor, "sample code"], posterior: Posterior
) -> Float[Tensor, ""]:
    """KL(q(z) || prod q(z_k)), summed over the sampled codes of a step.

    Both densities are mixtures of the step's posteriors. Minibatch-weighted sampling (Chen et al.
    2018, equation S3) divides them by the size of the data set besides, a constant without a
    gradient. The estimate takes a step's images for independent; here they come in mini-batches
    that share factors, which every method in a comparison does. With many units and some dozen
    images the joint density is nearly that of the image's own posterior: what is priced then is
    much of the whole divergence, as in a beta-VAE.
    """
    mean, log_variance = posterior
    weight = math.log(len(code))
    # (sample of z, posterior of an image, code)
    density = -0.5 * (
        (code[:, None] - mean) ** 2 / log_variance.exp() + log_variance + math.log(2 * math.pi)
    )
    joint = torch.logsumexp(density.sum(2), 1) - weight
    marginals = (torch.logsumexp(density, 1) - weight).sum(1)
    return (joint - marginals).sum()
