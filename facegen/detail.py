"""Large pictures: skin and hair painted and lit at every sample instead of at the vertices.

The anatomy's fields are smooth, so they are interpolated, and what is sharp is made of them anew
at each sample: brows, irises, lips, the hairline. Strands of hair and pores, too fine for any
vertex, come in here.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from facegen import grain
from facegen.anatomy import Anatomy
from facegen.appearance import Appearance
from facegen.curves import smooth_step
from facegen.device import constant
from facegen.geometry import unit
from facegen.hair import Hair, contrast, gathered_locks
from facegen.raster import Fragments, interpolate_seen, mix
from facegen.shading import Lights, Surface, shade
from facegen.skin import mottled, paint

_AT_ONCE, _AT_ONCE_ELSEWHERE = 2**18, 2**20
"""Samples in a band of a picture: more need more memory and are no faster, on the CPU; elsewhere,
where every small operation has its price, four times as many."""

_LOCKS, _RELIEF = 0.30, 0.35
"""How much strands differ in colour, and how far their relief turns normals, radians."""

_MOTTLED, _PITTED = 0.02, 0.022
"""The same of skin."""

_BETWEEN = 0.5
"""How much light hair takes from skin that it all but covers."""

_HEM = 1.5
"""Width of a collar's edge, mm."""

_AT_VERTICES = ("normals", "strand", "strands", "locks", "waves")
"""Of an anatomy, what samples are not told: it is used at the vertices, or drawn anew."""


@dataclass(frozen=True)
class Lit:
    """A surface and its light, as facegen.shading.shade takes them, per vertex."""

    surface: Surface
    light: Tensor
    visible: Tensor | None
    opened: Tensor
    lights: Lights
    environment: Tensor | None


_Batch = TypeVar("_Batch", Lit, Surface, Appearance)


def _one(batch: _Batch, number: int) -> _Batch:
    """Item `number` of a batch, as a batch of one; what there is only one of stands for all."""
    fields = {}
    for item in dataclasses.fields(batch):
        value = getattr(batch, item.name)
        if isinstance(value, Surface):
            value = _one(value, number)
        elif isinstance(value, Tensor) and item.name not in ("occlusion", "wet"):
            value = value[number % len(value)][None]
        fields[item.name] = value
    return dataclasses.replace(batch, **fields)


