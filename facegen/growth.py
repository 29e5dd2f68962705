"""The formulas of how hair grows on a head.

One text, two uses: facegen.hair applies them to tensors, facegen.hair_passes compiles them; see
facegen.raster.jit.formula.
"""

from typing import NamedTuple

from torch import Tensor

from facegen.curves import at_most, bell, choose, larger, smaller, smooth_step, within
from facegen.places import Place
from facegen.regions import Region

_ROUND = 40.0
"""How many mm before the corner of two hairlines one bends into the other."""

_RUN_OUT = 5.0
"""How far from under a sheet of hair single ones reach, mm."""


class Style(NamedTuple):
    """What facegen.appearance.Appearance says of hair, numbers of one person.

    side: the parting's, from -1 to 1. old: 0 up to 38 years .. 1 at 78. lean_up, lean_out: the
    cosine and sine of how far what the bald keep leans back.
    """

    volume: Tensor
    sides: Tensor
    quiff: Tensor
    part: Tensor
    side: Tensor
    lift: Tensor
    curl: Tensor
    fringe: Tensor
    long: Tensor
    tied: Tensor
    hairline: Tensor
    recession: Tensor
    density: Tensor
    bald: Tensor
    lean_up: Tensor
    lean_out: Tensor
    fade: Tensor
    brow_thickness: Tensor
    brow_arch: Tensor
    beard: Tensor
    beard_length: Tensor
    goatee: Tensor
    old: Tensor
    contrast: Tensor


def length(style: Style, top: Tensor) -> Tensor:
    """How far hair of the head stands out, mm, where a point is 0 at the sides .. 1 on top."""
    return style.sides + (style.volume - style.sides) * top


def bearded(style: Style, place: Place, region: Region) -> Tensor:
    """Signed distance in mm into a person's own beard."""
    return place.beard - 40.0 * style.goatee * region.off_chin


def depth(
    style: Style, place: Place, region: Region, locks: Tensor, hanging: Tensor | float
) -> Tensor:
    """Signed distance in mm into a person's own hair: above its line.

    locks: how hair gathers to locks, about standard normal. hanging: mm by which it was seen to
    hang below that.
    """
    # A fringe is combed over from the parting; short hairs begin and end at uneven heights.
    uneven = 1.5 * (1.0 - style.long) + 0.07 * style.fringe
    slant = 1.0 - 0.3 * style.side * region.slant
    above = place.scalp - style.hairline * region.frontal
    above += style.fringe * slant * region.forehead
    above += hanging
    above += uneven * locks * region.frontal
    above -= 2.2 * style.recession * region.temple
    above += 0.35 * style.recession * region.peak
    # Who goes bald keeps what is below a plane: it comes in from the forehead and over the
    # crown, and leans back less and less, until a wreath is left, which ends above the ears.
    above -= 45.0 * smooth_step(style.bald, 0.2, 0.7) * region.temples
    left = 150.0 - 114.0 * style.bald - style.lean_up * place.y
    left -= style.lean_out * place.z
    # At the plane hair thins out over twice as much of the skin as at a line, and raggedly.
    left = 0.5 * (left + 4.0 * locks)
    # The plane and the receding temple's line would meet in a corner.
    corner = larger(_ROUND - abs(above - left), 0.0 * left)
    return smaller(above, left) - corner * corner / (4.0 * _ROUND)


def pushed(style: Style, place: Place, region: Region, locks: Tensor, depth: Tensor) -> Tensor:
    """How far hair and beard stand out along the skin's normal, mm."""
    thickness = length(style, region.top)
    thickness += style.quiff * region.front
    # A parting: a groove from the forehead to behind the crown.
    groove = bell(((place.x - style.part) / 9.0) ** 2) * region.front
    groove *= 1.0 - style.curl
    # Straight hair lies in locks, curls make tufts.
    # However long hair stands, a mesh can only draw tufts of a few mm: higher have corners.
    tufts = (0.10 + 0.03 * style.curl) * locks
    tufts /= 1.0 + thickness / 20.0
    thickness *= 1.0 - 0.4 * groove + tufts
    # At the forehead hair rises within a few mm, at the nape it tapers.
    rise = 11.0 + region.backwards * (1.0 - 0.6 * style.curl)
    push = smooth_step(depth / rise, 0.0, 1.0) * region.off_ears
    push *= thickness
    push += region.lift * style.lift
    push += smooth_step(bearded(style, place, region), 0.0, 16.0) * style.beard_length
    push -= 0.7 * style.old * place.wrinkle
    return push


def pressed(style: Style, region: Region) -> Tensor:
    """How far loose hair presses ears to the head, mm to the right."""
    return style.long * (1.0 - style.tied) * region.tucked


def scalp(style: Style, place: Place, region: Region, depth: Tensor) -> Tensor:
    """How much of the skin hair of the head hides: see facegen.hair.Hair.coverage."""
    # Loose hair's sheet meets the skin in triangles: hair of the scalp's own runs out below it.
    sheet = place.sheet + style.side * (place.sheet_aside + style.side * place.sheet_far)
    loose = style.long * (1.0 - style.tied)
    inside = larger(depth, sheet + (_RUN_OUT - 200.0 * (1.0 - loose)))
    # Short hair fades out towards ears and nape, curls less so.
    straight = 1.0 - 0.5 * style.curl
    edge = straight * (15.0 + 2.0 * style.fade * region.beside)
    cover = style.density * at_most(inside / edge, 1.0)
    # Hair that is combed back begins softly, a fringe ends in locks.
    back = style.long * smooth_step(style.fringe, 8.0, 0.0)
    ragged = (0.10 * style.density - 0.02) * (1.0 - 0.6 * back)
    cover += ragged * place.strands
    cover -= region.on_ears
    return cover


def facial(style: Style, place: Place, region: Region) -> Tensor:
    """The same of brows, beard and lashes."""
    # The brow: its own thickness, raised in the middle by the arch, thinning outwards.
    brow = region.brow_height - abs(place.brow_rise - style.brow_arch * region.brow_bow)
    brow = (brow + 3.2 * (style.brow_thickness - 1.0)) / 3.0 + 0.35
    brow = smaller(brow, region.brow_density) + 0.22 * place.strands
    # Stubble lets the skin through and has no edge, a full beard hardly.
    full = style.beard
    cheeks = bearded(style, place, region) / (34.0 - 19.0 * full) + (0.12 * place.uneven - 0.1)
    grown = larger(cheeks, place.moustache / (8.0 - 3.0 * full) - 0.1)
    rough = 0.25 * (1.2 - full) * full * place.strands
    hairs = smaller(grown, 0.9 * full - 0.08) + rough
    return larger(brow, larger(hairs, 0.85 * place.lash))


def covered(place: Place, scalp: Tensor, facial: Tensor) -> Tensor:
    """Both together: see facegen.hair.Hair.coverage."""
    return choose(place.is_skin > 0.5, within(larger(scalp, facial), -2.0, 3.0), -1.0)


def tone(style: Style, place: Place, region: Region, locks: Tensor) -> Tensor:
    """A factor of hair's colour."""
    mixed = style.contrast + region.on_face * (1.0 - style.contrast)
    tone = (1.0 + 0.16 * locks) * (1.0 + 0.26 * mixed * place.strands)
    # Lashes stand close, and shade one another.
    return tone * (region.thin * (1.0 - 0.85 * place.lash))


def coloured(hair: Tensor, brow: Tensor, on_face: Tensor, tone: Tensor) -> Tensor:
    """Linear reflectance of whatever hair grows, a channel at a time; hair, brow: of a person."""
    return (hair + on_face * (brow - hair)) * tone
