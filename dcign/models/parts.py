"""What the families of networks share: sizes, the posterior, the upsampling convolution."""

import itertools
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Family = Literal["paper", "skips"]
"""The files of this package that define an Encoder and a Decoder."""


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
    family: "paper" is dcign.models.paper; "skips" is dcign.models.skips, padded, with strided
        convolutions in place of pooling.
    hidden: width of the fully connected layers beside the code; of "skips" only.
    """

    image_size: int
    code_size: int
    encoder_channels: tuple[int, ...]
    decoder_channels: tuple[int, ...]
    encoder_kernel: int
    decoder_kernel: int
    padded: bool
    family: Family = "paper"
    hidden: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for what no network can be."""
        if self.family not in get_args(Family):
            raise ValueError(f"family one of {get_args(Family)}")
        if self.family == "skips" and not (self.padded and self.hidden > 0):
            raise ValueError("skips needs padding and hidden layers")

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
