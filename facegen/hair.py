"""Hair as displaced scalp: how far each vertex is pushed out, and how much hair covers it.

Sums are made in place: all people's planes together are more than a near cache holds.
"""

from functools import cached_property

import torch
from torch import Tensor

from facegen import regions
from facegen.anatomy import Anatomy
from facegen.appearance import PART_MM, Appearance
from facegen.curves import bell, smooth_step

_RUN_OUT = 5.0
"""How far from under a sheet of hair single ones reach, mm."""


class Hair:
    """How people's hair grows on an anatomy; what several rules need is worked out once."""

    def __init__(self, anatomy: Anatomy, person: Appearance):
        self._anatomy = anatomy
        self._person = person

    def displacement(self) -> Tensor:
        """Displacements (batch, 3, vertex), mm, head frame: the volume of hair and beard."""
        anatomy, person = self._anatomy, self._person
        front = regions.front(anatomy)
        thickness = person.quiff[:, None] * front
        thickness += self._length
        # A parting: a groove from the forehead to behind the crown.
        across = (anatomy.points[0] - person.part[:, None]).div_(9.0)
        groove = bell(across**2) * front
        groove *= 1 - person.curl[:, None]
        # Straight hair lies in locks, curls make tufts.
        # However long hair stands, a mesh can only draw tufts of a few mm: higher have corners.
        tufts = (0.10 + 0.03 * person.curl[:, None]) * self._locks
        tufts /= 1 + thickness / 20.0
        thickness *= (1 - 0.4 * groove).add_(tufts)
        # At the forehead hair rises within a few mm, at the nape it tapers.
        rise = 11.0 + regions.backwards(anatomy) * (1 - 0.6 * person.curl[:, None])
        push = smooth_step(self._depth / rise, 0.0, 1.0) * regions.off_ears(anatomy)
        push *= thickness
        push += regions.lift(anatomy) * person.lift[:, None]
        push += smooth_step(self._beard, 0.0, 16.0) * person.beard_length[:, None]
        push -= 0.7 * ((person.age - 38.0) / 40.0).clamp(0, 1)[:, None] * anatomy.wrinkle
        moved: Tensor = push[:, None] * anatomy.normals
        # Loose hair presses the ears to the head.
        moved[:, 0] += (person.long * (1 - person.tied))[:, None] * regions.tucked(anatomy)
        return moved

    def cropped(self) -> Tensor:
        """Where on a head (batch, vertex) hair is too short to lie in locks, 0..1."""
        return smooth_step(self._length, 7.0, 3.0) * (1 - self._person.long[:, None])

    def coverage(self) -> Tensor:
        """How much of the skin hair hides: (batch, vertex), to be clamped after interpolation.

        It is steep and runs past 0 and 1 where hair has an edge, so that the edge is sharp at any
        size of the picture, and flattens below 1 where skin shines through.
        """
        anatomy, person = self._anatomy, self._person
        facial = self._facial()
        if person.texture:
            facial = person.texture.shaved(facial, anatomy.points)
        covered = torch.maximum(self._scalp(), facial)
        return torch.where(anatomy.is_skin > 0.5, covered, -1.0).clamp_(-2.0, 3.0)

    def _scalp(self) -> Tensor:
        """Coverage by the hair of the head."""
        anatomy, person = self._anatomy, self._person
        # Loose hair's sheet meets the skin in triangles: hair of the scalp's own runs out below it.
        side = (person.part / PART_MM)[:, None]
        sheet = anatomy.sheet[0] + side * (anatomy.sheet[1] + side * anatomy.sheet[2])
        loose = (person.long * (1 - person.tied))[:, None]
        depth = torch.maximum(self._depth, sheet + _RUN_OUT - 200.0 * (1 - loose))
        # Short hair fades out towards ears and nape, curls less so.
        straight = 1 - 0.5 * person.curl[:, None]
        edge = straight * (15.0 + 2 * person.fade[:, None] * regions.sides(anatomy))
        scalp = person.density[:, None] * (depth / edge).clamp_(max=1)
        # Hair that is combed back begins softly, a fringe ends in locks.
        back = person.long * smooth_step(person.fringe, 8.0, 0.0)
        ragged = (0.10 * person.density - 0.02) * (1 - 0.6 * back)
        scalp += ragged[:, None] * anatomy.strands
        scalp -= regions.on_ears(anatomy)
        return scalp

    def _facial(self) -> Tensor:
        """Coverage by brows, beard and lashes."""
        anatomy, person = self._anatomy, self._person
        # The brow: its own thickness, raised in the middle by the arch, thinning outwards.
        thick = person.brow_thickness[:, None]
        arch = person.brow_arch[:, None] * regions.brow_bow(anatomy)
        inside = regions.brow_height(anatomy) - (anatomy.brow_rise - arch).abs_()
        brow = inside.add_(3.2 * (thick - 1.0)).div_(3.0).add_(0.35)
        brow = torch.minimum(brow, regions.brow_density(anatomy)).add_(0.18 * anatomy.strands)

        # Stubble lets the skin through and has no edge, a full beard hardly.
        full = person.beard[:, None]
        cheeks = (self._beard / (34.0 - 19.0 * full)).add_(0.12 * anatomy.waves[1, 1]).sub_(0.1)
        grown = torch.maximum(cheeks, (anatomy.moustache / (8.0 - 3.0 * full)).sub_(0.1))
        rough = 0.25 * (1.2 - full) * full * anatomy.strands
        beard = torch.minimum(grown, 0.9 * full - 0.08).add_(rough)
        return torch.maximum(brow, torch.maximum(beard, (0.85 * anatomy.lash).expand_as(beard)))

    def colours(self) -> Tensor:
        """Linear reflectance (batch, 3, vertex) of whatever hair grows at each vertex."""
        anatomy, person = self._anatomy, self._person
        on_face = regions.on_face(anatomy)
        change = person.brow_colour - person.hair_colour
        colour = on_face * change[..., None]
        colour += person.hair_colour[..., None]
        mixed = contrast(person)[:, None]
        mixed = mixed + on_face * (1 - mixed)
        tone = (1 + 0.16 * self._locks) * (1 + 0.26 * mixed * anatomy.strands)
        tone *= regions.thin(anatomy)
        # Lashes stand close, and shade one another.
        colour *= (tone * (1 - 0.85 * anatomy.lash))[:, None]
        return colour

    @cached_property
    def _locks(self) -> Tensor:
        """How hair gathers to locks (batch, vertex), about standard normal: a person's own."""
        person = self._person
        weights = torch.cat([person.mottle.cos(), person.mottle.sin()], dim=-1)
        curl = person.curl[:, None]
        # One product with both textures is faster than two.
        both = torch.cat([(1 - curl) * weights, curl * weights], dim=-1)
        return both @ self._anatomy.locks

    @cached_property
    def _length(self) -> Tensor:
        """How far (batch, vertex) hair stands out, mm: between at the sides and on top."""
        person = self._person
        up = (person.volume - person.sides)[:, None] * regions.top(self._anatomy)
        return person.sides[:, None] + up

    @cached_property
    def _beard(self) -> Tensor:
        """Signed distance (batch, vertex) in mm into these people's own beards."""
        beard: Tensor = self._anatomy.beard
        return beard - 40.0 * self._person.goatee[:, None] * regions.off_chin(self._anatomy)

    @cached_property
    def _depth(self) -> Tensor:
        """Signed distance (batch, vertex) in mm into these people's own hair: above its line."""
        anatomy, person = self._anatomy, self._person
        frontal = regions.frontal(anatomy)
        bald = 1 - person.crown[:, None]
        recession = person.recession[:, None]
        # A fringe is combed over from the parting; short hairs begin and end at uneven heights.
        uneven = 1.5 * (1 - person.long[:, None]) + 0.07 * person.fringe[:, None]
        slant = 1 - 0.3 * (person.part / PART_MM)[:, None] * regions.slant(anatomy)
        fringe = person.fringe[:, None] * slant * regions.forehead(anatomy)
        if person.texture and person.texture.fringe is not None:
            # What was seen hangs so far below the mean hairline, and ends in locks.
            seen = person.texture.hanging(anatomy.points) * smooth_step(anatomy.around, 75.0, 50.0)
            seen = seen * (1 + 0.08 * self._locks) + person.hairline[:, None]
            fringe = fringe + seen.clamp(0.0, 48.0)
        above = anatomy.scalp - person.hairline[:, None] * frontal
        above += fringe
        above += uneven * self._locks * frontal
        above -= 2.2 * recession * regions.temple(anatomy)
        above += 0.35 * recession * regions.peak(anatomy)
        # Who goes bald keeps what is below a plane: it comes in from the forehead and over the
        # crown, and leans back less and less, until a wreath is left, which ends above the ears.
        above -= 45.0 * smooth_step(bald, 0.2, 0.7) * regions.temples(anatomy)
        lean = torch.deg2rad(75.0 - 58.0 * bald**2)
        left = 150.0 - 114.0 * bald - lean.cos() * anatomy.points[1]
        left -= lean.sin() * anatomy.points[2]
        # There hair thins out over more of the skin than at a line.
        return torch.minimum(above, left.mul_(0.8))


def contrast(person: Appearance) -> Tensor:
    """How much of the contrast between locks is left (batch,): light gets around in fair hair."""
    return 1 / (1 + 2.5 * person.hair_colour.mean(dim=1))
