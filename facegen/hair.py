"""Hair as displaced scalp: how far each vertex is pushed out, and how much hair covers it."""

import torch
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.appearance import PART_MM, Appearance
from facegen.curtain import TOP
from facegen.curves import bell, smooth_step

_RUN_OUT = 5.0
"""How far from under a sheet of hair single ones reach, mm."""


def displace(anatomy: Anatomy, person: Appearance) -> Tensor:
    """Displacements (batch, 3, vertex) in mm, head frame, that give hair and beard their volume."""
    depth = _depth(anatomy, person)
    top = smooth_step(anatomy.points[1], 20.0, 75.0)
    # Right above the head's axis all directions meet: nothing may depend on them there.
    from_axis = torch.hypot(anatomy.points[0], anatomy.points[2] - TOP[2])
    front = top * smooth_step(anatomy.around, 75.0, 30.0) * smooth_step(from_axis, 5.0, 50.0)
    thickness = _length(anatomy, person)
    thickness = thickness + person.quiff[:, None] * front
    # A parting: a groove from the forehead to behind the crown.
    across = (anatomy.points[0] - person.part[:, None]) / 9.0
    groove = bell(across**2) * front * (1 - person.curl[:, None])
    # Straight hair lies in locks, curls make tufts.
    # However long hair stands, a mesh can only draw tufts of a few mm: higher ones have corners.
    tufts = (0.10 + 0.03 * person.curl[:, None]) * locks(anatomy, person) / (1 + thickness / 20.0)
    thickness = thickness * (1 - 0.4 * groove + tufts)
    # At the forehead hair rises within a few mm, at the nape it tapers.
    rise = 11.0 + 15.0 * smooth_step(anatomy.around, 25.0, 70.0) * (1 - 0.6 * person.curl[:, None])
    grown = smooth_step(depth / rise, 0.0, 1.0) * (1 - smooth_step(anatomy.ear, 0.05, 0.5))
    push = thickness * grown
    lift = _bump(anatomy.points, (0.0, 88.0, -55.0), 46.0) * 11.0 * person.lift[:, None]
    beard = smooth_step(_beard(anatomy, person), 0.0, 16.0) * person.beard_length[:, None]
    furrow = 0.7 * ((person.age - 38.0) / 40.0).clamp(0, 1)[:, None] * anatomy.wrinkle
    moved = (push + lift + beard - furrow)[:, None] * anatomy.normals
    # Loose hair presses the ears to the head.
    side = anatomy.points[0]
    tucked = (side.sign() * 69.0 - side) * (side.abs() > 69.0) * smooth_step(anatomy.ear, 0.0, 0.3)
    worn = (person.long * (1 - person.tied))[:, None] * tucked
    return torch.cat([moved[:, :1] + worn[:, None], moved[:, 1:]], dim=1)


def cropped(anatomy: Anatomy, person: Appearance) -> Tensor:
    """Where on a head (batch, vertex) hair is too short to lie in locks, 0..1."""
    return smooth_step(_length(anatomy, person), 7.0, 3.0) * (1 - person.long[:, None])


def locks(anatomy: Anatomy, person: Appearance) -> Tensor:
    """How hair gathers to locks (batch, vertex), about standard normal: a person's own."""
    weights = torch.cat([person.mottle.cos(), person.mottle.sin()], dim=-1)
    curl = person.curl[:, None]
    # One product with both textures is faster than two.
    both = torch.cat([(1 - curl) * weights, curl * weights], dim=-1)
    return both @ anatomy.locks


def contrast(person: Appearance) -> Tensor:
    """How much of the contrast between locks is left (batch,): light gets around in fair hair."""
    return 1 / (1 + 2.5 * person.hair_colour.mean(dim=1))


def coverage(anatomy: Anatomy, person: Appearance) -> Tensor:
    """How much of the skin hair hides: (batch, vertex), to be clamped to 0..1 after interpolation.

    It is steep and runs past 0 and 1 where hair has an edge, so that the edge is sharp at any size
    of the picture, and flattens below 1 where skin shines through.
    """
    depth = _depth(anatomy, person)
    # Loose hair's sheet meets the skin in triangles: hair of the scalp's own runs out below it.
    side = (person.part / PART_MM)[:, None]
    sheet = anatomy.sheet[0] + side * (anatomy.sheet[1] + side * anatomy.sheet[2])
    loose = (person.long * (1 - person.tied))[:, None]
    depth = torch.maximum(depth, sheet + _RUN_OUT - 200.0 * (1 - loose))
    # Short hair fades out towards ears and nape, curls less so.
    straight = 1 - 0.5 * person.curl[:, None]
    edge = straight * (15.0 + 2 * person.fade[:, None] * smooth_step(anatomy.around, 42.0, 72.0))
    scalp = person.density[:, None] * (depth / edge).clamp(max=1)
    # Hair that is combed back begins softly, a fringe ends in locks.
    back = person.long * smooth_step(person.fringe, 8.0, 0.0)
    ragged = (0.10 * person.density - 0.02) * (1 - 0.6 * back)
    scalp = scalp + ragged[:, None] * anatomy.strands
    scalp = scalp - 3.0 * smooth_step(anatomy.ear, 0.15, 0.5)

    # The brow: its own thickness, raised in the middle by the arch, thinning outwards.
    thick = person.brow_thickness[:, None]
    arch = person.brow_arch[:, None] * torch.sin(torch.pi * anatomy.brow_along)
    inside = anatomy.brow + anatomy.brow_rise.abs() - (anatomy.brow_rise - arch).abs()
    brow = (inside + 3.2 * (thick - 1.0)) / 3.0 + 0.35
    # Its inner end begins with single hairs.
    dense = 0.8 - 0.25 * anatomy.brow_along - 0.35 * smooth_step(anatomy.brow_along, 0.22, 0.0)
    brow = torch.minimum(brow, dense) + 0.18 * anatomy.strands

    # Stubble lets the skin through and has no edge, a full beard hardly.
    full = person.beard[:, None]
    cheeks = _beard(anatomy, person) / (34.0 - 19.0 * full) + 0.12 * anatomy.waves[1, 1] - 0.1
    grown = torch.maximum(cheeks, anatomy.moustache / (8.0 - 3.0 * full) - 0.1)
    beard = torch.minimum(grown, 0.9 * full - 0.08) + 0.25 * (1.2 - full) * full * anatomy.strands
    lash = 0.85 * anatomy.lash.expand_as(depth)
    facial = torch.maximum(brow, torch.maximum(beard, lash))
    if person.texture:
        facial = person.texture.shaved(facial, anatomy.points)
    covered = torch.maximum(scalp, facial)
    return torch.where(anatomy.is_skin > 0.5, covered, -1.0).clamp(-2.0, 3.0)


