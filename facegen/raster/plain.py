"""Interpolation, averaging and soft shadows in plain torch: for devices without compiled kernels.

Gradients are torch's own, and no shape depends on a result, which the device would be waited for.
"""

import torch
from torch import Tensor

from facegen.device import constant

_LEAST = 1e-20
"""As in facegen.raster.barycentric."""


def interpolate(attributes: Tensor, screen: Tensor, faces: Tensor, face_id: Tensor) -> Tensor:
    """See facegen.raster.interpolate, which has checked the arguments."""
    batch, height, width = face_id.shape
    covered = (face_id >= 0)[..., None]
    # The background asks for all faces in turn: gradients by one vertex are added one by one, and
    # half of a picture would wait for another.
    anything = torch.arange(height * width, device=screen.device).view(height, width) % len(faces)
    corners = faces.long()[torch.where(face_id >= 0, face_id, anything)]
    picture = torch.arange(batch, device=screen.device)[:, None, None, None]
    # Where such a face has no coordinates, gradients would be nan times 0.
    place = torch.where(covered[..., None], screen[picture, corners], 1)
    column = torch.arange(width, device=screen.device).to(screen.dtype) + 0.5
    row = torch.arange(height, device=screen.device).to(screen.dtype) + 0.5
    picture = picture if len(attributes) == batch else torch.zeros_like(picture)
    image = _mixed(attributes, picture[..., 0], corners, _shares(place, column, row[:, None]))
    return torch.where(covered, image, 0)


def interpolate_seen(attributes: Tensor, screen: Tensor, faces: Tensor, face_id: Tensor) -> Tensor:
    """See facegen.raster.interpolate; the device is waited for."""
    picture, row, column = (face_id >= 0).nonzero(as_tuple=True)
    corners = faces.long()[face_id[picture, row, column]]
    x, y = (index.to(screen.dtype) + 0.5 for index in (column, row))
    shares = _shares(screen[picture[:, None], corners], x, y)
    return _mixed(attributes, picture, corners, shares).T.contiguous()


def _shares(place: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Coordinates (..., 3) at points x, y of faces whose corners are at place (..., 3, 3)."""
    (ax, bx, cx) = (place[..., 0] - x[..., None]).unbind(-1)
    (ay, by, cy) = (place[..., 1] - y[..., None]).unbind(-1)
    areas = torch.stack([cx * by - bx * cy, ax * cy - cx * ay, bx * ay - ax * by], dim=-1)
    side = torch.where(areas.sum(-1, keepdim=True) >= 0, 1.0, -1.0).to(areas)
    shares = (side * areas).clamp(min=_LEAST) / place[..., 2]
    return shares / shares.sum(-1, keepdim=True)


def _mixed(attributes: Tensor, picture: Tensor, corners: Tensor, shares: Tensor) -> Tensor:
    """Attributes (..., channel) of corners (..., 3): one by one, as each takes much memory."""
    total = torch.zeros((), dtype=shares.dtype, device=shares.device)
    for share, corner in zip(shares.unbind(-1), corners.unbind(-1), strict=True):
        total = total + share[..., None] * attributes[picture, corner]
    return total


def box(samples: Tensor, face_id: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The mean over side x side samples, and the share (..., 1) of them that see no face."""
    batch, height, width, channels = samples.shape
    shape = (batch, height // side, side, width // side, side)
    pixels = samples.reshape(*shape, channels).mean(dim=(2, 4))
    empty = (face_id < 0).to(samples.dtype).reshape(*shape, 1).mean(dim=(2, 4))
    return pixels, empty


def visibility(receivers: Tensor, slopes: Tensor, depth: Tensor) -> Tensor:
    """The share (batch, vertex) of 3 x 3 bilinear taps of depth maps that lie behind receivers.

    receivers (batch, vertex, 3): x and y in samples of depth (batch, height, width), and z, which
    grows by slopes (batch, vertex, 2) a sample to the right and down. Receivers beyond the map are
    lit.
    """
    height, width = depth.shape[1:]
    x, y, z = (receivers - constant((0.5, 0.5, 0.0), receivers)).unbind(-1)
    column, row = x.floor(), y.floor()
    inside = (column >= 1) & (row >= 1) & (column <= width - 3) & (row <= height - 3)
    fx, fy = x - column, y - row
    first = torch.where(inside, (row - 1) * width + column - 1, 0).long()
    steps = torch.arange(4, device=depth.device)
    taps = first[..., None, None] + steps[:, None] * width + steps
    near = depth.flatten(1).gather(1, taps.flatten(1)).reshape(taps.shape)
    right, down = (slope[..., None, None] for slope in slopes.unbind(-1))
    plane = z[..., None, None] + right * (steps - 1 - fx[..., None, None])
    plane = plane + down * (steps[:, None] - 1 - fy[..., None, None])
    lit = (plane <= near).to(receivers.dtype)
    one = torch.ones_like(fx)
    across = torch.stack([1 - fx, one, one, fx], dim=-1)
    down = torch.stack([1 - fy, one, one, fy], dim=-1)
    share = (lit * down[..., None] * across[..., None, :]).sum(dim=(-2, -1)) / 9
    return torch.where(inside, share, 1)
