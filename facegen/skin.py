"""Albedo: pigments in optical density, lips, eyes, freckles, moles and clothes, per vertex.

Skin colour follows absorption: reflectance = base * exp(-melanin * m - haemoglobin * h), with m and
h per colour channel; everything that makes skin darker or redder only changes the two amounts.
"""

import torch
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.appearance import Appearance

_BASE = (0.90, 0.71, 0.59)
_MELANIN = (1.75, 2.35, 2.85)
_HAEMOGLOBIN = (0.18, 1.00, 0.80)
_SCLERA = (0.66, 0.62, 0.59)
_PUPIL = (0.012, 0.011, 0.011)
_MOUTH = (0.10, 0.035, 0.03)
_TEETH = (0.80, 0.72, 0.60)


def paint(anatomy: Anatomy, person: Appearance) -> Tensor:
    """Linear reflectance (batch, 3, vertex) of skin, eyes and clothes, 0..1, without hair."""
    melanin, haemoglobin = _pigments(anatomy, person)
    density = melanin[:, None] * _rgb(_MELANIN) + haemoglobin[:, None] * _rgb(_HAEMOGLOBIN)
    colour = _rgb(_BASE) * torch.exp(-density)
    colour = _mix(colour, _rgb(_MOUTH), anatomy.mouth)
    colour = _mix(colour, _rgb(_TEETH), anatomy.teeth)
    colour = _mix(colour, _eye(anatomy, person), 1 - anatomy.is_skin)
    depth = anatomy.cloth + person.collar[:, None]
    # A collar's rim is sewn double: a seam runs below it.
    seam = 1 - 0.22 * torch.exp(-(((depth - 9.0) / 1.6) ** 2))
    cloth = person.cloth[..., None] * seam[:, None]
    return _mix(colour, cloth, (0.25 * depth + 0.5).clamp(0, 1)[:, None])


def _pigments(anatomy: Anatomy, person: Appearance) -> tuple[Tensor, Tensor]:
    """Amounts of melanin and haemoglobin, (batch, vertex) each."""
    old = ((person.age - 40.0) / 45.0).clamp(0, 1)[:, None]
    blotch, fine, speckle = (
        _mottle(waves, (1 + scale) * person.mottle) for scale, waves in enumerate(anatomy.waves)
    )
    fair = (1.2 - person.melanin[:, None]).clamp(0.1, 1.0)

    melanin = person.melanin[:, None] * (1 + 0.03 * blotch + 0.02 * fine)
    freckled = torch.exp(-(((anatomy.points[1] + 25.0) / 30.0) ** 2)) * (anatomy.points[2] > 25)
    spots = (speckle - 1.1 + 0.3 * fine).clamp(0, 1.0)
    melanin = melanin + 0.30 * spots * freckled * person.freckles[:, None]
    melanin = melanin + 0.10 * old * fair * (speckle + blotch - 1.6).clamp(0, 0.6)
    melanin = melanin + (0.05 + 0.10 * old) * anatomy.hollow + 0.06 * anatomy.lid
    offset = anatomy.points[:2] - person.mole[..., None]
    mole = torch.exp(-(offset**2).sum(1) / 1.8) * (anatomy.points[2] > 40)
    melanin = melanin + 0.6 * mole

    haemoglobin = person.haemoglobin[:, None] * (
        0.8 + 0.75 * anatomy.blush + 0.10 * blotch + 0.05 * fine
    )
    haemoglobin = haemoglobin + (0.10 + 0.06 * old) * anatomy.hollow + 0.14 * anatomy.lid
    lips = ((anatomy.lips - 0.25) / 0.6).clamp(0, 1)
    haemoglobin = haemoglobin + lips * (0.12 + person.lips[:, None])
    melanin = melanin + lips * 0.13 + 0.09 * old * fair * anatomy.wrinkle
    # Where melanin takes the light, there is little left for blood to tint.
    haemoglobin = haemoglobin * (1 - 0.45 * person.melanin[:, None].clamp(0, 1))
    return melanin, haemoglobin


def _eye(anatomy: Anatomy, person: Appearance) -> Tensor:
    """Reflectance (batch, 3, vertex) of the eyeballs by the angle from the line of sight."""
    angle = anatomy.eye_angle
    spoke = 1 + 0.16 * torch.sin(0.9 * angle) + 0.25 * ((angle - 14.0) / 10.0)
    iris = person.iris[..., None] * spoke.clamp(0.5, 1.6)
    eye = torch.where(angle < 8.7, _rgb(_PUPIL), iris)
    limbus = 0.35 * person.iris[..., None]
    eye = torch.where(angle > 21.5, limbus, eye)
    pink = ((angle - 32.0) / 40.0).clamp(0, 1) * _rgb((0.06, 0.20, 0.20))
    return torch.where(angle > 23.3, _rgb(_SCLERA) - pink, eye)


def _mottle(waves: Tensor, phase: Tensor) -> Tensor:
    """Blotches (batch, vertex), about standard normal: waves (wave, vertex) mixed by phases."""
    weights = torch.cat([phase.cos(), phase.sin()], dim=-1)
    return weights @ waves


def _rgb(values: tuple[float, float, float]) -> Tensor:
    """Three constants as a column (3, 1), to go with planes."""
    return torch.tensor(values)[:, None]


def _mix(below: Tensor, above: Tensor, share: Tensor) -> Tensor:
    """Share (vertex,) of one colour over another, (batch, 3, vertex)."""
    return below + share * (above - below)
