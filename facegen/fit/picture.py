"""Pictures to fit: read from files, brought to size, smoothed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from facegen.errors import UserError
from facegen.pictures import read_colours
from facegen.shading import LUMA

SIZE = 150
"""Pixels a side at which pictures are fitted."""

_LEAST = 24
"""Pixels a side below which nobody is recognized."""

_SIDES, _EYES_AT = 4.4, 0.53
"""In facegen's own pictures of frontal faces: sides of the picture to the distance of the pupils,
and the eyes' height from the top."""

_SIGMA = 0.7


@dataclass(frozen=True)
class Picture:
    """What is fitted.

    gray (SIZE, SIZE): 0..1. eyes (2, 2): where the viewer's left and right pupil are, x and y from
    -1 at the left and at the bottom to 1; None if nobody has said.
    """

    gray: Tensor
    eyes: Tensor | None = None


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
    if side < _LEAST:
        raise UserError(
            f"{path}: a face in {side:.0f} x {side:.0f} of its {width} x {height} pixels is too "
            f"small to fit; {_LEAST} x {_LEAST} are needed"
        )
    crop = _crop(colours, round(left), round(top), round(side))
    crop = crop.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    gray = torch.from_numpy(np.asarray(crop, dtype=np.float32) / 255) @ torch.tensor(LUMA)
    if eyes is None:
        return Picture(gray)
    x, y = np.array(eyes[::2]) - round(left), np.array(eyes[1::2]) - round(top)
    places = np.stack([2 * x / round(side) - 1, 1 - 2 * y / round(side)], axis=-1)
    return Picture(gray, torch.from_numpy(places).float())


def _crop(colours: NDArray[np.uint8], left: int, top: int, side: int) -> Image.Image:
    """A square of a picture (height, width, 3); beyond its borders their pixels go on."""
    height, width = colours.shape[:2]
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    return Image.fromarray(colours[rows[:, None], columns])


def shrink(picture: Tensor, size: int) -> Tensor:
    """Pictures (..., n size, n size) averaged to (..., size, size)."""
    factor = picture.shape[-1] // size
    blocks = picture.reshape(*picture.shape[:-2], size, factor, size, factor)
    return blocks.mean(dim=(-1, -3))


def smooth(pictures: Tensor) -> Tensor:
    """Pictures (batch, height, width) under a narrow Gaussian: samples then move smoothly."""
    bell = torch.exp(-0.5 * (torch.arange(-2, 3) / _SIGMA) ** 2)
    bell = bell / bell.sum()
    planes = torch.nn.functional.pad(pictures[:, None], (2, 2, 2, 2), mode="replicate")
    planes = torch.nn.functional.conv2d(planes, bell[None, None, :, None])
    return torch.nn.functional.conv2d(planes, bell[None, None, None, :])[:, 0]


def background_of(picture: Tensor) -> float:
    """The gray value most of a picture's (height, width) upper rim has."""
    half, rim = picture.shape[0] // 2, max(1, picture.shape[1] // 25)
    sides = torch.cat([picture[:half, :rim], picture[:half, -rim:], picture[:rim].T[:half]], dim=1)
    return float(sides.median())
