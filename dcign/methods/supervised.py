"""The ceiling: the encoder is told the true factors, and the decoder draws from them.

The other units are told who is who: in mini-batches of one person they are averaged as in
dcign.methods.gvae. Free to differ there they would keep the pose, and a picture whose three units
are set anew would contradict itself.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from dcign.clamp import sample
from dcign.methods import Given, Priced
from dcign.methods.gvae import averaged, divergence_of_groups, noise_of_groups
from dcign.models.network import Posterior


@dataclass(frozen=True)
class Method:
    """weight: of the factors' Gaussian likelihood, beside that of the pixels."""

    supervision: ClassVar[str] = "true values, and who is who"
    named: ClassVar[bool] = True
    weight: float = 1000.0

    def __call__(self, given: Given) -> Priced:
        mean, log_variance = given.posterior
        # A uniform factor over -1..1, at unit variance as the prior has it.
        truth = math.sqrt(3.0) * given.truth
        count = truth.shape[2]
        error = (mean[..., :count] - truth) ** 2 / log_variance[..., :count].exp()
        penalty = 0.5 * self.weight * (error + log_variance[..., :count]).sum()
        people = Posterior(mean[..., count:], log_variance[..., count:])
        active = given.active[:, None, count:]
        people = averaged(people, ~active)
        rest = sample(people, noise_of_groups(given.noise[..., count:], active))
        return Priced(
            torch.cat([truth, rest], dim=2), divergence_of_groups(people, active), penalty
        )
