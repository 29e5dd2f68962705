"""The deep convolutional inverse graphics network: convolutional encoder, graphics code, decoder.

Sources: Kulkarni, Whitney, Kohli, Tenenbaum, "Deep convolutional inverse graphics network", NIPS
2015, section 3 and figure 1; channel counts, thresholds and initialisation from the authors' code
(`init_network2_150_mv(200, 96)`), whose encoder is narrower than the one in the figure.
"""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facegen.latents import LATENTS

FLOOR = 1e-6
"""What the threshold gives for x <= 0; x otherwise."""

INITIAL_STD = 0.01
"""Standard deviation of the linear layers' initial weights and biases."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network.

    image_size: height and width of the square input, in pixels.
    code_size: units of the graphics code; 0, 1, 2 are azimuth, elevation, light, the rest identity.
    encoder_channels: output channels of each convolution, each followed by a 2x2 max-pooling.
    decoder_channels: input channels of each convolution, each preceded by nearest-neighbour
        upsampling by 2; the last one's output is the image.
    encoder_kernel, decoder_kernel: odd sizes of the square kernels, in pixels.
    padded: zero padding that keeps the size (small networks); otherwise valid convolutions (paper).
    strided: convolutions take every second pixel, with rectified outputs, in place of pooling; with
        padded only. A quarter of the products.
    encoder_hidden, decoder_hidden: widths of fully connected layers before and behind the code.
    modulated: the units of azimuth, elevation and light also scale and shift every feature map of
        the decoder (FiLM, Perez et al. 2018), which a rotation of the whole picture needs.
    """

    image_size: int
    code_size: int
    encoder_channels: tuple[int, ...]
    decoder_channels: tuple[int, ...]
    encoder_kernel: int
    decoder_kernel: int
    padded: bool
    strided: bool = False
    encoder_hidden: tuple[int, ...] = ()
    decoder_hidden: tuple[int, ...] = ()
    modulated: bool = False

    def encoder_sizes(self) -> list[int]:
        """Height of the feature map behind each halving."""
        sizes = []
        size = self.image_size
        for _ in self.encoder_channels:
            size = (size - (0 if self.padded else self.encoder_kernel - 1)) // 2
            sizes.append(size)
        return sizes

    def decoder_sizes(self) -> list[int]:
        """Height of the decoder's feature maps, from the first to the image."""
        sizes = [self.image_size]
        for _ in self.decoder_channels:
            size, odd = divmod(sizes[0] + (0 if self.padded else self.decoder_kernel - 1), 2)
            assert not odd, f"no decoder of this depth ends at {self.image_size} pixels"
            sizes.insert(0, size)
        return sizes


class Posterior(NamedTuple):
    """The encoder's Gaussian q(z | image), one independent normal per unit."""

    mean: Float[Tensor, "*batch code"]
    log_variance: Float[Tensor, "*batch code"]


class UpsampledConv2d(nn.Conv2d):
    """Nearest-neighbour upsampling by 2, then a convolution; kernel odd, padding even.

    Computed on the small map: pixel 2i + p of the large one sees pixels i + (p + k) // 2 of the
    small one, so weights k that meet the same pixel are added up beforehand. Four such phases, one
    for each parity of row and column, are the same function with ((k + 1) / 2k)^2 of the products
    (measured on a CPU: 2 to 8 times faster for the paper's layers).
    """

    def forward(
        self, image: Float[Tensor, "sample channel height width"]
    ) -> Float[Tensor, "sample channel_out height_out width_out"]:
        out, into, kernel, _ = self.weight.shape
        taps = (kernel + 1) // 2
        phases = [
            functional.pad(self.weight, (column, 1 - column, row, 1 - row))
            .reshape(out, into, taps, 2, taps, 2)
            .sum((3, 5))
            for row, column in itertools.product((0, 1), repeat=2)
        ]
        weight = torch.stack(phases, 1).reshape(4 * out, into, taps, taps)
        assert self.bias is not None and isinstance(self.padding[0], int)
        bias, padding = self.bias.repeat_interleave(4), self.padding[0] // 2
        return functional.pixel_shuffle(
            functional.conv2d(image, weight, bias, padding=padding), upscale_factor=2
        )