def hair_colours(anatomy: Anatomy, person: Appearance) -> Tensor:
    """Linear reflectance (batch, 3, vertex) of whatever hair grows at each vertex."""
    on_face = torch.maximum(smooth_step(anatomy.brow, -8.0, -4.0), anatomy.lash)
    on_face = torch.maximum(on_face, 0.7 * smooth_step(anatomy.beard, -6.0, 0.0))
    on_face = torch.maximum(on_face, 0.7 * smooth_step(anatomy.moustache, -6.0, 0.0))
    change = person.brow_colour - person.hair_colour
    colour = person.hair_colour[..., None] + on_face * change[..., None]
    # A head of hair is not one flat tone, and little light gets down to its edges.
    edge = 1 - 0.3 * bell(((anatomy.scalp - 2.0) / 13.0) ** 2)
    mixed = contrast(person)[:, None]
    mixed = mixed + on_face * (1 - mixed)
    tone = (1 + 0.16 * locks(anatomy, person)) * (1 + 0.26 * mixed * anatomy.strands)
    tone = edge * tone
    # Lashes stand close, and shade one another.
    return colour * (tone * (1 - 0.85 * anatomy.lash))[:, None]


def _length(anatomy: Anatomy, person: Appearance) -> Tensor:
    """How far (batch, vertex) hair stands out, mm: between what it is at the sides and on top."""
    top = smooth_step(anatomy.points[1], 20.0, 75.0)
    return person.sides[:, None] + (person.volume - person.sides)[:, None] * top


def _depth(anatomy: Anatomy, person: Appearance) -> Tensor:
    """Signed distance (batch, vertex) in mm into this person's own hair: above its line."""
    frontal = smooth_step(anatomy.around, 75.0, 40.0)
    bald = 1 - person.crown[:, None]
    temple = bell(((anatomy.around - 33.0) / 14.0) ** 2)
    peak = bell((anatomy.around / 9.0) ** 2)
    height = anatomy.points[1]
    recession = person.recession[:, None]
    # A fringe is combed over from the parting; short hairs begin and end at uneven heights.
    uneven = 1.5 * (1 - person.long[:, None]) + 0.07 * person.fringe[:, None]
    slant = 1 - 0.3 * (person.part / PART_MM)[:, None] * torch.sin(anatomy.points[0] / 35.0)
    fringe = person.fringe[:, None] * slant * smooth_step(anatomy.around, 56.0, 26.0)
    if person.texture and person.texture.fringe is not None:
        # What was seen hangs so far below the mean hairline, and ends in locks.
        seen = person.texture.hanging(anatomy.points) * smooth_step(anatomy.around, 75.0, 50.0)
        seen = seen * (1 + 0.08 * locks(anatomy, person)) + person.hairline[:, None]
        fringe = fringe + seen.clamp(0.0, 48.0)
    above = (
        anatomy.scalp
        - person.hairline[:, None] * frontal
        + fringe
        + uneven * locks(anatomy, person) * frontal
        - 2.2 * recession * temple
        + 0.35 * recession * peak
    )
    # Who goes bald keeps what is below a plane: it comes in from the forehead and over the crown,
    # and leans back less and less, until a wreath is left, which ends above the ears.
    temples = smooth_step(anatomy.around, 84.0, 56.0) * smooth_step(anatomy.around, 22.0, 50.0)
    temples = temples * smooth_step(height, 5.0, 30.0) * smooth_step(height, 95.0, 65.0)
    above = above - 45.0 * smooth_step(bald, 0.2, 0.7) * temples
    lean = torch.deg2rad(75.0 - 58.0 * bald**2)
    kept = 150.0 - 114.0 * bald - lean.cos() * anatomy.points[1] - lean.sin() * anatomy.points[2]
    # There hair thins out over more of the skin than at a line.
    return torch.minimum(above, 0.8 * kept)


def _beard(anatomy: Anatomy, person: Appearance) -> Tensor:
    """Signed distance (batch, vertex) in mm into this person's own beard."""
    return anatomy.beard - 40.0 * person.goatee[:, None] * smooth_step(anatomy.around, 14.0, 44.0)


def _bump(points: Tensor, centre: tuple[float, float, float], radius: float) -> Tensor:
    squared = ((points - torch.tensor(centre)[:, None]) ** 2).sum(dim=0)
    return bell(squared / radius**2)
