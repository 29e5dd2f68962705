"""Light from all around as real spherical harmonics of order 2: nine coefficients a channel.

What a diffuse surface reflects of distant light varies so slowly with its normal that these nine
describe it to within 1 % on average, up to 9 % for a point light behind a worst-case normal.
Source: Ramamoorthi & Hanrahan, "An Efficient Representation for Irradiance Environment Maps",
2001; coefficients go in its order: L00, L1-1, L10, L11, L2-2, L2-1, L20, L21, L22.

Directions are of the camera's frame: +x to the viewer's right, +y up, +z towards the camera.
"""

import math

import torch
from torch import Tensor

from facegen.device import constant
from facegen.errors import UserError

COUNT = 9

_BAND = (0, 1, 1, 1, 2, 2, 2, 2, 2)
_REFLECTED = (1.0, 2 / 3, 1 / 4)
_SHARES = tuple(_REFLECTED[band] for band in _BAND)
"""By band, what a white diffuse surface reflects of a harmonic: the cosine's own, over pi."""


def basis(directions: Tensor) -> Tensor:
    """The harmonics (batch, 9, direction) at unit vectors (batch, 3, direction)."""
    x, y, z = directions.unbind(1)
    first, second = 0.5 * math.sqrt(3 / math.pi), 0.5 * math.sqrt(15 / math.pi)
    return torch.stack(
        [
            torch.full_like(x, 0.5 / math.sqrt(math.pi)),
            first * y,
            first * z,
            first * x,
            second * x * y,
            second * y * z,
            0.25 * math.sqrt(5 / math.pi) * (3 * z * z - 1),
            second * x * z,
            0.5 * second * (x * x - y * y),
        ],
        dim=1,
    )


def reflected(environment: Tensor, normals: Tensor) -> Tensor:
    """Light that a white surface reflects (batch, channel, vertex): its irradiance over pi.

    environment (batch, 9, channel): radiance. normals (batch, 3, vertex): unit vectors. Either may
    be a batch of one. Never negative, though nine coefficients of a bright spot would be.
    """
    shares = constant(_SHARES, environment)
    light: Tensor = (environment * shares[:, None]).mT @ basis(normals)
    return light.clamp(min=0)


def reflected_basis(normals: Tensor) -> Tensor:
    """What a white surface reflects of each harmonic (batch, 9, vertex); normals as above."""
    shares = constant(_SHARES, normals)
    return shares[:, None] * basis(normals)


def of_panorama(picture: Tensor) -> Tensor:
    """The coefficients (9, channel) of a panorama (height, width, channel) of linear radiance.

    It is as wide as a full turn and as high as half of one: the middle of it lies straight ahead of
    the camera, behind the face, the right half to the viewer's right, the top row above.
    """
    height, width = picture.shape[:2]
    polar = (torch.arange(height, dtype=torch.float64) + 0.5) * (math.pi / height)
    turn = (torch.arange(width, dtype=torch.float64) + 0.5) * (2 * math.pi / width) - math.pi
    level = polar.sin()[:, None]
    x, z = level * turn.sin(), -level * turn.cos()
    y = polar.cos()[:, None].expand_as(x)
    # The solid angle of a pixel, exactly: it is a band between two circles of latitude.
    area = 2 * math.sin(0.5 * math.pi / height) * level * (2 * math.pi / width)
    harmonics = basis(torch.stack([x, y, z]).reshape(1, 3, -1))[0]
    weighted = picture.double().reshape(height * width, -1) * area.expand_as(x).reshape(-1, 1)
    return (harmonics @ weighted).to(torch.float32)


def exposed(coefficients: Tensor) -> Tensor:
    """Coefficients (9, channel) scaled so that the best lit white surface is just white."""
    height, around = torch.meshgrid(
        torch.linspace(-1, 1, 33), torch.linspace(0, 2 * math.pi, 64), indexing="ij"
    )
    radius = (1 - height**2).sqrt()
    normals = torch.stack([radius * around.cos(), height, radius * around.sin()]).reshape(1, 3, -1)
    return coefficients / reflected(coefficients[None], normals).max().clamp(min=1e-6)


def surroundings(rows: tuple[tuple[float, ...], ...], ones: Tensor) -> Tensor | None:
    """Settings' rows as a batch (batch, 9, channel), as ones (batch,) are; None if there are none.

    Raises UserError unless they are nine rows of one or three finite numbers.
    """
    if not rows:
        return None
    channels = {len(row) for row in rows}
    if (
        len(rows) != COUNT
        or channels not in ({1}, {3})
        or not all(map(math.isfinite, sum(rows, ())))
    ):
        raise UserError(
            f"an environment is {COUNT} rows of 1 or 3 finite numbers, not {len(rows)} rows of "
            f"{', '.join(map(str, sorted(channels)))}"
        )
    return constant(rows, ones).expand(len(ones), -1, -1)
