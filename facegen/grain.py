"""What is finer than a mesh: strands of hair, pores, the lines of lips.

Whatever a picture's samples are too coarse for is left out, so that nothing turns to moire.
"""

import math

import torch
from torch import Tensor

from facegen.anatomy import CROWN, Anatomy
from facegen.appearance import PART_MM, Appearance
from facegen.curtain import HIGHEST
from facegen.curves import smooth_step
from facegen.device import constant
from facegen.noise import noise, noises
from facegen.tresses import longer

_LOCKS = ((6.5, 0.55), (2.4, 0.6), (1.1, 0.7), (0.5, 0.6), (0.22, 0.5))
"""Widths of what strands gather to, mm, and weights."""
_VARIANCE = sum(weight**2 for _, weight in _LOCKS)

_GATHERED = 1.5
"""Locks wider than this, mm, need long hair."""

_WHORL = 0.7
"""How far combed hair strays sideways at most, per mm from the crown."""

TIE = (0.0, 45.0, -95.0)
"""About where long hair is tied, mm."""

_EYE_MM = 28.0
"""How far from the midline an eye looks out."""

_BROW_MM = 38.0
"""Length of a brow."""

_SPECK_MM = 2.2
"""Width of freckles and of the spots of age."""

_ASKEW = ((0.73, 0.55, -0.41), (-0.17, 0.73, 0.66), (0.66, -0.41, 0.63))
"""A rotation."""

_PORES = ((1.5, 0.4), (0.8, 0.7), (0.45, 0.6))
"""Widths of the skin's unevenness, mm, and weights."""


def strands(
    anatomy: Anatomy, combed: Tensor, cropped: Tensor, person: Appearance, spacing: float
) -> Tensor:
    """A texture (sample,) of about unit variance that runs along the hair of one person.

    combed (3, sample): 1 on long hair's own sheet, and mm across and along its strands.
    cropped (sample,): 0..1 where hair of the head is too short for locks.
    spacing: mm between samples.
    """
    x, y, z = anatomy.points
    # Over the scalp strands run as they are combed: to where they are tied, or away from the crown
    # in a whorl, so that the forehead's hair lies to a side.
    if person.tied[0] > 0.5:
        along = _distance(anatomy.points, TIE)
        across = 85.0 * torch.atan2(x, y - TIE[1])
    else:
        along = _distance(anatomy.points, CROWN)
        whorl = _WHORL * (person.part / PART_MM) * along
        across = 85.0 * torch.atan2(x, z - CROWN[2]) + whorl
    on_sheet = combed[0] > 0.5
    hung = combed[2] + (longer(person.tip) - 1) * (combed[2] - HIGHEST).clamp(max=0.0)
    across, along = (
        torch.where(on_sheet, own, scalp) for own, scalp in ((combed[1], across), (hung, along))
    )
    # Brows rise at the nose and lie down outwards; beards are short and wayward.
    brow = torch.sigmoid(2.0 * (anatomy.brow + 6.5))
    outwards = anatomy.brow_along
    over = anatomy.brow_rise - person.brow_arch * torch.sin(torch.pi * outwards.clamp(0, 1))
    # The height of a hair that starts at the inner end, of which all are copies.
    rising = 0.75 * (1 - (1 - outwards.clamp(min=0)) ** 2) + 1.5 * outwards.clamp(max=0)
    rising = _BROW_MM * (rising - 0.2 * outwards)
    across = across + brow * (over - rising - across)
    along = along + brow * (_BROW_MM * outwards + 0.5 * over - along)
    bearded = torch.sigmoid(torch.maximum(anatomy.beard, anatomy.moustache)) * ~on_sheet
    stubble = bearded * smooth_step(person.beard[0], 0.6, 0.3)
    cropped = cropped * ~on_sheet * anatomy.is_skin
    loose = 1 - torch.maximum(torch.maximum(brow, bearded), cropped)
    # A length that changed slowly would squeeze the texture: it takes one of two values.
    stubble = torch.maximum(stubble, (cropped > 0.5).to(stubble))
    short = torch.maximum(torch.maximum(brow, bearded), stubble)
    # Irises are streaked from the pupil outwards.
    eye = 1 - anatomy.is_skin
    across = across + eye * (4.0 * torch.atan2(y, x.abs() - _EYE_MM) - across)
    along = along + eye * (0.3 * anatomy.eye_angle - along)
    # Locks wander, and the more so the more they curl.
    drift = noise(torch.stack([across / 24.0, along / 45.0]) + person.mottle[0, :2, None], 20)
    across = across + (1 + 2 * person.curl) * (1 - brow) * (1 - eye) * drift
    texture: Tensor = torch.zeros_like(across)
    for kind, (width, weight) in enumerate(_LOCKS):
        if (seen := _seen(width, spacing)) > 0:
            straight = 18.0 + 8.0 * width - short * (14.0 + 6.0 * width + stubble * (2.0 + width))
            length = straight + person.curl * (3.0 * width - straight)
            lock = torch.stack([across / width, along / length]) + person.mottle[0, 0]
            gathered = seen * weight * loose if width > _GATHERED else seen * weight
            texture = texture + gathered * noise(lock, kind)
    return texture / math.sqrt(_VARIANCE)


def _distance(points: Tensor, centre: tuple[float, float, float]) -> Tensor:
    """From points (3, sample): torch's own norm takes 60 times as long along this axis."""
    away = points - constant(centre, points)[:, None]
    return (away * away).sum(dim=0).clamp(min=1e-12).sqrt()


def pores(points: Tensor, spacing: float) -> Tensor:
    """Three textures (3, sample) of up to unit variance at points (3, sample) of the skin, mm."""
    textures = torch.zeros_like(points)
    for width, weight in _PORES:
        if (seen := _seen(width, spacing)) > 0:
            textures = textures + seen * weight * noises(points / width, range(30, 33))
    return textures


def specks(points: Tensor, person: Appearance, spacing: float) -> Tensor:
    """The finest texture that one person's skin is mottled by, (sample,), at points (3, sample).

    Between vertices it was cut to shreds: freckles looked like scratches.
    """
    # Of two lattices that lie askew to one another, so that neither shows.
    askew = constant(_ASKEW, points)
    place = points / _SPECK_MM + person.mottle[0, 0]
    both = noise(askew @ place, 40) + noise(askew @ askew @ place, 41)
    return _seen(_SPECK_MM, spacing) * both / math.sqrt(2)


def _seen(width: float, spacing: float) -> float:
    """How much of a texture, 0..1, is left of features so wide when samples are so far apart."""
    return min(max(width / (1.2 * spacing) - 0.5, 0.0), 1.0)
