"""The key light's cast shadow: a depth map seen from the light, looked up with a soft edge."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster import rasterize
from facegen.raster.jit import kernel

_SAMPLES = 160
_REACH_MM = 185.0
_BIAS_MM = 2.2
"""A receiver is moved this far along its normal, so that a surface does not shadow itself."""


def key_visibility(vertices: Tensor, normals: Tensor, faces: Tensor, light: Tensor) -> Tensor:
    """The share of the key light that reaches each vertex: (batch, vertex), 0..1, no gradient.

    vertices, normals (batch, 3, vertex) and light (batch, 3) in the camera's frame. The edge of a
    shadow is about three samples of the map wide, 7 mm: a window rather than the sun.
    """
    up = torch.tensor([0.0, 1.0, 0.0]).to(light)
    right = torch.nn.functional.normalize(torch.linalg.cross(up.expand_as(light), light), dim=-1)
    above = torch.linalg.cross(light, right)
    axes = torch.stack([right, -above, -light], dim=1)
    scale = 0.5 * _SAMPLES / _REACH_MM
    shift = torch.tensor([0.5 * _SAMPLES, 0.5 * _SAMPLES, 2 * _REACH_MM + 400.0]).to(light)
    axes = (axes * torch.tensor([[scale], [scale], [1.0]]).to(light)).detach()
    seen = axes @ vertices.detach() + shift[:, None]
    receivers = seen + _BIAS_MM * (axes @ normals.detach())
    depth = rasterize(seen.mT.contiguous(), faces, _SAMPLES, _SAMPLES).depth
    share = seen.new_empty(len(seen), seen.shape[2])
    for image in range(len(seen)):
        _filter(receivers[image].numpy(), depth[image].numpy(), share[image].numpy())
    return share


@kernel
def _filter(
    receivers: NDArray[np.float32], depth: NDArray[np.float32], share: NDArray[np.float32]
) -> None:
    """Percentage-closer filtering over 3 x 3 bilinear taps (Reeves, Salesin & Cook 1987)."""
    height, width = depth.shape
    for v in range(receivers.shape[1]):
        x, y, z = receivers[0, v] - 0.5, receivers[1, v] - 0.5, receivers[2, v]
        column, row = int(np.floor(x)), int(np.floor(y))
        if column < 1 or row < 1 or column > width - 3 or row > height - 3:
            share[v] = 1.0
            continue
        fx, fy = x - column, y - row
        total = 0.0
        for j in range(4):
            wy = 1 - fy if j == 0 else (fy if j == 3 else 1.0)
            line = 0.0
            for i in range(4):
                wx = 1 - fx if i == 0 else (fx if i == 3 else 1.0)
                if z <= depth[row - 1 + j, column - 1 + i]:
                    line += wx
            total += wy * line
        share[v] = total / 9.0
