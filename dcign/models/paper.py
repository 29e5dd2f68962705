"""The deep convolutional inverse graphics network: convolutional encoder, graphics code, decoder.

Sources: Kulkarni, Whitney, Kohli, Tenenbaum, "Deep convolutional inverse graphics network", NIPS
2015, section 3 and figure 1; channel counts, thresholds and initialisation from the authors' code
(`init_network2_150_mv(200, 96)`), whose encoder is narrower than the one in the figure.
"""

import itertools
import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from dcign.models.parts import NetworkConfig, Posterior, UpsampledConv2d, exact

FLOOR = 1e-6
"""What the threshold gives for x <= 0; x otherwise."""

INITIAL_STD = 0.01
"""Standard deviation of the linear layers' initial weights and biases."""


class Encoder(nn.Module):
    """Convolution, halving, threshold, a few times; then one linear layer per moment."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels = (1, *config.encoder_channels)
        kernel = config.encoder_kernel
        padding = kernel // 2 if config.padded else 0
        self.convolutions = nn.ModuleList(
            nn.Conv2d(into, out, kernel, padding=padding)
            for into, out in itertools.pairwise(channels)
        )
        flat = channels[-1] * config.encoder_sizes()[-1] ** 2
        self.mean = _linear(flat, config.code_size)
        self.log_variance = _linear(flat, config.code_size)

    def forward(self, image: Float[Tensor, "sample 1 height width"]) -> Posterior:
        x = image
        for convolution in self.convolutions:
            x = _threshold(functional.max_pool2d(convolution(x), 2))
        return Posterior(*exact(x.flatten(1), self.mean, self.log_variance))


class Decoder(nn.Module):
    """Linear layer and threshold; then upsampling by 2, convolution and threshold, a few times."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels = (*config.decoder_channels, 1)
        kernel = config.decoder_kernel
        padding = kernel // 2 if config.padded else 0
        assert kernel % 2 == 1 and padding % 2 == 0
        self.shape = (channels[0], config.decoder_sizes()[0], config.decoder_sizes()[0])
        self.linear = _linear(config.code_size, math.prod(self.shape))
        self.convolutions = nn.ModuleList(
            UpsampledConv2d(into, out, kernel, padding=padding)
            for into, out in itertools.pairwise(channels)
        )

    def forward(self, code: Float[Tensor, "sample code"]) -> Float[Tensor, "sample 1 height width"]:
        """Logits of the pixels' Bernoulli means."""
        (x,) = exact(code, self.linear)
        x = x.reshape(-1, *self.shape)
        for convolution in self.convolutions:
            x = convolution(_threshold(x))
        return x.float()


def _threshold(x: Tensor) -> Tensor:
    return functional.threshold(x, 0.0, FLOOR)


def _linear(into: int, out: int) -> nn.Linear:
    layer = nn.Linear(into, out)
    nn.init.normal_(layer.weight, std=INITIAL_STD)
    nn.init.normal_(layer.bias, std=INITIAL_STD)
    return layer
