"""Albedo of skin, lips, eyes, freckles, moles and clothes, per vertex.

facegen.pigments has the formulas.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from facegen import pigments
from facegen.anatomy import Anatomy
from facegen.appearance import Appearance
from facegen.batches import alike, array, named
from facegen.blocks import mixed
from facegen.curves import bell, smooth_step
from facegen.device import constant, is_plain
from facegen.kept import kept
from facegen.pigments import Complexion, Tone
from facegen.places import blocks, places

_SCLERA = (0.52, 0.48, 0.45)
_PUPIL = (0.012, 0.011, 0.011)
_MOUTH = (0.10, 0.035, 0.03)
_TEETH = (0.68, 0.62, 0.53)


def paint(
    anatomy: Anatomy, person: Appearance, hem: float = 9.0, textures: Tensor | None = None
) -> Tensor:
    """Linear reflectance (batch, 3, vertex) of skin, eyes and clothes, 0..1, without hair.

    hem: mm over which skin turns into cloth: no fewer than lie between vertices. textures: see
    mottled; None where the anatomy's say it. Compiled where no gradients are recorded, on the CPU
    and in single precision, and nothing was seen of the skin.
    """
    textures = mottled(anatomy, person) if textures is None else textures
    numbers, cloth = _numbers(person), person.cloth
    people = (textures, cloth, *numbers)
    is_ready = is_plain(*places(anatomy), *people) and alike(*people)
    if is_ready and not person.texture:
        colour = textures.new_empty((len(textures), 3, textures.shape[-1]))
        tones = array(torch.stack(numbers, dim=1))
        shared = array(blocks(anatomy)), tones, array(textures), array(cloth)
        pigments.paint(*shared, hem, colour.numpy())
        return _inside(colour, anatomy, person)
    tone, place = Tone(*(number[:, None] for number in numbers)), places(anatomy)
    of = _complexion(anatomy)
    blotch, fine, speckle = textures.unbind(1)
    melanin = pigments.melanin(tone, place, of, blotch, fine, speckle)[:, None]
    haemoglobin = pigments.haemoglobin(tone, place, of, blotch, fine)[:, None]
    absorbed = melanin * _rgb(anatomy, pigments.MELANIN)
    absorbed += haemoglobin * _rgb(anatomy, pigments.HAEMOGLOBIN)
    skin = bell(absorbed) * _rgb(anatomy, pigments.BASE)
    if person.texture:
        outside = (1 - anatomy.mouth) * (1 - anatomy.teeth)
        painted = _inside(skin, anatomy, person)
        skin = person.texture.tinted(painted, anatomy.points, outside)
    below = pigments.below_collar(tone, place, of)[:, None]
    light, share = pigments.cloth_light(below), pigments.cloth_share(below, hem)
    colour = pigments.clothed(skin, cloth[..., None], light, share)
    # What was seen of eyes stays.
    return colour if person.texture else _inside(colour, anatomy, person)


def below_collar(anatomy: Anatomy, person: Appearance) -> Tensor:
    """Signed distance (batch, vertex), mm, below the edge of a person's shirt."""
    tone = Tone(*(number[:, None] for number in _numbers(person)))
    return pigments.below_collar(tone, places(anatomy), _complexion(anatomy))


def mottled(anatomy: Anatomy, person: Appearance, scales: int = 3) -> Tensor:
    """Textures of skin (batch, scale, vertex), about standard normal, coarse ones first."""
    phases = ((1 + scale) * person.mottle for scale in range(scales))
    weights = (torch.cat([phase.cos(), phase.sin()], dim=-1) for phase in phases)
    pairs = zip(weights, anatomy.waves[:scales], strict=True)
    return torch.stack([mixed(weight, waves) for weight, waves in pairs], dim=1)


def _inside(colour: Tensor, anatomy: Anatomy, person: Appearance) -> Tensor:
    """Painted, in place, over a colour (batch, 3, vertex): eyes, teeth, and what lips hide."""
    some, fields = inner(anatomy), _inner(anatomy)
    shown = _mix(colour[..., some], _rgb(fields, _MOUTH), fields.mouth)
    shown = _mix(shown, _rgb(fields, _TEETH) * person.teeth[:, None, None], fields.teeth)
    return colour.index_copy_(2, some, _mix(shown, _eye(fields, person), 1 - fields.is_skin))


def _numbers(person: Appearance) -> Tone:
    """The tones of people, (batch,) each, also of what all of them share."""
    mole_x, mole_y = person.mole.unbind(1)
    tone: Tone = named(
        Tone,
        person,
        mole_x=mole_x,
        mole_y=mole_y,
        old=((person.age - 40.0) / 45.0).clamp(0, 1),
        fair=(1.2 - person.melanin).clamp(0.1, 1.0),
    )
    return Tone(*torch.broadcast_tensors(*tone))  # type: ignore[no-untyped-call]


@kept
def _complexion(anatomy: Anatomy) -> Complexion:
    return pigments.complexion(places(anatomy))


@kept
def inner(anatomy: Anatomy) -> Tensor:
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
    some = inner(anatomy)
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


def _rgb(anatomy: Anatomy | _Inner, values: tuple[float, float, float]) -> Tensor:
    """Three constants as a column (3, 1), to go with an anatomy's planes."""
    return constant(values, anatomy.points)[:, None]


def _mix(below: Tensor, above: Tensor, share: Tensor) -> Tensor:
    """Share (vertex,) of one colour over another, (batch, 3, vertex)."""
    return torch.lerp(below, above, share)
