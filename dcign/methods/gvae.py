"""The VAE of groups with labels (Bouchacourt et al. 2018, Hosoya 2019): what is shared is averaged.

The averaging of Locatello et al. 2020, with units that the mini-batch's label says are shared.
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
        shared = averaged(given.posterior, ~given.active[:, None])
        return Priced(sample(shared, given.noise), kl_divergence(shared).sum())


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
