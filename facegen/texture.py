"""What a photograph says of somebody's skin, laid over what is painted."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from facegen.device import constant

_CENTRE = (0.0, -25.0, 0.0)
_LONGITUDE, _LATITUDE = math.radians(120.0), math.radians(80.0)


def unrolled(points: Tensor) -> Tensor:
    """Where points (3, point) of the mean head, mm, lie on its map: (point, 2), x and y -1 .. 1.

    The map shows the directions in which they are seen from the middle of the head, as a globe's
    shows longitude (+x the subject's left) and latitude (y downwards): the nose is in its middle,
    and left and right mirror each other. What lies behind is beyond its borders.
    """
    x, y, z = (points - constant(_CENTRE, points)[:, None]).unbind(0)
    longitude = torch.atan2(x, z) / _LONGITUDE
    latitude = torch.atan2(y, torch.hypot(x, z)) / _LATITUDE
    return torch.stack([longitude, -latitude], dim=-1)


@dataclass(frozen=True)
class Texture:
    """A map of the head in front, as `unrolled` lays it out.

    tint (3, height, width): the logarithm of linear reflectance as seen over that as painted, R, G,
        B. It goes on where nothing was seen, so that all of the skin has one tone.
    certain (height, width): 0..1; how far brows and lashes are in the tint and are not to be
        painted again.
    hair (3,): linear reflectance of the hair; None if none was seen.
    fringe (width,): mm by which it hangs below the mean head's hairline, in each of the map's
        columns; None if no hair was seen.
    """

    tint: Tensor
    certain: Tensor
    hair: Tensor | None = None
    fringe: Tensor | None = None

    def hanging(self, points: Tensor) -> Tensor:
        """The fringe, which is given, above and below points (3, point): (point,), mm."""
        assert self.fringe is not None
        return _looked_up(self.fringe[None, None], points)[0]

    def tinted(self, painted: Tensor, points: Tensor, share: Tensor) -> Tensor:
        """Reflectance (batch, 3, point), as painted, made what was seen by a share (point,)."""
        tint = _looked_up(self.tint, points)
        return (painted * torch.exp(tint * share)).clamp(max=1.0)

    def shaved(self, covered: Tensor, points: Tensor) -> Tensor:
        """The cover (batch, point) of brows, beard and lashes without what the tint holds of it."""
        certain = _looked_up(self.certain[None], points)[0]
        return covered - certain * covered.clamp(min=0.0)


def _looked_up(planes: Tensor, points: Tensor) -> Tensor:
    """Planes (channel, height, width) of a map at points (3, point): (channel, point)."""
    places = unrolled(points)[None, None]
    return torch.nn.functional.grid_sample(
        planes[None], places, padding_mode="border", align_corners=False
    )[0, :, 0]
