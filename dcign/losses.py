"""The terms of the variational bound, summed over pixels, units and images (nats)."""

from jaxtyping import Bool, Float
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


def kl_divergence(posterior: Posterior, active: Bool[Tensor, "group code"]) -> Float[Tensor, ""]:
    """KL(q || N(0, 1)) of the active units, summed over units and images.

    0.5 * (mean^2 + sigma^2 - 1 - log sigma^2) per unit (Kingma & Welling 2014, appendix B). An
    inactive unit transmits nothing within its mini-batch and pays nothing: as in the released code,
    where its gradient is filtered out, its posterior gets no gradient from here.
    """
    mean, log_variance = posterior
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance)
    return (divergence * active[:, None]).sum()
