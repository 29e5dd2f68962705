"""Albedo: pigments in optical density, lips, eyes, freckles, moles and clothes, per vertex.

Skin colour follows absorption: reflectance = base * exp(-melanin * m - haemoglobin * h), with m and
h per colour channel; everything that makes skin darker or redder only changes the two amounts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.appearance import Appearance
from facegen.curves import bell, smooth_step
from facegen.device import constant
from facegen.kept import kept

_BASE = (0.90, 0.71, 0.59)
_MELANIN = (1.75, 2.35, 2.85)
_HAEMOGLOBIN = (0.18, 1.00, 0.80)
_SCLERA = (0.52, 0.48, 0.45)
_PUPIL = (0.012, 0.011, 0.011)
_MOUTH = (0.10, 0.035, 0.03)
_TEETH = (0.80, 0.72, 0.60)


def paint(anatomy: Anatomy, person: Appearance, hem: float = 9.0) -> Tensor:
    """Linear reflectance (batch, 3, vertex) of skin, eyes and clothes, 0..1, without hair.

    hem: mm over which skin turns into cloth: no fewer than lie between vertices.
    """
    melanin, haemoglobin = _pigments(anatomy, person)
    # In place, as below: all people's planes together are more than a near cache holds.
    transparency = melanin[:, None] * -_rgb(anatomy, _MELANIN)
    transparency -= haemoglobin[:, None] * _rgb(anatomy, _HAEMOGLOBIN)
    colour = transparency.exp_() * _rgb(anatomy, _BASE)
    some, inner = within(anatomy), _inner(anatomy)
    shown = _mix(colour[..., some], _rgb(inner, _MOUTH), inner.mouth)
    shown = _mix(shown, _rgb(inner, _TEETH) * person.teeth[:, None, None], inner.teeth)
    colour.index_copy_(2, some, _mix(shown, _eye(inner, person), 1 - inner.is_skin))
    if person.texture:
        outside = (1 - anatomy.mouth) * (1 - anatomy.teeth)
        colour = person.texture.tinted(colour, anatomy.points, outside)
    depth = anatomy.cloth + person.collar[:, None] - person.neckline[:, None] * _breast(anatomy)
    # A collar's rim is sewn double: a seam runs below it.
    seam = 1 - 0.22 * bell(((depth - 9.0) / 1.6) ** 2)
    cloth = person.cloth[..., None] * seam[:, None]
    return colour.lerp_(cloth, (depth / hem).add_(0.5).clamp_(0, 1)[:, None])


def _pigments(anatomy: Anatomy, person: Appearance) -> tuple[Tensor, Tensor]:
    """Amounts of melanin and haemoglobin, (batch, vertex) each."""
    old = ((person.age - 40.0) / 45.0).clamp(0, 1)[:, None]
    blotch, fine, speckle = (
        _mottle(waves, (1 + scale) * person.mottle) for scale, waves in enumerate(anatomy.waves)
    )
    fair = (1.2 - person.melanin[:, None]).clamp(0.1, 1.0)

    melanin = (0.03 * blotch).add_(1).add_(0.02 * fine).mul_(person.melanin[:, None])
    spots = (speckle - 1.1).add_(0.3 * fine).clamp_(0, 1.0)
    melanin += spots.mul_(0.17).mul_(_freckled(anatomy)).mul_(person.freckles[:, None])
    melanin += (speckle + blotch).sub_(1.6).clamp_(0, 0.6).mul_(0.10 * old * fair)
    melanin += (0.05 + 0.10 * old) * anatomy.hollow
    melanin += 0.06 * anatomy.lid
    melanin += 0.8 * anatomy.nostril
    across, up = (anatomy.points[k] - person.mole[:, k, None] for k in range(2))
    mole = bell((across**2 + up**2).div_(1.8)) * (anatomy.points[2] > 40)
    melanin += person.mole_depth[:, None] * mole

    haemoglobin = (0.10 * blotch).add_(0.8 + 0.75 * anatomy.blush).add_(0.05 * fine)
    haemoglobin *= person.haemoglobin[:, None]
    haemoglobin += (0.10 + 0.06 * old) * anatomy.hollow
    haemoglobin += 0.07 * anatomy.lid
    lips = _lips(anatomy)
    # Lips are darker than the skin around them, and where that is dark, hardly redder.
    haemoglobin += lips * (0.24 + person.lips[:, None])
    melanin += 0.04 * lips
    melanin += 0.09 * old * fair * anatomy.wrinkle
    haemoglobin += _creased(anatomy)
    # Where melanin takes the light, there is little left for blood to tint.
    haemoglobin *= 1 - 0.45 * person.melanin[:, None].clamp(0, 1)
    return melanin, haemoglobin


@kept
def within(anatomy: Anatomy) -> Tensor:
    """The indices of what is not skin alone: eyes, teeth, and what lies behind the lips."""
    is_within = (anatomy.mouth > 0) | (anatomy.teeth > 0) | (anatomy.is_skin < 1)
    return is_within.nonzero()[:, 0]


@dataclass(frozen=True)
class _Inner:
    """What is asked of an anatomy within: its fields there."""

    points: Tensor
    is_skin: Tensor
    eye_angle: Tensor
    mouth: Tensor
    teeth: Tensor
    strands: Tensor


@kept
def _inner(anatomy: Anatomy) -> _Inner:
    some = within(anatomy)
    return _Inner(*(getattr(anatomy, field)[..., some] for field in _Inner.__dataclass_fields__))


def _eye(anatomy: _Inner, person: Appearance) -> Tensor:
    """Reflectance (batch, 3, vertex) of the eyeballs by the angle from the line of sight."""
    iris = _streaks(anatomy) * person.iris[..., None]
    # Dark skin goes with less white eyes.
    return _lidded(anatomy) * (_ball(anatomy) * (1 - 0.3 * person.melanin[:, None, None]) + iris)


@kept
def _ball(anatomy: _Inner) -> Tensor:
    """Reflectance (3, vertex) of the eyeballs without their irises."""
    angle = anatomy.eye_angle
    pink = ((angle - 30.0) / 40.0).clamp(0, 1) * _rgb(anatomy, (0.06, 0.22, 0.22))
    white = (_rgb(anatomy, _SCLERA) - pink) * smooth_step(angle, 22.0, 24.0)
    return white + _rgb(anatomy, _PUPIL) * (1 - smooth_step(angle, 22.0, 24.0))


@kept
def _streaks(anatomy: _Inner) -> Tensor:
    angle = anatomy.eye_angle
    # An iris is brightest around the pupil and dark at its rim.
    spoke = 1 + 0.30 * anatomy.strands + 0.10 * torch.sin(0.9 * angle) - 0.022 * (angle - 15.0)
    ring = smooth_step(angle, 8.2, 9.2) * (1 - smooth_step(angle, 22.0, 24.0))
    rim = 1 - 0.65 * smooth_step(angle, 19.5, 22.6)
    return ring * rim * spoke.clamp(0.3, 1.8)


@kept
def _lidded(anatomy: _Inner) -> Tensor:
    # The upper lid and its lashes keep the light off the ball below them.
    return (
        1
        - 0.6 * smooth_step(anatomy.points[1], -0.5, 4.0)
        - 0.2 * smooth_step(anatomy.points[1], -4.0, -7.0)
    )


@kept
def _breast(anatomy: Anatomy) -> Tensor:
    return bell((anatomy.points[0] / 34.0) ** 2) * smooth_step(anatomy.points[2], -40.0, 40.0)


@kept
def _freckled(anatomy: Anatomy) -> Tensor:
    return bell(((anatomy.points[1] + 25.0) / 30.0) ** 2) * (anatomy.points[2] > 25)


@kept
def _lips(anatomy: Anatomy) -> Tensor:
    return ((anatomy.lips - 0.15) / 0.75).clamp(0, 1)


@kept
def _creased(anatomy: Anatomy) -> Tensor:
    # Light that gets into a crease comes out of it red: it has met skin more than once.
    return 0.35 * (0.8 - anatomy.occlusion).clamp(0, 0.4)


def _mottle(waves: Tensor, phase: Tensor) -> Tensor:
    """Blotches (batch, vertex), about standard normal: waves (wave, vertex) mixed by phases."""
    weights = torch.cat([phase.cos(), phase.sin()], dim=-1)
    return weights @ waves


def _rgb(anatomy: Anatomy | _Inner, values: tuple[float, float, float]) -> Tensor:
    """Three constants as a column (3, 1), to go with an anatomy's planes."""
    return constant(values, anatomy.points)[:, None]


def _mix(below: Tensor, above: Tensor, share: Tensor) -> Tensor:
    """Share (vertex,) of one colour over another, (batch, 3, vertex)."""
    return torch.lerp(below, above, share)
