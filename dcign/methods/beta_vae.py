"""The beta-VAE (Higgins et al. 2017): a VAE that pays more for its code."""

from dataclasses import dataclass

from dcign.methods import vae


@dataclass(frozen=True)
class Method(vae.Method):
    """See dcign.methods.vae."""

    beta: float = 4.0
