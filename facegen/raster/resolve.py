"""From samples to pixels."""

import torch
from torch import Tensor

from facegen.raster.contract import Fragments


def resolve(
    samples: Tensor, fragments: Fragments, background: Tensor, samples_per_axis: int
) -> Tensor:
    """Average the samples of each pixel over the background: a box filter.

    samples: (batch, height, width, channel), 0 at the background as interpolate leaves them.
    background: what uncovered samples show; (channel,), or any shape that broadcasts to the result.
    Returns (batch, height / samples_per_axis, width / samples_per_axis, channel). Linear in samples
    and in background, with gradients to both.
    Raises ValueError if samples_per_axis does not divide the height and the width.
    """
    height, width = samples.shape[1:3]
    if height % samples_per_axis or width % samples_per_axis:
        raise ValueError(
            f"{height} x {width} samples are not whole pixels of {samples_per_axis} x "
            f"{samples_per_axis} samples"
        )
    empty = (fragments.face_id < 0).to(samples.dtype).unsqueeze(-1)
    if samples_per_axis > 1:
        samples, empty = _box(samples, samples_per_axis), _box(empty, samples_per_axis)
    return samples + empty * background


def _box(samples: Tensor, side: int) -> Tensor:
    channels_first = samples.permute(0, 3, 1, 2)
    return torch.nn.functional.avg_pool2d(channels_first, side).permute(0, 2, 3, 1)
