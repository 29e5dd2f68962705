"""From samples to pixels."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster import plain
from facegen.raster.contract import Fragments
from facegen.raster.jit import parallel_kernel, prange

Floats = NDArray[np.float32] | NDArray[np.float64]


def resolve(
    samples: Tensor, fragments: Fragments, background: Tensor, samples_per_axis: int
) -> Tensor:
    """Average the samples of each pixel over the background: a box filter.

    samples: (batch, height, width, channel), 0 at the background, as interpolate leaves them.
    background: what uncovered samples show; (channel,), or any shape that broadcasts to the result.
    Returns (batch, height / samples_per_axis, width / samples_per_axis, channel); linear in samples
    and in background, with gradients to both.
    Raises ValueError if samples_per_axis does not divide height and width.
    """
    height, width = samples.shape[1:3]
    if height % samples_per_axis or width % samples_per_axis:
        raise ValueError(
            f"{height} x {width} samples do not make whole pixels "
            f"of {samples_per_axis} x {samples_per_axis}"
        )
    if samples_per_axis == 1:
        pixels, empty = samples, (fragments.face_id < 0)[..., None].to(samples.dtype)
    elif samples.device.type != "cpu":
        pixels, empty = plain.box(samples, fragments.face_id, samples_per_axis)
    else:
        pixels, empty = _Box.apply(  # type: ignore[no-untyped-call]
            samples, fragments.face_id, samples_per_axis
        )
    return torch.addcmul(pixels, empty, background)


class _Box(torch.autograd.Function):
    """The mean over side x side samples, and the share (..., 1) of them that see no face."""

    @staticmethod
    def forward(ctx: Any, samples: Tensor, face_id: Tensor, side: int) -> tuple[Tensor, Tensor]:
        batch, height, width, channels = samples.shape
        shape = (batch, height // side, width // side)
        pixels, empty = samples.new_empty((*shape, channels)), samples.new_empty((*shape, 1))
        _gather(
            samples.contiguous().numpy(),
            face_id.contiguous().numpy(),
            pixels.numpy(),
            empty.numpy(),
        )
        ctx.side = side
        ctx.mark_non_differentiable(empty)
        return pixels, empty

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        batch, height, width, channels = gradient.shape
        spread = gradient.new_empty((batch, height * ctx.side, width * ctx.side, channels))
        _spread(gradient.contiguous().numpy(), spread.numpy())
        return spread, None, None


@parallel_kernel
def _gather(samples: Floats, face_id: NDArray[np.int32], pixels: Floats, empty: Floats) -> None:
    number = samples.dtype.type
    batch, height, width, channels = pixels.shape
    side = samples.shape[1] // height
    scale = number(1) / number(side * side)
    for n in prange(batch):
        for row in range(height):
            for column in range(width):
                misses = 0
                for i in range(side):
                    for j in range(side):
                        misses += face_id[n, row * side + i, column * side + j] < 0
                empty[n, row, column, 0] = number(misses) * scale
                for channel in range(channels):
                    total = number(0)
                    for i in range(side):
                        for j in range(side):
                            total += samples[n, row * side + i, column * side + j, channel]
                    pixels[n, row, column, channel] = total * scale


@parallel_kernel
def _spread(gradient: Floats, spread: Floats) -> None:
    number = gradient.dtype.type
    batch, height, width, channels = gradient.shape
    side = spread.shape[1] // height
    scale = number(1) / number(side * side)
    for n in prange(batch):
        for row in range(spread.shape[1]):
            for column in range(width):
                for channel in range(channels):
                    share = gradient[n, row // side, column, channel] * scale
                    for j in range(side):
                        spread[n, row, column * side + j, channel] = share
