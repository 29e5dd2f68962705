"""The formulas of how hair grows on a head: of tensors, or compiled, of the numbers at a point.

One text, two uses: see facegen.raster.jit.formula.
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from facegen.curves import at_most, bell, choose, larger, smaller, smooth_step, within
from facegen.places import Place, place_at
from facegen.raster.jit import formula, inlined, kernel, parallel_kernel, prange
from facegen.regions import Region, find_regions, region_at
from facegen.spots import AT_ONCE as N
from facegen.spots import Floats, put, take

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
    # There hair thins out over more of the skin than at a line.
    return smaller(above, 0.8 * left)


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
    brow = smaller(brow, region.brow_density) + 0.18 * place.strands
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


formula(length)
formula(bearded)
_depth, _pushed, _pressed = formula(depth), formula(pushed), formula(pressed)
_scalp, _facial, _covered = formula(scalp), formula(facial), formula(covered)
_tone, _coloured = formula(tone), formula(coloured)


@inlined
def _style(own: Floats) -> Style:
    return Style(
        own[0], own[1], own[2], own[3], own[4], own[5], own[6], own[7], own[8], own[9], own[10],
        own[11], own[12], own[13], own[14], own[15], own[16], own[17], own[18], own[19], own[20],
        own[21], own[22], own[23],
    )  # fmt: skip


@parallel_kernel
def displace(blocks: Floats, styles: Floats, locks: Floats, normals: Floats, moved: Floats) -> None:
    """Fill moved (person, 3, point) as facegen.hair.Hair.displacement does.

    blocks: a Place of each point. styles (person, number): a Style each. locks (person, point).
    normals (3, point).
    """
    for block in prange(len(blocks)):
        _displace(blocks[block], block * N, styles, locks, normals, moved)


@kernel
def _displace(
    some: Floats, start: int, styles: Floats, locks: Floats, normals: Floats, moved: Floats
) -> None:
    lock, push, aside = np.empty((3, N), dtype=np.float32)
    normal = np.empty((3, N), dtype=np.float32)
    regions = find_regions(some)
    for k in range(3):
        take(normals[k], start, normal[k])
    for n in range(len(styles)):
        style = _style(styles[n])
        take(locks[n], start, lock)
        for v in range(N):
            place, region = place_at(some, v), region_at(regions, v)
            depth = _depth(style, place, region, lock[v], np.float32(0))
            push[v] = _pushed(style, place, region, lock[v], depth)
        for k in range(3):
            for v in range(N):
                aside[v] = push[v] * normal[k, v]
            if k == 0:
                for v in range(N):
                    aside[v] += _pressed(style, region_at(regions, v))
            put(aside, start, moved[n, k])


@parallel_kernel
def cover(blocks: Floats, styles: Floats, locks: Floats, hidden: Floats) -> None:
    """Fill hidden (person, point) as facegen.hair.Hair.coverage does; the others: see displace."""
    for block in prange(len(blocks)):
        _cover(blocks[block], block * N, styles, locks, hidden)


@kernel
def _cover(some: Floats, start: int, styles: Floats, locks: Floats, hidden: Floats) -> None:
    lock, share = np.empty((2, N), dtype=np.float32)
    regions = find_regions(some)
    for n in range(len(styles)):
        style = _style(styles[n])
        take(locks[n], start, lock)
        for v in range(N):
            place, region = place_at(some, v), region_at(regions, v)
            depth = _depth(style, place, region, lock[v], np.float32(0))
            share[v] = _scalp(style, place, region, depth)
        for v in range(N):
            place = place_at(some, v)
            facial = _facial(style, place, region_at(regions, v))
            share[v] = _covered(place, share[v], facial)
        put(share, start, hidden[n])


@parallel_kernel
def colour(
    blocks: Floats, styles: Floats, locks: Floats, hair: Floats, brows: Floats, colours: Floats
) -> None:
    """Fill colours (person, 3, point) as facegen.hair.Hair.colours does.

    hair, brows (person, 3): their linear reflectance. The others: see displace.
    """
    for block in prange(len(blocks)):
        _colour(blocks[block], block * N, styles, locks, hair, brows, colours)


@kernel
def _colour(
    some: Floats, start: int, styles: Floats, locks: Floats, hair: Floats, brows: Floats,
    colours: Floats,
) -> None:  # fmt: skip
    lock, tones, shown = np.empty((3, N), dtype=np.float32)
    regions = find_regions(some)
    for n in range(len(styles)):
        style = _style(styles[n])
        take(locks[n], start, lock)
        for v in range(N):
            tones[v] = _tone(style, place_at(some, v), region_at(regions, v), lock[v])
        for channel in range(3):
            one, other = hair[n, channel], brows[n, channel]
            for v in range(N):
                shown[v] = _coloured(one, other, region_at(regions, v).on_face, tones[v])
            put(shown, start, colours[n, channel])
