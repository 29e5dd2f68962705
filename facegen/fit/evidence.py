"""What a photograph's colours say about where hair is, where skin, and where neither.

What is hair, skin and background is known in places: above the forehead, on the cheeks and along
the picture's upper rim. Densities estimated from the colours there tell it of all other pixels.
"""

import math

import torch
from torch import Tensor

from facegen.pictures import LUMA

_BANDWIDTH = (0.15, 0.05, 0.05, 0.35)
"""Of the kernels, in logarithms: brightness, red over green, green over blue, local contrast."""

_EXAMPLES = 400
"""Pixels from which a density is estimated, at the most; fewer than _FEWEST say nothing."""
_FEWEST = 20

_ODD = 0.1
"""The share of pixels whose colours are anything: what is known of a place may be wrong."""

_AROUND = 2
"""Pixels in each direction whose contrast is the local one, and over which evidence is averaged."""

OTHER, SKIN, HAIR = range(3)
"""What a pixel shows."""


class Evidence:
    """Log-likelihoods of what pixels show, beside that of a pixel of which nothing is known."""

    def __init__(self, picture: Tensor, anything: Tensor):
        """A picture (size, size, 3), 0..1; anything (size, size): True where clothes may be.

        There, nothing is known of what is neither skin nor hair.
        """
        self._pixels = _looks(picture)
        self._usual = _log_density(self._pixels, self._pixels)
        self._anything = anything
        self._maps = torch.zeros(3, *anything.shape)

    def learn(self, examples: Tensor) -> None:
        """Learn from examples (3, size, size), True where a pixel shows OTHER, SKIN or HAIR."""
        for what, where in enumerate(examples):
            if int(where.sum()) < _FEWEST:
                self._maps[what] = 0.0
                continue
            own = _log_density(self._pixels, self._pixels[where.flatten()])
            own = torch.logaddexp(own + math.log(1 - _ODD), self._usual + math.log(_ODD))
            self._maps[what] = _averaged((own - self._usual).reshape(where.shape))
        self._maps[OTHER][self._anything] = 0.0

    def of(self, labels: Tensor) -> float:
        """The mean log-likelihood of labels (size, size), in nats a pixel."""
        return float(self._maps.gather(0, labels[None]).mean())


def _looks(picture: Tensor) -> Tensor:
    """A picture (size, size, 3) as (pixel, 4), in bandwidths."""
    red, green, blue = torch.log(picture + 0.1).unbind(-1)
    gray = torch.log(picture @ torch.tensor(LUMA) + 0.1)
    spread = _averaged(gray**2) - _averaged(gray) ** 2
    contrast = torch.log(spread.clamp(min=0.0).sqrt() + 0.03)
    planes = torch.stack([gray, red - green, green - blue, contrast], dim=-1)
    return (planes / torch.tensor(_BANDWIDTH)).flatten(0, 1)


def _log_density(pixels: Tensor, examples: Tensor) -> Tensor:
    """Log-densities of pixels (pixel, plane), but for a constant: Gaussian kernels on examples."""
    few = torch.linspace(0, len(examples) - 1, min(_EXAMPLES, len(examples))).long()
    squared = torch.cdist(pixels, examples[few]) ** 2
    return torch.logsumexp(-0.5 * squared, dim=1) - math.log(len(few))


def _averaged(plane: Tensor) -> Tensor:
    """A plane (height, width), averaged over the square around each pixel."""
    padded = torch.nn.functional.pad(plane[None, None], [_AROUND] * 4, mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, 2 * _AROUND + 1, stride=1)[0, 0]
