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
    for each parity of row and column, are the same function with ((k + 1) / 2k)^2 of the products.
    Channels are innermost in memory, so that phases move as whole runs of them (measured on a CPU:
    a layer with its gradients takes a half to a sixth of the time).
    """

    phases: Tensor

    def __init__(self, into: int, out: int, kernel: int, padding: int = 0) -> None:
        super().__init__(into, out, kernel, padding=padding)
        self.register_buffer("phases", _phases(kernel), persistent=False)

    def forward(
        self, image: Float[Tensor, "sample channel height width"]
    ) -> Float[Tensor, "sample channel_out height_out width_out"]:
        out, into, kernel, _ = self.weight.shape
        taps = (kernel + 1) // 2
        weight = (self.weight.reshape(-1, kernel**2) @ self.phases).reshape(out, into, 4, -1)
        assert self.bias is not None and isinstance(self.padding[0], int)
        x = functional.conv2d(
            image.contiguous(memory_format=torch.channels_last),
            weight.permute(2, 0, 1, 3).reshape(4 * out, into, taps, taps),
            self.bias.repeat(4),
            padding=self.padding[0] // 2,
        )
        height, width = x.shape[-2:]
        x = x.permute(0, 2, 3, 1).reshape(-1, height, width, 2, 2, out).transpose(2, 3)
        return x.reshape(-1, 2 * height, 2 * width, out).permute(0, 3, 1, 2)


def _phases(kernel: int) -> Float[Tensor, "place phase_place"]:
    """Which places of a kernel are added up at which of each phase's: 0 or 1."""
    taps = (kernel + 1) // 2
    one = torch.zeros(2, kernel, taps)
    for parity, place in itertools.product((0, 1), range(kernel)):
        one[parity, place, (place + parity) // 2] = 1.0
    return torch.einsum("pya,qxb->yxpqab", one, one).reshape(kernel**2, 4 * taps**2)


def exact(x: Tensor, *layers: nn.Module) -> list[Tensor]:
    """What each layer makes of x in float32, though the network may run in bfloat16.

    For the layers beside the code: a unit over +-86 degrees would have steps of up to half a one.
    """
    with torch.autocast(x.device.type, enabled=False):
        return [layer(x.float()) for layer in layers]
