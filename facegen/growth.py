"""The formulas of how hair grows on a head: of tensors, or compiled, of the numbers at a point.

One text, two uses: see facegen.raster.jit.formula.
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from facegen.curves import at_most, bell, choose, larger, smaller, smooth_step, within
from facegen.raster.jit import formula, inlined, kernel, parallel_kernel, prange
from facegen.spots import AT_ONCE, Floats, put, take

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


class Spot(NamedTuple):
    """What an anatomy, and facegen.regions, say of a point."""

    x: Tensor
    y: Tensor
    z: Tensor
    is_skin: Tensor
    scalp: Tensor
    brow_rise: Tensor
    beard: Tensor
    moustache: Tensor
    lash: Tensor
    wrinkle: Tensor
    strands: Tensor
    sheet: Tensor
    sheet_aside: Tensor
    sheet_far: Tensor
    uneven: Tensor
    top: Tensor
    front: Tensor
    frontal: Tensor
    forehead: Tensor
    backwards: Tensor
    beside: Tensor
    off_chin: Tensor
    temple: Tensor
    peak: Tensor
    temples: Tensor
    slant: Tensor
    off_ears: Tensor
    tucked: Tensor
    on_ears: Tensor
    lift: Tensor
    brow_bow: Tensor
    brow_height: Tensor
    brow_density: Tensor
    on_face: Tensor
    thin: Tensor


def length(style: Style, top: Tensor) -> Tensor:
    """How far hair of the head stands out, mm, where a point is 0 at the sides .. 1 on top."""
    return style.sides + (style.volume - style.sides) * top


def bearded(style: Style, spot: Spot) -> Tensor:
    """Signed distance in mm into a person's own beard."""
    return spot.beard - 40.0 * style.goatee * spot.off_chin


def depth(style: Style, spot: Spot, locks: Tensor, hanging: Tensor | float) -> Tensor:
    """Signed distance in mm into a person's own hair: above its line.

    locks: how hair gathers to locks, about standard normal. hanging: mm by which it was seen to
    hang below that.
    """
    # A fringe is combed over from the parting; short hairs begin and end at uneven heights.
    uneven = 1.5 * (1.0 - style.long) + 0.07 * style.fringe
    slant = 1.0 - 0.3 * style.side * spot.slant
    above = spot.scalp - style.hairline * spot.frontal
    above += style.fringe * slant * spot.forehead
    above += hanging
    above += uneven * locks * spot.frontal
    above -= 2.2 * style.recession * spot.temple
    above += 0.35 * style.recession * spot.peak
    # Who goes bald keeps what is below a plane: it comes in from the forehead and over the
    # crown, and leans back less and less, until a wreath is left, which ends above the ears.
    above -= 45.0 * smooth_step(style.bald, 0.2, 0.7) * spot.temples
    left = 150.0 - 114.0 * style.bald - style.lean_up * spot.y
    left -= style.lean_out * spot.z
    # There hair thins out over more of the skin than at a line.
    return smaller(above, 0.8 * left)


def pushed(style: Style, spot: Spot, locks: Tensor, depth: Tensor) -> Tensor:
    """How far hair and beard stand out along the skin's normal, mm."""
    thickness = length(style, spot.top)
    thickness += style.quiff * spot.front
    # A parting: a groove from the forehead to behind the crown.
    groove = bell(((spot.x - style.part) / 9.0) ** 2) * spot.front
    groove *= 1.0 - style.curl
    # Straight hair lies in locks, curls make tufts.
    # However long hair stands, a mesh can only draw tufts of a few mm: higher have corners.
    tufts = (0.10 + 0.03 * style.curl) * locks
    tufts /= 1.0 + thickness / 20.0
    thickness *= 1.0 - 0.4 * groove + tufts
    # At the forehead hair rises within a few mm, at the nape it tapers.
    rise = 11.0 + spot.backwards * (1.0 - 0.6 * style.curl)
    push = smooth_step(depth / rise, 0.0, 1.0) * spot.off_ears
    push *= thickness
    push += spot.lift * style.lift
    push += smooth_step(bearded(style, spot), 0.0, 16.0) * style.beard_length
    push -= 0.7 * style.old * spot.wrinkle
    return push


def pressed(style: Style, spot: Spot) -> Tensor:
    """How far loose hair presses ears to the head, mm to the right."""
    return style.long * (1.0 - style.tied) * spot.tucked


def scalp(style: Style, spot: Spot, depth: Tensor) -> Tensor:
    """How much of the skin hair of the head hides: see facegen.hair.Hair.coverage."""
    # Loose hair's sheet meets the skin in triangles: hair of the scalp's own runs out below it.
    sheet = spot.sheet + style.side * (spot.sheet_aside + style.side * spot.sheet_far)
    loose = style.long * (1.0 - style.tied)
    inside = larger(depth, sheet + (_RUN_OUT - 200.0 * (1.0 - loose)))
    # Short hair fades out towards ears and nape, curls less so.
    straight = 1.0 - 0.5 * style.curl
    edge = straight * (15.0 + 2.0 * style.fade * spot.beside)
    cover = style.density * at_most(inside / edge, 1.0)
    # Hair that is combed back begins softly, a fringe ends in locks.
    back = style.long * smooth_step(style.fringe, 8.0, 0.0)
    ragged = (0.10 * style.density - 0.02) * (1.0 - 0.6 * back)
    cover += ragged * spot.strands
    cover -= spot.on_ears
    return cover


