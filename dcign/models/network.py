"""The autoencoder: one of the families of encoder and decoder, image to code to image."""

from jaxtyping import Float
from torch import Tensor, nn

from dcign.models import paper, skips
from dcign.models.parts import NetworkConfig, Posterior

__all__ = ["Network", "NetworkConfig", "Posterior"]


class Network(nn.Module):
    """Encoder and decoder; the clamp between them belongs to the training (dcign.clamp)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        family = {"paper": paper, "skips": skips}[config.family]
        self.encoder = family.Encoder(config)
        self.decoder = family.Decoder(config)

    def encode(self, image: Float[Tensor, "*batch height width"]) -> Posterior:
        """The posterior of each image, pixels in [0, 1]."""
        batch = image.shape[:-2]
        mean, log_variance = self.encoder(image.reshape(-1, 1, *image.shape[-2:]))
        return Posterior(mean.reshape(*batch, -1), log_variance.reshape(*batch, -1))

    def decode(self, code: Float[Tensor, "*batch code"]) -> Float[Tensor, "*batch height width"]:
        """The logits of the picture of each code; their sigmoid is the picture, in [0, 1]."""
        logits: Tensor = self.decoder(code.reshape(-1, code.shape[-1]))
        image: Tensor = logits.reshape(*code.shape[:-1], *logits.shape[-2:])
        return image
