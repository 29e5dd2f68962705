"""The formulas of skin and clothes: of tensors, or compiled, of the numbers at a point.

Skin colour follows absorption: reflectance = base * exp(-melanin * m - haemoglobin * h), with m and
h per colour channel; everything that makes skin darker or redder only changes the two amounts.
One text, two uses: see facegen.raster.jit.formula.
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from facegen.blocks import AT_ONCE as N
from facegen.blocks import Floats, put, take
from facegen.curves import bell, choose, smooth_step, within
from facegen.places import Place, place_at
from facegen.raster.jit import formula, inlined, kernel, parallel_kernel, prange

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


class Complexion(NamedTuple):
    """What a person's own values are weighed by, at a point: 0..1.

    freckled: where freckles are. lips: with an edge. creased: what a crease adds to haemoglobin.
    breast: how far down a neckline may dip.
    """

    freckled: Tensor
    lips: Tensor
    creased: Tensor
    breast: Tensor


_FIELDS = len(Complexion._fields)


def complexion(place: Place) -> Complexion:
    """What follows from an anatomy alone."""
    freckled = bell(((place.y + 25.0) / 30.0) ** 2)
    return Complexion(
        freckled=choose(place.z > 25.0, freckled, 0.0),
        lips=within((place.lips - 0.15) / 0.75, 0.0, 1.0),
        # Light that gets into a crease comes out of it red: it has met skin more than once.
        creased=0.35 * within(0.8 - place.occlusion, 0.0, 0.4),
        breast=bell((place.x / 34.0) ** 2) * smooth_step(place.z, -40.0, 40.0),
    )


def melanin(
    tone: Tone, place: Place, of: Complexion, blotch: Tensor, fine: Tensor, speckle: Tensor
) -> Tensor:
    """The amount of it, for textures of about unit variance, from coarse to fine."""
    amount = (1.0 + 0.03 * blotch + 0.02 * fine) * tone.melanin
    specks = within(speckle - 1.1 + 0.3 * fine, 0.0, 1.0)
    amount += specks * (0.17 * of.freckled) * tone.freckles
    of_age = within(speckle + blotch - 1.6, 0.0, 0.6)
    amount += of_age * (0.10 * tone.old * tone.fair)
    amount += (0.05 + 0.10 * tone.old) * place.hollow
    amount += 0.06 * place.lid + 0.8 * place.nostril
    mole = bell(((place.x - tone.mole_x) ** 2 + (place.y - tone.mole_y) ** 2) / 1.8)
    amount += tone.mole_depth * choose(place.z > 40.0, mole, 0.0)
    amount += 0.04 * of.lips
    amount += 0.09 * tone.old * tone.fair * place.wrinkle
    return amount


def haemoglobin(tone: Tone, place: Place, of: Complexion, blotch: Tensor, fine: Tensor) -> Tensor:
    """The amount of it."""
    amount = (0.10 * blotch + (0.8 + 0.75 * place.blush) + 0.05 * fine) * tone.haemoglobin
    amount += (0.10 + 0.06 * tone.old) * place.hollow
    amount += 0.07 * place.lid + of.creased
    # Lips are darker than the skin around them, and where that is dark, hardly redder.
    amount += of.lips * (0.24 + tone.lips)
    # Where melanin takes the light, there is little left for blood to tint.
    return amount * (1.0 - 0.45 * within(tone.melanin, 0.0, 1.0))


def reflected(base: float, absorbed: Tensor) -> Tensor:
    """Linear reflectance, 0..1, of skin that absorbs so much, a channel at a time."""
    return base * bell(absorbed)


def below_collar(tone: Tone, place: Place, of: Complexion) -> Tensor:
    """Signed distance in mm below the edge of a shirt."""
    return place.cloth + tone.collar - tone.neckline * of.breast


def cloth_light(below: Tensor) -> Tensor:
    """A factor of a shirt's colour: its collar's rim is sewn double, and a seam runs below it."""
    return 1.0 - 0.22 * bell(((below - 9.0) / 1.6) ** 2)


def cloth_share(below: Tensor, hem: float) -> Tensor:
    """How much of what is seen is cloth and not skin; below: what below_collar says."""
    return within(below / hem + 0.5, 0.0, 1.0)


def clothed(skin: Tensor, cloth: Tensor, light: Tensor, share: Tensor) -> Tensor:
    """Reflectance of skin or cloth, a channel at a time."""
    return skin + share * (cloth * light - skin)


_complexion = formula(complexion)
_melanin, _haemoglobin, _reflected = formula(melanin), formula(haemoglobin), formula(reflected)
_below_collar, _clothed = formula(below_collar), formula(clothed)
_cloth_light, _cloth_share = formula(cloth_light), formula(cloth_share)


@inlined
def _tone(own: Floats) -> Tone:
    return Tone(
        own[0], own[1], own[2], own[3], own[4], own[5], own[6], own[7], own[8], own[9], own[10]
    )


@kernel
def _complexions(block: Floats) -> Floats:
    """What follows for a block of places, as (len(Complexion._fields) * AT_ONCE,)."""
    rows = np.empty(_FIELDS * N, dtype=np.float32)
    for v in range(N):
        rows[v], rows[N + v], rows[2 * N + v], rows[3 * N + v] = _complexion(place_at(block, v))
    return rows


@inlined
def _complexion_at(rows: Floats, v: int) -> Complexion:
    return Complexion(rows[v], rows[N + v], rows[2 * N + v], rows[3 * N + v])


@parallel_kernel
def paint(
    blocks: Floats, tones: Floats, textures: Floats, cloth: Floats, hem: float, colours: Floats
) -> None:
    """Fill colours (person, 3, point): linear reflectance of skin and clothes.

    blocks: a Place of each point. tones (person, number): a Tone each. textures (person, 3, point).
    cloth (person, 3): linear reflectance. hem: mm over which skin turns into cloth.
    """
    for block in prange(len(blocks)):
        start = block * N
        _paint(blocks[block], start, tones, textures, cloth, np.float32(hem), colours)


@kernel
def _paint(
    some: Floats, start: int, tones: Floats, textures: Floats, cloth: Floats, hem: float,
    colours: Floats,
) -> None:  # fmt: skip
    blotch, fine, speckle, dark, red, shown = np.empty((6, N), dtype=np.float32)
    light, share = np.empty((2, N), dtype=np.float32)
    complexions = _complexions(some)
    for n in range(len(tones)):
        tone = _tone(tones[n])
        take(textures[n, 0], start, blotch)
        take(textures[n, 1], start, fine)
        take(textures[n, 2], start, speckle)
        for v in range(N):
            place, of = place_at(some, v), _complexion_at(complexions, v)
            dark[v] = _melanin(tone, place, of, blotch[v], fine[v], speckle[v])
        for v in range(N):
            place, of = place_at(some, v), _complexion_at(complexions, v)
            red[v] = _haemoglobin(tone, place, of, blotch[v], fine[v])
        for v in range(N):
            below = _below_collar(tone, place_at(some, v), _complexion_at(complexions, v))
            light[v], share[v] = _cloth_light(below), _cloth_share(below, hem)
        for channel in range(3):
            base, own = np.float32(BASE[channel]), cloth[n, channel]
            by_dark, by_red = np.float32(MELANIN[channel]), np.float32(HAEMOGLOBIN[channel])
            for v in range(N):
                skin = _reflected(base, by_dark * dark[v] + by_red * red[v])
                shown[v] = _clothed(skin, own, light[v], share[v])
            put(shown, start, colours[n, channel])
