"""The VAE of groups with labels (Bouchacourt et al. 2018, Hosoya 2019): what is shared is averaged.

The averaging is that of Locatello et al. 2020, with units that the mini-batch's label says are
shared. As in the group's bound of the first two, these have one draw in a mini-batch and are paid
for once.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dcign.clamp import sample
from dcign.losses import kl_divergence
from dcign.methods import Given, Priced
from dcign.models.network import Posterior


@dataclass(frozen=True)
class Method:
    """No options: mini-batches are used whole, so TrainConfig.samples is the size of a group."""

    supervision: ClassVar[str] = "which factor varies"
    named: ClassVar[bool] = True

    def __call__(self, given: Given) -> Priced:
        active = given.active[:, None]
        shared = averaged(given.posterior, ~active)
        code = sample(shared, noise_of_groups(given.noise, active))
        return Priced(code, divergence_of_groups(shared, active))


def averaged(posterior: Posterior, shared: Bool[Tensor, "#group #sample code"]) -> Posterior:
    """The posteriors with mean and variance of shared units averaged over each mini-batch.

    Gradients flow through the average.
    """
    mean, log_variance = posterior
    average: Float[Tensor, "group 1 code"] = mean.mean(1, keepdim=True)
    log_average = log_variance.exp().mean(1, keepdim=True).log()
    return Posterior(
        torch.where(shared, average, mean), torch.where(shared, log_average, log_variance)
    )


def noise_of_groups(
    noise: Float[Tensor, "group sample code"], active: Bool[Tensor, "group 1 code"]
) -> Float[Tensor, "group sample code"]:
    """The same for all of a mini-batch in units that are not active."""
    return torch.where(active, noise, noise[:, :1])


def divergence_of_groups(
    posterior: Posterior, active: Bool[Tensor, "group 1 code"]
) -> Float[Tensor, ""]:
    """The divergence from the prior, in which what a mini-batch shares is paid for once."""
    share = torch.where(active, 1.0, 1.0 / posterior.mean.shape[1])
    return (kl_divergence(posterior) * share).sum()
