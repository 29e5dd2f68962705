"""Face models that bring their own colours: those instead of painted skin, and no painted brows."""

import dataclasses

import torch
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.morphable import Albedo
from facegen.texture import Texture

_NOWHERE_MM = -99.0
_MIDDLE = 0.30
"""Mean linear reflectance for which the lens need not be opened: that of our own painted skin."""


def linear(values: Tensor) -> Tensor:
    """Values 0..1 in sRGB to linear ones: IEC 61966-2-1."""
    return torch.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


class OwnAlbedo:
    """A model's albedo, ready to be evaluated for a batch of people."""

    def __init__(self, albedo: Albedo):
        self._mean = torch.from_numpy(albedo.mean).T.contiguous()
        self._basis = torch.from_numpy(albedo.basis).mT.flatten(1)
        self._encoding = albedo.encoding
        mean = self._linear(self._mean).mean()
        self.opening = float((_MIDDLE / mean.clamp(min=0.05)).clamp(0.5, 2.0))
        """What a picture is to be multiplied by: scanners expose otherwise than our camera."""

    def __call__(
        self, coefficients: Tensor, anatomy: Anatomy, texture: Texture | None = None
    ) -> Tensor:
        """Coefficients (batch, mode) to linear reflectance (batch, 3, vertex), 0..1."""
        moved = (coefficients @ self._basis).reshape(len(coefficients), 3, -1)
        own = self._linear((self._mean + moved).clamp(0, 1))
        if not texture:
            return own
        outside = (1 - anatomy.mouth) * (1 - anatomy.teeth)
        return texture.tinted(own, anatomy.points, outside)

    def _linear(self, values: Tensor) -> Tensor:
        if self._encoding == "linear":
            return values
        return linear(values)


def bare(anatomy: Anatomy, coloured: bool) -> Anatomy:
    """The anatomy without the hair that a model has no use for.

    On the crop of a face a hairdo would be a band around the forehead. Where a model is coloured,
    its brows, lashes and beard are in its colours already.
    """
    nowhere = torch.full_like(anatomy.brow, _NOWHERE_MM)
    _, y, z = anatomy.points
    if not ((y > 40) & (z < -60)).any():
        anatomy = dataclasses.replace(anatomy, scalp=nowhere)
    if not coloured:
        return anatomy
    lash = torch.zeros_like(anatomy.lash)
    return dataclasses.replace(anatomy, brow=nowhere, beard=nowhere, moustache=nowhere, lash=lash)