class Encoder(nn.Module):
    """Convolution, halving, threshold, a few times; then one linear layer per moment."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        assert config.padded or not config.strided
        channels = (1, *config.encoder_channels)
        kernel = config.encoder_kernel
        padding = kernel // 2 if config.padded else 0
        self.pooled = not config.strided
        self.convolutions = nn.ModuleList(
            nn.Conv2d(into, out, kernel, padding=padding, stride=2 if config.strided else 1)
            for into, out in itertools.pairwise(channels)
        )
        flat = channels[-1] * config.encoder_sizes()[-1] ** 2
        widths = (flat, *config.encoder_hidden)
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.mean = _linear(widths[-1], config.code_size)
        self.log_variance = _linear(widths[-1], config.code_size)

    def forward(self, image: Float[Tensor, "sample 1 height width"]) -> Posterior:
        x = image
        for convolution in self.convolutions:
            x = convolution(x)
            x = _threshold(functional.max_pool2d(x, 2) if self.pooled else x)
        x = x.flatten(1)
        for layer in self.hidden:
            x = _threshold(layer(x))
        return Posterior(self.mean(x).float(), self.log_variance(x).float())


class Decoder(nn.Module):
    """Linear layer and threshold; then upsampling by 2, convolution and threshold, a few times."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels = (*config.decoder_channels, 1)
        kernel = config.decoder_kernel
        padding = kernel // 2 if config.padded else 0
        assert kernel % 2 == 1 and padding % 2 == 0
        self.shape = (channels[0], config.decoder_sizes()[0], config.decoder_sizes()[0])
        widths = (config.code_size, *config.decoder_hidden)
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.linear = _linear(widths[-1], self.shape[0] * self.shape[1] * self.shape[2])
        self.convolutions = nn.ModuleList(
            UpsampledConv2d(into, out, kernel, padding=padding)
            for into, out in itertools.pairwise(channels)
        )
        self.modulation = nn.ModuleList(
            Modulation(channel) for channel in channels[:-1] if config.modulated
        )

    def forward(self, code: Float[Tensor, "sample code"]) -> Float[Tensor, "sample 1 height width"]:
        """Logits of the pixels' Bernoulli means."""
        hidden = code
        for layer in self.hidden:
            hidden = _threshold(layer(hidden))
        x: Tensor = self.linear(hidden).unflatten(1, self.shape)
        for place, convolution in enumerate(self.convolutions):
            if self.modulation:
                x = self.modulation[place](x, code)
            x = convolution(_threshold(x))
        return x.float()


class Modulation(nn.Module):
    """Scale and shift of each feature map by the scalar factors' units; at first the identity."""

    WIDTH = 64

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(len(LATENTS), self.WIDTH)
        self.linear = nn.Linear(self.WIDTH, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self, x: Float[Tensor, "sample channel height width"], code: Float[Tensor, "sample code"]
    ) -> Float[Tensor, "sample channel height width"]:
        hidden = _threshold(self.hidden(code[:, : len(LATENTS)]))
        scale, shift = self.linear(hidden)[:, :, None, None].chunk(2, 1)
        return torch.addcmul(x + shift, x, scale)


class Network(nn.Module):
    """Encoder and decoder; the clamp between them belongs to the training (dcign.clamp)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

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


def _threshold(x: Tensor) -> Tensor:
    return functional.threshold(x, 0.0, FLOOR)


def _linear(into: int, out: int) -> nn.Linear:
    layer = nn.Linear(into, out)
    nn.init.normal_(layer.weight, std=INITIAL_STD)
    nn.init.normal_(layer.bias, std=INITIAL_STD)
    return layer
