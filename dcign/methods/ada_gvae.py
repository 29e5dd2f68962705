"""Ada-GVAE (Locatello et al. 2020): pairs that share factors; which ones, the posteriors tell."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool
from torch import Tensor

from dcign.clamp import sample
from dcign.losses import kl_divergence
from dcign.methods import Given, Priced
from dcign.methods.gvae import averaged
from dcign.models.network import Posterior


@dataclass(frozen=True)
class Method:
    """No options; each mini-batch of an even number of images is cut into pairs."""

    supervision: ClassVar[str] = "pairs that share factors"
    named: ClassVar[bool] = False

    def __call__(self, given: Given) -> Priced:
        shape = given.posterior.mean.shape
        assert shape[1] % 2 == 0, "pairs need an even number of images of each mini-batch"
        pairs = Posterior(*(moment.reshape(-1, 2, shape[2]) for moment in given.posterior))
        shared = averaged(pairs, shared_units(pairs))
        posterior = Posterior(*(moment.reshape(shape) for moment in shared))
        return Priced(sample(posterior, given.noise), kl_divergence(posterior).sum())


def shared_units(pairs: Posterior) -> Bool[Tensor, "pair 1 code"]:
    """Units whose two posteriors differ by less than half way from the least to the most.

    Their difference is KL(first || second), section 4 of the paper.
    """
    (mean, other_mean), (log_variance, other) = (moment.detach().unbind(1) for moment in pairs)
    ratio = log_variance - other
    distance = 0.5 * (ratio.exp() + (mean - other_mean) ** 2 / other.exp() - 1.0 - ratio)
    low, high = distance.amin(1, keepdim=True), distance.amax(1, keepdim=True)
    return (distance < 0.5 * (low + high))[:, None]
