"""Pictures to fit: read from files, brought to size, smoothed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from facegen.errors import UserError
from facegen.pictures import LUMA, read_colours

SIZE = 150
"""Pixels a side at which pictures are fitted."""

LARGEST = 1024
"""Pixels a side of which skin is taken."""

_LEAST = 24
"""Pixels a side below which nobody is recognized."""

_MOST = 3
"""Sides of a picture that a face's may have: pupils farther apart are a slip, and a crop of their
size would fill the memory."""

_SIDES, _EYES_AT = 4.4, 0.53
"""In facegen's own pictures of frontal faces: sides of the picture to the distance of the pupils,
and the eyes' height from the top."""

_SIGMA = 0.7


@dataclass(frozen=True)
class Picture:
    """What is fitted.

    gray (SIZE, SIZE): 0..1. eyes (2, 2): where the viewer's left and right pupil are, x and y from
    -1 at the left and at the bottom to 1; None if nobody has said. photograph (side, side, 3): the
    same in colour and as large as it was, up to LARGEST; None where that is of no use.
    """

    gray: Tensor
    eyes: Tensor | None = None
    photograph: Tensor | None = None

    @property
    def colours(self) -> Tensor:
        """The photograph (SIZE, SIZE, 3), or gray if there is none."""
        if self.photograph is None:
            return self.gray[..., None].expand(-1, -1, 3)
        planes = self.photograph.movedim(-1, 0)[None]
        small = torch.nn.functional.interpolate(
            planes, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True
        )
        return small[0].movedim(0, -1)


def read_picture(path: Path, eyes: tuple[float, float, float, float] | None = None) -> Picture:
    """A face in a file, gray.

    eyes: x and y of the viewer's left and right pupil, in the file's pixels from its top left; the
    picture is then cropped as facegen's own are, borders drawn out where it ends. Without them it
    must be cropped so already, and its middle square is taken.
    Raises UserError for what is missing, not a picture, or too small.
    """
    colours = read_colours(path)
    height, width = colours.shape[:2]
    side: float = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    if eyes is not None:
        if not all(0 <= x < width and 0 <= y < height for x, y in (eyes[:2], eyes[2:])):
            raise UserError(f"{path}: eyes at {eyes} are not in its {width} x {height} pixels")
        if eyes[2] <= eyes[0]:
            raise UserError(f"{path}: eyes at {eyes}: the one at the left comes first")
        side = _SIDES * float(np.hypot(eyes[2] - eyes[0], eyes[3] - eyes[1]))
        left = (eyes[0] + eyes[2] - side) / 2
        top = (eyes[1] + eyes[3]) / 2 - _EYES_AT * side
        if side > _MOST * max(width, height):
            raise UserError(
                f"{path}: with eyes at {eyes} the face would be {side:.0f} pixels wide, in a "
                f"picture of {width} x {height}; give where its two pupils are"
            )
    if side < _LEAST:
        raise UserError(
            f"{path}: a face in {side:.0f} x {side:.0f} of its {width} x {height} pixels is too "
            f"small to fit; {_LEAST} x {_LEAST} are needed"
        )
    crop = _crop(colours, round(left), round(top), round(side))
    large = crop
    if crop.width > LARGEST:
        large = crop.resize((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    crop = crop.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    gray = torch.from_numpy(np.asarray(crop, dtype=np.float32) / 255) @ torch.tensor(LUMA)
    photograph = torch.from_numpy(np.asarray(large, dtype=np.float32) / 255)
    if eyes is None:
        return Picture(gray, photograph=photograph)
    x, y = np.array(eyes[::2]) - round(left), np.array(eyes[1::2]) - round(top)
    places = np.stack([2 * x / round(side) - 1, 1 - 2 * y / round(side)], axis=-1)
    return Picture(gray, torch.from_numpy(places).float(), photograph)


def _crop(colours: NDArray[np.uint8], left: int, top: int, side: int) -> Image.Image:
    """A square of a picture (height, width, 3); beyond its borders their pixels go on."""
    height, width = colours.shape[:2]
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    return Image.fromarray(colours[rows[:, None], columns])


def shrink(picture: Tensor, size: int) -> Tensor:
    """A picture (n size, n size, ...) averaged to (size, size, ...)."""
    factor = picture.shape[0] // size
    blocks = picture.reshape(size, factor, size, factor, *picture.shape[2:])
    return blocks.mean(dim=(1, 3))


def smooth(pictures: Tensor) -> Tensor:
    """Pictures (batch, height, width, channel) under a narrow Gaussian: samples move smoothly."""
    bell = torch.exp(-0.5 * (torch.arange(-2, 3) / _SIGMA) ** 2)
    bell = bell / bell.sum()
    channels = pictures.shape[-1]
    planes = torch.nn.functional.pad(pictures.movedim(-1, 1), (2, 2, 2, 2), mode="replicate")
    down, across = (
        bell.reshape(shape).expand(channels, 1, -1, -1).contiguous()
        for shape in ((1, 1, 5, 1), (1, 1, 1, 5))
    )
    planes = torch.nn.functional.conv2d(planes, down, groups=channels)
    return torch.nn.functional.conv2d(planes, across, groups=channels).movedim(1, -1)


def redness(pictures: Tensor) -> Tensor:
    """How red pictures (..., 3) are beside green (...), about the same in light and in shadow."""
    return torch.log((pictures[..., 0] + 0.1) / (pictures[..., 1] + 0.1))


def features(pictures: Tensor, region: Tensor) -> Tensor:
    """What is compared of photographs (batch, size, size, 3): three planes, in the last dimension.

    Gray values; and, since light and skin are not known as well as where features are, how gray
    and how red a place is beside its surroundings: of these, what region (size, size) has as 1.
    """
    gray = pictures @ torch.tensor(LUMA)
    red = redness(pictures)
    rim, weight = len(region) // 12, region + 1e-3
    planes = torch.stack([gray * weight, red * weight, weight.expand_as(gray)], dim=1)
    around = torch.nn.functional.avg_pool2d(
        planes, 2 * rim + 1, stride=1, padding=rim, count_include_pad=False
    )
    usual_gray, usual_red = around[:, 0] / around[:, 2], around[:, 1] / around[:, 2]
    contrast = (gray - usual_gray) / (usual_gray + 0.1)
    return torch.stack([gray, contrast, red - usual_red], dim=-1)


def background_of(picture: Tensor) -> float:
    """The gray value most of a picture's (height, width) upper rim has."""
    half, rim = picture.shape[0] // 2, max(1, picture.shape[1] // 25)
    sides = torch.cat([picture[:half, :rim], picture[:half, -rim:], picture[:rim].T[:half]], dim=1)
    return float(sides.median())
