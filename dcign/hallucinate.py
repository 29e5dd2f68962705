"""One picture drawn again by a network, under another pose or light, or as another person."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from dcign.calibration import Calibration
from dcign.checkpoint import Run
from dcign.codes import decode, intrinsic_units, posterior
from dcign.images import network_input
from dcign.metrics.pictures import bce_above_floor
from facegen.latents import FACTORS, IDENTITY
from facegen.pictures import LUMA, read_colours


def hallucinate(
    run: Run,
    calibration: Calibration,
    image: NDArray[np.float32],
    factor: str,
    values: NDArray[np.float32],
    other: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Pictures (frame, size, size) that the network draws from one image.

    image, other (size, size): as prepare gives them. All units are the image's own, but the
    factor's, which is set to what the calibration says for each of values (frame,), in the
    factor's unit. For the identity, values say how far the intrinsic code goes, 0..1: from the
    image's to that of a picture of another person; or, without one, through the people of the
    training, from end to end of the direction in which they differ most.
    """
    assert factor in FACTORS, factor
    intrinsic = intrinsic_units(calibration.units, run.network.config.code_size)
    sources = np.stack([image] if other is None else [image, other])
    means, _ = posterior(run.network, sources)
    codes = np.repeat(means[:1], len(values), axis=0)
    if factor != IDENTITY:
        place = FACTORS.index(factor)
        codes[:, calibration.units[place]] = calibration.curves[place].at(values)
    elif other is None:
        direction = np.array(calibration.direction, np.float32)
        goal = calibration.low + values * (calibration.high - calibration.low)
        codes[:, intrinsic] += (goal - codes[:, intrinsic] @ direction)[:, None] * direction
    else:
        codes[:, intrinsic] += values[:, None] * (means[1] - means[0])[intrinsic]
    pictures = expit(decode(run.network, codes))
    frames: NDArray[np.uint8] = (255 * pictures + 0.5).astype(np.uint8)
    return frames


def strangeness(run: Run, calibration: Calibration, image: NDArray[np.float32]) -> float:
    """How badly the network redraws an image (size, size), in units of what is still usual.

    Above 1 it is worse than nearly all of the training images: do not trust what it makes of it.
    """
    means, _ = posterior(run.network, image[None])
    excess = bce_above_floor(decode(run.network, means), image[None])[0]
    return float(excess / max(calibration.strange, 1e-9))


def prepare(picture: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """A gray picture (height, width) as the network reads it: (size, size) in 0..1.

    The middle square, averaged over areas; a smaller one is enlarged the same way, by squares.
    """
    side = min(picture.shape)
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = np.ascontiguousarray(picture[top : top + side, left : left + side])
    read: NDArray[np.float32] = network_input(torch.from_numpy(square), size).numpy()
    return read


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Any picture that Pillow reads, upright, gray (height, width), on white where transparent.

    Raises UserError, with the remedy, for a file that is missing, no picture, damaged or huge.
    """
    colour = read_colours(path).astype(np.float32)
    return (colour @ np.array(LUMA, np.float32) + 0.5).astype(np.uint8)