def facial(style: Style, spot: Spot) -> Tensor:
    """The same of brows, beard and lashes."""
    # The brow: its own thickness, raised in the middle by the arch, thinning outwards.
    brow = spot.brow_height - abs(spot.brow_rise - style.brow_arch * spot.brow_bow)
    brow = (brow + 3.2 * (style.brow_thickness - 1.0)) / 3.0 + 0.35
    brow = smaller(brow, spot.brow_density) + 0.18 * spot.strands
    # Stubble lets the skin through and has no edge, a full beard hardly.
    full = style.beard
    cheeks = bearded(style, spot) / (34.0 - 19.0 * full) + (0.12 * spot.uneven - 0.1)
    grown = larger(cheeks, spot.moustache / (8.0 - 3.0 * full) - 0.1)
    rough = 0.25 * (1.2 - full) * full * spot.strands
    hairs = smaller(grown, 0.9 * full - 0.08) + rough
    return larger(brow, larger(hairs, 0.85 * spot.lash))


def covered(spot: Spot, scalp: Tensor, facial: Tensor) -> Tensor:
    """Both together: see facegen.hair.Hair.coverage."""
    return choose(spot.is_skin > 0.5, within(larger(scalp, facial), -2.0, 3.0), -1.0)


def tone(style: Style, spot: Spot, locks: Tensor) -> Tensor:
    """A factor of hair's colour."""
    mixed = style.contrast + spot.on_face * (1.0 - style.contrast)
    tone = (1.0 + 0.16 * locks) * (1.0 + 0.26 * mixed * spot.strands)
    # Lashes stand close, and shade one another.
    return tone * (spot.thin * (1.0 - 0.85 * spot.lash))


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


@inlined
def _spot(some: Floats, v: int) -> Spot:
    return Spot(
        some[0, v], some[1, v], some[2, v], some[3, v], some[4, v], some[5, v], some[6, v],
        some[7, v], some[8, v], some[9, v], some[10, v], some[11, v], some[12, v], some[13, v],
        some[14, v], some[15, v], some[16, v], some[17, v], some[18, v], some[19, v], some[20, v],
        some[21, v], some[22, v], some[23, v], some[24, v], some[25, v], some[26, v], some[27, v],
        some[28, v], some[29, v], some[30, v], some[31, v], some[32, v], some[33, v], some[34, v],
    )  # fmt: skip


@parallel_kernel
def displace(blocks: Floats, styles: Floats, locks: Floats, normals: Floats, moved: Floats) -> None:
    """Fill moved (person, 3, point) as facegen.hair.Hair.displacement does.

    blocks: a Spot of each point. styles (person, number): a Style each. locks (person, point).
    normals (3, point).
    """
    for block in prange(len(blocks)):
        _displace(blocks[block], block * AT_ONCE, styles, locks, normals, moved)


@kernel
def _displace(
    some: Floats, start: int, styles: Floats, locks: Floats, normals: Floats, moved: Floats
) -> None:
    lock, push, aside = np.empty((3, AT_ONCE), dtype=np.float32)
    normal = np.empty((3, AT_ONCE), dtype=np.float32)
    for k in range(3):
        take(normals[k], start, normal[k])
    for n in range(len(styles)):
        style = _style(styles[n])
        take(locks[n], start, lock)
        for v in range(AT_ONCE):
            spot = _spot(some, v)
            push[v] = _pushed(style, spot, lock[v], _depth(style, spot, lock[v], np.float32(0)))
        for k in range(3):
            for v in range(AT_ONCE):
                aside[v] = push[v] * normal[k, v]
            if k == 0:
                for v in range(AT_ONCE):
                    aside[v] += _pressed(style, _spot(some, v))
            put(aside, start, moved[n, k])


@parallel_kernel
def cover(blocks: Floats, styles: Floats, locks: Floats, hidden: Floats) -> None:
    """Fill hidden (person, point) as facegen.hair.Hair.coverage does; the others: see displace."""
    for block in prange(len(blocks)):
        _cover(blocks[block], block * AT_ONCE, styles, locks, hidden)


@kernel
def _cover(some: Floats, start: int, styles: Floats, locks: Floats, hidden: Floats) -> None:
    lock, deep, share = np.empty((3, AT_ONCE), dtype=np.float32)
    for n in range(len(styles)):
        style = _style(styles[n])
        take(locks[n], start, lock)
        for v in range(AT_ONCE):
            deep[v] = _depth(style, _spot(some, v), lock[v], np.float32(0))
        for v in range(AT_ONCE):
            share[v] = _scalp(style, _spot(some, v), deep[v])
        for v in range(AT_ONCE):
            spot = _spot(some, v)
            share[v] = _covered(spot, share[v], _facial(style, spot))
        put(share, start, hidden[n])


@parallel_kernel
def colour(
    blocks: Floats, styles: Floats, locks: Floats, hair: Floats, brows: Floats, colours: Floats
) -> None:
    """Fill colours (person, 3, point) as facegen.hair.Hair.colours does.

    hair, brows (person, 3): their linear reflectance. The others: see displace.
    """
    for block in prange(len(blocks)):
        _colour(blocks[block], block * AT_ONCE, styles, locks, hair, brows, colours)


@kernel
def _colour(
    some: Floats, start: int, styles: Floats, locks: Floats, hair: Floats, brows: Floats,
    colours: Floats,
) -> None:  # fmt: skip
    lock, tones, shown = np.empty((3, AT_ONCE), dtype=np.float32)
    for n in range(len(styles)):
        style = _style(styles[n])
        take(locks[n], start, lock)
        for v in range(AT_ONCE):
            tones[v] = _tone(style, _spot(some, v), lock[v])
        for channel in range(3):
            one, other = hair[n, channel], brows[n, channel]
            for v in range(AT_ONCE):
                shown[v] = _coloured(one, other, _spot(some, v).on_face, tones[v])
            put(shown, start, colours[n, channel])
