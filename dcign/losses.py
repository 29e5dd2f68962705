"""The terms of the variational bound, in nats."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from dcign.models.network import Posterior


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
