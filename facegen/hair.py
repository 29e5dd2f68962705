"""Hair as displaced scalp: how far each vertex is pushed out, and how much hair covers it."""

from functools import cached_property

import torch
from torch import Tensor

from facegen import growth, hair_passes
from facegen.anatomy import Anatomy
from facegen.appearance import PART_MM, Appearance
from facegen.batches import alike, array, named
from facegen.blocks import Floats, mixed
from facegen.curves import smooth_step
from facegen.device import is_plain
from facegen.growth import Style
from facegen.places import blocks, places
from facegen.regions import regions, top


class Hair:
    """How people's hair grows on an anatomy.

    Compiled where no gradients are recorded, on the CPU and in single precision, and nothing was
    seen of their skin.
    """

    def __init__(self, anatomy: Anatomy, person: Appearance, gathered: Tensor | None = None):
        """gathered: see gathered_locks; None where the anatomy's textures say it."""
        self._anatomy = anatomy
        self._person = person
        self._locks = gathered_locks(anatomy, person) if gathered is None else gathered
        self._numbers = _numbers(person)
        people = (self._locks, *self._numbers, person.hair_colour, person.brow_colour)
        is_ready = is_plain(*places(anatomy), anatomy.normals, *people) and alike(*people)
        self._is_compiled = is_ready and not person.texture
        self._style = Style(*(number[:, None] for number in self._numbers))

    def displacement(self) -> Tensor:
        """Displacements (batch, 3, vertex), mm, head frame: the volume of hair and beard."""
        if self._is_compiled:
            moved = self._empty(3)
            hair_passes.displace(*self._shared(), array(self._anatomy.normals), moved.numpy())
            return moved
        style, place, region = self._style, places(self._anatomy), regions(self._anatomy)
        push = growth.pushed(style, place, region, self._locks, self._depth)
        moved = push[:, None] * self._anatomy.normals
        moved[:, 0] += growth.pressed(style, region)
        return moved

    def cropped(self) -> Tensor:
        """Where on a head (batch, vertex) hair is too short to lie in locks, 0..1."""
        length = growth.length(self._style, top(places(self._anatomy)))
        return smooth_step(length, 7.0, 3.0) * (1 - self._style.long)

    def coverage(self) -> Tensor:
        """How much of the skin hair hides: (batch, vertex), to be clamped after interpolation.

        It is steep and runs past 0 and 1 where hair has an edge, so that the edge is sharp at any
        size of the picture, and flattens below 1 where skin shines through.
        """
        if self._is_compiled:
            cover = self._empty()
            hair_passes.cover(*self._shared(), cover.numpy())
            return cover
        style, place, region = self._style, places(self._anatomy), regions(self._anatomy)
        facial = growth.facial(style, place, region)
        if self._person.texture:
            facial = self._person.texture.shaved(facial, self._anatomy.points)
        return growth.covered(place, growth.scalp(style, place, region, self._depth), facial)

    def colours(self) -> Tensor:
        """Linear reflectance (batch, 3, vertex) of whatever hair grows at each vertex."""
        hair, brow = self._person.hair_colour, self._person.brow_colour
        if self._is_compiled:
            colours = self._empty(3)
            hair_passes.colour(*self._shared(), array(hair), array(brow), colours.numpy())
            return colours
        place, region = places(self._anatomy), regions(self._anatomy)
        tone = growth.tone(self._style, place, region, self._locks)[:, None]
        return growth.coloured(hair[..., None], brow[..., None], region.on_face, tone)

    def _shared(self) -> tuple[Floats, Floats, Floats]:
        """What all compiled forms take first."""
        styles = torch.stack(self._numbers, dim=1)
        return array(blocks(self._anatomy)), array(styles), array(self._locks)

    def _empty(self, *channels: int) -> Tensor:
        people, points = self._locks.shape
        return self._locks.new_empty((people, *channels, points))

    @cached_property
    def _depth(self) -> Tensor:
        """Signed distance (batch, vertex) in mm into these people's own hair: above its line."""
        anatomy, person = self._anatomy, self._person
        hanging: Tensor | float = 0.0
        if person.texture and person.texture.fringe is not None:
            # What was seen hangs so far below the mean hairline, and ends in locks.
            seen = person.texture.hanging(anatomy.points) * smooth_step(anatomy.around, 75.0, 50.0)
            seen = seen * (1 + 0.08 * self._locks) + self._style.hairline
            hanging = seen.clamp(0.0, 48.0)
        place, region = places(self._anatomy), regions(self._anatomy)
        return growth.depth(self._style, place, region, self._locks, hanging)


def gathered_locks(anatomy: Anatomy, person: Appearance) -> Tensor:
    """How hair gathers to locks (batch, vertex), about standard normal: a person's own."""
    weights = torch.cat([person.mottle.cos(), person.mottle.sin()], dim=-1)
    curl = person.curl[:, None]
    # Textures of straight hair and of curls at once.
    return mixed(torch.cat([(1 - curl) * weights, curl * weights], dim=-1), anatomy.locks)


def contrast(person: Appearance) -> Tensor:
    """How much of the contrast between locks is left (batch,): light gets around in fair hair."""
    return 1 / (1 + 2.5 * person.hair_colour.mean(dim=1))


def _numbers(person: Appearance) -> Style:
    """The styles of people, (batch,) each, also of what all of them share."""
    bald = 1 - person.crown
    lean = torch.deg2rad(75.0 - 58.0 * bald**2)
    style: Style = named(
        Style,
        person,
        side=person.part / PART_MM,
        bald=bald,
        lean_up=lean.cos(),
        lean_out=lean.sin(),
        old=((person.age - 38.0) / 40.0).clamp(0, 1),
        contrast=contrast(person),
    )
    return Style(*torch.broadcast_tensors(*style))  # type: ignore[no-untyped-call]
