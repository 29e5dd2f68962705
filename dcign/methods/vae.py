"""The variational autoencoder (Kingma & Welling 2014), told nothing of mini-batches."""

from dataclasses import dataclass
from typing import ClassVar

from dcign.clamp import sample
from dcign.losses import kl_divergence
from dcign.methods import Given, Priced


@dataclass(frozen=True)
class Method:
    """beta: factor of the divergence; above 1 it is a beta-VAE (Higgins et al. 2017)."""

    supervision: ClassVar[str] = "none"
    named: ClassVar[bool] = False
    beta: float = 1.0

    def __call__(self, given: Given) -> Priced:
        kl = kl_divergence(given.posterior).sum()
        return Priced(sample(given.posterior, given.noise), self.beta * kl)
