"""Picture values as the bytes that files hold."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.batches import array
from facegen.raster.jit import leaf

Floats = NDArray[np.float32] | NDArray[np.float64]


def levels(pictures: Tensor) -> NDArray[np.uint8]:
    """Values 0..1 of any shape to the nearest of 256 levels; what lies beyond is cut off."""
    if pictures.device.type != "cpu":
        return (pictures * 255 + 0.5).clamp_(0, 255).to(torch.uint8).cpu().numpy()
    values = array(pictures)
    nearest = np.empty(values.shape, dtype=np.uint8)
    _round(values.reshape(-1), nearest.reshape(-1))
    return nearest


@leaf
def _round(values: Floats, nearest: NDArray[np.uint8]) -> None:
    number = values.dtype.type
    for n in range(len(values)):
        level = values[n] * number(255) + number(0.5)
        nearest[n] = np.int32(min(max(level, number(0)), number(255)))