class Painter:
    """Paints the samples of one head model."""

    def __init__(self, anatomy: Anatomy, combed: Tensor, spacing: float):
        """The anatomy of body and tresses, and where the latter's vertices lie in their sheet.

        combed (2, vertex): mm across and along the strands of the tresses, which come last.
        spacing: mm between samples.
        """
        self._spacing, self._anatomy = spacing, anatomy
        count = combed.shape[1]
        planes: list[Tensor] = []
        self._rows: dict[str, tuple[slice, torch.Size]] = {}
        for field in dataclasses.fields(anatomy):
            if field.name in _AT_VERTICES:
                continue
            field_plane: Tensor = getattr(anatomy, field.name)
            flat = field_plane.reshape(-1, field_plane.shape[-1])
            start = sum(plane.shape[0] for plane in planes)
            self._rows[field.name] = slice(start, start + len(flat)), field_plane.shape[:-1]
            planes.append(flat)
        bodies = combed.new_zeros(3, anatomy.points.shape[1] - count)
        tresses = torch.cat([combed.new_ones(1, count), combed])
        planes.append(torch.cat([bodies, tresses], dim=1))
        self._fields = torch.cat(planes)

    def __call__(
        self,
        lit: Lit,
        people: Appearance,
        screen: Tensor,
        faces: Tensor,
        fragments: Fragments,
        *,
        colour: bool,
    ) -> Tensor:
        """What the samples show (batch, height, width, channel), 0 at the background.

        screen, faces, fragments: as in facegen.raster.interpolate, of as many pictures as fragments
        has. Of people and of what is lit there are as many, or one for all.
        """
        return torch.cat(
            [
                self._picture(
                    _one(lit, n), _one(people, n), screen[n : n + 1], faces,
                    Fragments(fragments.face_id[n : n + 1], fragments.depth[n : n + 1]), colour,
                )
                for n in range(len(screen))
            ]
        )  # fmt: skip

    def _picture(
        self,
        lit: Lit,
        person: Appearance,
        screen: Tensor,
        faces: Tensor,
        fragments: Fragments,
        colour: bool,
    ) -> Tensor:
        lights = (lit.lights, lit.environment)
        bands = []
        for seen, share, painted in self._bands(
            lit.surface, lit.visible, person, screen, faces, fragments
        ):
            layers = shade(painted, lit.light, share, lit.opened, *lights, colour=colour)
            bands.append(_spread(mix(layers)[0], seen))
        return torch.cat(bands, dim=1)

    def reflectance(
        self, surface: Surface, people: Appearance, screen: Tensor, faces: Tensor, seen: Fragments
    ) -> Tensor:
        """What is painted on samples (batch, height, width, 7), as facegen.raster.mix takes it."""
        pictures = []
        for n in range(len(screen)):
            one = Fragments(seen.face_id[n : n + 1], seen.depth[n : n + 1])
            bands = [
                _spread(torch.cat([painted.skin[0], painted.hair[0], painted.covered]).T, where)
                for where, _, painted in self._bands(
                    _one(surface, n), None, _one(people, n), screen[n : n + 1], faces, one
                )
            ]
            pictures.append(torch.cat(bands, dim=1))
        return torch.cat(pictures)

    def _bands(
        self,
        surface: Surface,
        visible: Tensor | None,
        person: Appearance,
        screen: Tensor,
        faces: Tensor,
        fragments: Fragments,
    ) -> Iterator[tuple[Tensor, Tensor, Surface]]:
        """Yield, band by band of one picture, where somebody is seen, and what _samples finds."""
        visible = torch.ones_like(surface.covered) if visible is None else visible
        planes = [surface.normals[0], surface.strand[0], surface.hair[0], visible]
        # Textures that are mixed for this person: each takes several to interpolate before.
        mixed = [gathered_locks(self._anatomy, person), mottled(self._anatomy, person, 2)[0]]
        # Its occlusion is among the fields.
        planes += [surface.wet[None], *mixed, self._fields]
        attributes = torch.cat(planes).T[None].contiguous()
        height, width = fragments.face_id.shape[1:]
        at_once = _AT_ONCE if screen.device.type == "cpu" else _AT_ONCE_ELSEWHERE
        rows = max(1, at_once // width)
        for top in range(0, height, rows):
            band = Fragments(
                fragments.face_id[:, top : top + rows], fragments.depth[:, top : top + rows]
            )
            shifted = screen - constant((0.0, float(top), 0.0), screen)
            seen = band.face_id >= 0
            samples = interpolate_seen(attributes, shifted, faces, band)
            yield seen, *self._samples(surface, person, samples)

    def _samples(
        self, surface: Surface, person: Appearance, samples: Tensor
    ) -> tuple[Tensor, Surface]:
        """The share of the key light at samples (attribute, sample), and the surface there."""
        lit, gathered, textures = samples[:11], samples[11:12], samples[12:14]
        fields, tress = samples[14:-3], samples[-3:]
        planes = {
            name: fields[rows].reshape(*shape, -1) for name, (rows, shape) in self._rows.items()
        }
        unknown = dict.fromkeys(_AT_VERTICES, samples.new_empty(0))
        anatomy = Anatomy(**planes, **unknown)
        long = tress[0] > 0.5
        cropped = Hair(anatomy, person, gathered).cropped()[0]
        strands = grain.strands(anatomy, tress, cropped, person, self._spacing)
        anatomy = dataclasses.replace(anatomy, strands=strands)
        hair, clear = Hair(anatomy, person, gathered), contrast(person)
        specks = grain.specks(anatomy.points, person, self._spacing)
        textures = torch.cat([textures, specks[None]])[None]
        locks = lit[6:9] * (1 + _LOCKS * clear * strands)
        covered = torch.where(long, 1.0, hair.coverage())
        normals, strand = unit(lit[0:3], dim=0), unit(lit[3:6], dim=0)
        # Locks lie beside one another like rods, and skin has pores.
        pores = grain.pores(anatomy.points, self._spacing)
        skin = anatomy.is_skin * (anatomy.cloth < 0)
        pitted = 1 + _MOTTLED * skin * pores[0]
        # Hair of the head keeps light off the skin that looks out between its strands.
        shaded = 1 - _BETWEEN * covered.clamp(0, 1) * smooth_step(anatomy.scalp, -14.0, 0.0)
        relief = _PITTED * skin * pores
        rods = _RELIEF * clear * strands * torch.linalg.cross(normals, strand, dim=0)
        relief = relief + covered.clamp(0, 1) * (rods - relief)
        colour = paint(anatomy, person, _HEM, textures) * pitted * shaded[:, None]
        painted = Surface(
            normals=unit(normals + relief, dim=0)[None],
            strand=strand[None],
            skin=torch.where(long, locks, colour),
            hair=torch.where(long, locks, hair.colours()),
            covered=covered,
            gloss=surface.gloss,
            occlusion=anatomy.occlusion,
            wet=lit[10],
        )
        return lit[9:10], painted


def _spread(values: Tensor, seen: Tensor) -> Tensor:
    """Values (sample, channel) where seen (1, height, width), and 0 elsewhere, as a picture."""
    empty = values.new_zeros((*seen.shape, values.shape[1]))
    return torch.index_put(empty, (seen,), values)
