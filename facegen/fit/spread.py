"""Planes of a map blurred, eroded, and carried on over where nothing is known."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

_LEAST, _COARSE = 1e-6, 8


def eroded(plane: Tensor, reach: int) -> Tensor:
    """The least (height, width) within so many points of each."""
    side = 2 * reach + 1
    down = max_pool2d(-plane[None], (side, 1), stride=1, padding=(reach, 0))
    return -max_pool2d(down, (1, side), stride=1, padding=(0, reach))[0]


def reached(start: Tensor, mask: Tensor) -> Tensor:
    """Those parts of a mask (height, width) that hang together with a start in it, 0 or 1."""
    way = max_pool2d(mask[None], _COARSE)
    grown = max_pool2d(start[None], _COARSE)
    while True:
        further = torch.minimum(max_pool2d(grown, 3, stride=1, padding=1), way)
        if torch.equal(further, grown):
            return mask * grown[0].repeat_interleave(_COARSE, 0).repeat_interleave(_COARSE, 1)
        grown = further


def blurred(planes: Tensor, reach: int) -> Tensor:
    """Planes (channel, height, width) under three boxes, about a Gaussian of sigma `reach`."""
    if reach >= 2 * _COARSE:
        # As wide a blur as this looks the same where there are fewer points.
        small = blurred(avg_pool2d(planes, _COARSE), reach // _COARSE)
        return _enlarged(small, _COARSE)
    for size in (2 * reach + 1, 1), (1, 2 * reach + 1):
        rim = (size[0] // 2, size[1] // 2)
        for _ in range(3):
            planes = avg_pool2d(planes, size, stride=1, padding=rim, count_include_pad=False)
    return planes


def averaged(planes: Tensor, weight: Tensor, reach: int) -> Tensor:
    """The same where points count by their weight (height, width)."""
    some = blurred(torch.cat([planes * weight, weight[None]]), reach)
    return some[:-1] / some[-1:].clamp(min=_LEAST)


def carried_on(planes: Tensor, weight: Tensor) -> Tensor:
    """Planes (channel, height, width) where weight (height, width) is 1, carried on from there.

    Averages of ever larger blocks fill what is left (push-pull: Gortler et al., "The Lumigraph",
    1996, 3.6.2). Height and width are powers of two.
    """
    if len(weight) <= 2:
        return averaged(planes, weight + _LEAST, 2)
    share = avg_pool2d(weight[None], 2)[0]
    coarse = avg_pool2d((planes * weight)[None], 2)[0] / share.clamp(min=_LEAST)
    below = carried_on(coarse, (2 * share).clamp(max=1))
    spread = _enlarged(below, 2)
    return spread + weight * (planes - spread)


def _enlarged(planes: Tensor, factor: int) -> Tensor:
    size = [factor * side for side in planes.shape[1:]]
    return interpolate(planes[None], size, mode="bilinear", align_corners=False)[0]
