"""The formulas of skin and clothes: of tensors, or compiled, of the numbers at a point.

Skin colour follows absorption: reflectance = base * exp(-melanin * m - haemoglobin * h), with m and
h per colour channel; everything that makes skin darker or redder only changes the two amounts.
One text, two uses: see facegen.raster.jit.formula.
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from facegen.curves import bell, choose, within
from facegen.raster.jit import formula, inlined, kernel, parallel_kernel, prange
from facegen.spots import AT_ONCE, Floats, put, take

BASE = (0.90, 0.71, 0.59)
MELANIN = (1.75, 2.35, 2.85)
HAEMOGLOBIN = (0.18, 1.00, 0.80)


class Tone(NamedTuple):
    """What facegen.appearance.Appearance says of skin and clothes, numbers of one person.

    old: 0 up to 40 years .. 1 at 85. fair: 0.1 dark .. 1.
    """

    melanin: Tensor
    haemoglobin: Tensor
    freckles: Tensor
    mole_x: Tensor
    mole_y: Tensor
    mole_depth: Tensor
    old: Tensor
    fair: Tensor
    lips: Tensor
    collar: Tensor
    neckline: Tensor


class Spot(NamedTuple):
    """What an anatomy says of a point, and what follows from that; see facegen.skin."""

    x: Tensor
    y: Tensor
    z: Tensor
    freckled: Tensor
    hollow: Tensor
    lid: Tensor
    nostril: Tensor
    blush: Tensor
    lips: Tensor
    creased: Tensor
    wrinkle: Tensor
    cloth: Tensor
    breast: Tensor


def melanin(tone: Tone, spot: Spot, blotch: Tensor, fine: Tensor, speckle: Tensor) -> Tensor:
    """The amount of it, for textures of about unit variance, from coarse to fine."""
    amount = (1.0 + 0.03 * blotch + 0.02 * fine) * tone.melanin
    specks = within(speckle - 1.1 + 0.3 * fine, 0.0, 1.0)
    amount += specks * (0.17 * spot.freckled) * tone.freckles
    of_age = within(speckle + blotch - 1.6, 0.0, 0.6)
    amount += of_age * (0.10 * tone.old * tone.fair)
    amount += (0.05 + 0.10 * tone.old) * spot.hollow
    amount += 0.06 * spot.lid + 0.8 * spot.nostril
    mole = bell(((spot.x - tone.mole_x) ** 2 + (spot.y - tone.mole_y) ** 2) / 1.8)
    amount += tone.mole_depth * choose(spot.z > 40.0, mole, 0.0)
    amount += 0.04 * spot.lips
    amount += 0.09 * tone.old * tone.fair * spot.wrinkle
    return amount


def haemoglobin(tone: Tone, spot: Spot, blotch: Tensor, fine: Tensor) -> Tensor:
    """The amount of it."""
    amount = (0.10 * blotch + (0.8 + 0.75 * spot.blush) + 0.05 * fine) * tone.haemoglobin
    amount += (0.10 + 0.06 * tone.old) * spot.hollow
    amount += 0.07 * spot.lid + spot.creased
    # Lips are darker than the skin around them, and where that is dark, hardly redder.
    amount += spot.lips * (0.24 + tone.lips)
    # Where melanin takes the light, there is little left for blood to tint.
    return amount * (1.0 - 0.45 * within(tone.melanin, 0.0, 1.0))


def reflected(base: float, absorbed: Tensor) -> Tensor:
    """Linear reflectance, 0..1, of skin that absorbs so much, a channel at a time."""
    return base * bell(absorbed)


def below_collar(tone: Tone, spot: Spot) -> Tensor:
    """Signed distance in mm below the edge of a shirt."""
    return spot.cloth + tone.collar - tone.neckline * spot.breast


def clothed(skin: Tensor, cloth: Tensor, below: Tensor, hem: float) -> Tensor:
    """Reflectance of skin or cloth, a channel at a time; below_collar gives below."""
    # A collar's rim is sewn double: a seam runs below it.
    seam = 1.0 - 0.22 * bell(((below - 9.0) / 1.6) ** 2)
    return skin + within(below / hem + 0.5, 0.0, 1.0) * (cloth * seam - skin)


_melanin, _haemoglobin, _reflected = formula(melanin), formula(haemoglobin), formula(reflected)
_below_collar, _clothed = formula(below_collar), formula(clothed)


@inlined
def _tone(own: Floats) -> Tone:
    return Tone(
        own[0], own[1], own[2], own[3], own[4], own[5], own[6], own[7], own[8], own[9], own[10]
    )


@inlined
def _spot(some: Floats, v: int) -> Spot:
    return Spot(
        some[0, v], some[1, v], some[2, v], some[3, v], some[4, v], some[5, v], some[6, v],
        some[7, v], some[8, v], some[9, v], some[10, v], some[11, v], some[12, v],
    )  # fmt: skip


@parallel_kernel
def paint(
    blocks: Floats, tones: Floats, textures: Floats, cloth: Floats, hem: float, colours: Floats
) -> None:
    """Fill colours (person, 3, point): linear reflectance of skin and clothes.

    blocks: a Spot of each point. tones (person, number): a Tone each. textures (person, 3, point).
    cloth (person, 3): linear reflectance. hem: mm over which skin turns into cloth.
    """
    for block in prange(len(blocks)):
        start = block * AT_ONCE
        _paint(blocks[block], start, tones, textures, cloth, np.float32(hem), colours)


@kernel
def _paint(
    some: Floats, start: int, tones: Floats, textures: Floats, cloth: Floats, hem: float,
    colours: Floats,
) -> None:  # fmt: skip
    blotch, fine, speckle, dark, red, below, shown = np.empty((7, AT_ONCE), dtype=np.float32)
    for n in range(len(tones)):
        tone = _tone(tones[n])
        take(textures[n, 0], start, blotch)
        take(textures[n, 1], start, fine)
        take(textures[n, 2], start, speckle)
        for v in range(AT_ONCE):
            dark[v] = _melanin(tone, _spot(some, v), blotch[v], fine[v], speckle[v])
        for v in range(AT_ONCE):
            red[v] = _haemoglobin(tone, _spot(some, v), blotch[v], fine[v])
        for v in range(AT_ONCE):
            below[v] = _below_collar(tone, _spot(some, v))
        for channel in range(3):
            base, own = np.float32(BASE[channel]), cloth[n, channel]
            by_dark, by_red = np.float32(MELANIN[channel]), np.float32(HAEMOGLOBIN[channel])
            for v in range(AT_ONCE):
                skin = _reflected(base, by_dark * dark[v] + by_red * red[v])
                shown[v] = _clothed(skin, own, below[v], hem)
            put(shown, start, colours[n, channel])
