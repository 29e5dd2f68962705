"""The formulas of light on skin and hair: applied to tensors, or compiled and applied to numbers.

One text, two uses: see facegen.raster.jit.formula.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facegen.curves import root, within
from facegen.raster.jit import formula, kernel, leaf, parallel_kernel, prange
from facegen.raster.sight import Indices, Sight

Floats = NDArray[np.float32]

_AT_ONCE = 256
"""Vertices shaded together: what is known of them stays in the nearest cache."""

_WRAP = 0.08
"""Light creeps past the terminator, as it does through skin (Green, GPU Gems 2004)."""

_BLEED = 0.6
"""How much less far what skin reflects less, green and blue, creeps than red does."""

_ROUGH, _SMOOTH, _SHININESS, _SHARPER = 0.045, 0.055, 12, 4
_WET_SPECULAR, _WET_SHININESS = 0.9, 160
_HAIR_SPECULAR, _HAIR_SHININESS = 0.20, 60


def from_key(cosine: Tensor) -> Tensor:
    """What a surface gets of the key light that it meets at this cosine, past the terminator."""
    return within((cosine + _WRAP) / (1.0 + _WRAP), 0.0, 1.0)


def from_around(up: Tensor, front: Tensor, sky: float, ground: float, fill: float) -> Tensor:
    """Light from the sky, the ground and the front, for the y and z of a unit normal."""
    return sky * (0.5 * (1.0 + ground) + 0.5 * (1.0 - ground) * up) + fill * within(front, 0.0, 1.0)


def skin_shine(cosine: Tensor, key: Tensor, gloss: Tensor, wet: Tensor) -> Tensor:
    """Blinn-Phong reflection, by the cosine of the normal and the half vector."""
    # Powers of less would be too small for single precision, and take ten times as long.
    rough = within(cosine, 0.25, 1.0) ** _SHININESS
    dry = gloss * (_ROUGH * rough + _SMOOTH * rough**_SHARPER) * (key / (0.2 + key))
    # Eyes mirror the light where the lids' soft shadow dims it, too.
    return dry + wet * (_WET_SPECULAR * within(cosine, 0.65, 1.0) ** _WET_SHININESS - dry)


def bled(key: Tensor, share: Tensor) -> Tensor:
    """Of the key light that falls on skin, what lit_skin takes from all but red.

    share: of the light's full strength, 0..1. Most is taken where it is half: at the terminator and
    along the edges of shadows, light comes out that has gone a long way through the skin.
    """
    return _BLEED * key * (1.0 - share)


def lit_skin(albedo: Tensor, red: Tensor, light: Tensor, taken: Tensor, shine: Tensor) -> Tensor:
    """Linear light from skin, a channel at a time; red: the albedo in the red channel.

    Light does not get far in dark skin, nor in what is gray.
    """
    return albedo * light - taken * red * (red - albedo) + shine


def hair_shine(along: Tensor, key: Tensor, around: Tensor) -> Tensor:
    """Kajiya & Kay's reflection, by the cosine of the strand and the half vector."""
    across = root(within(1.0 - along * along, 0.1, 1.0))
    return _HAIR_SPECULAR * across**_HAIR_SHININESS * (key + 0.3 * around)


def lit_hair(colour: Tensor, light: Tensor, shine: Tensor) -> Tensor:
    """Linear light from hair, a channel at a time."""
    return light * colour + shine * (0.06 + 1.3 * colour)


def display(linear: Tensor) -> Tensor:
    """Linear light to picture values 0..1, with a gamma of 2: close to sRGB, and one root."""
    return root(within(linear, 1e-6, 1.0))


_from_key, _from_around, _bled = formula(from_key), formula(from_around), formula(bled)
_skin_shine, _hair_shine = formula(skin_shine), formula(hair_shine)
_lit_skin, _lit_hair, _display = formula(lit_skin), formula(lit_hair), formula(display)


class Planes(NamedTuple):
    """What facegen.shading.Surface holds, and the share of the key light, as batches of planes.

    occlusion and wet are (vertex,). What has one item where the batch has more stands for all.
    """

    normals: Floats
    strand: Floats
    skin: Floats
    hair: Floats
    covered: Floats
    visible: Floats
    occlusion: Floats
    wet: Floats


@parallel_kernel
def shade(
    scene: Floats, planes: Planes, lights: Floats, luma: Floats, sight: Sight, layers: Floats
) -> None:
    """Fill layers (batch, vertex, 2 * channel + 1) as facegen.shading.shade does, where in sight.

    scene (batch, 8): the unit vectors to the light and halfway to it, exposure, gloss. lights (4,):
    key, sky, ground, fill.
    """
    for n in prange(len(scene)):
        _shade_image(n, scene[n], planes, lights, luma, sight, layers[n])


@kernel
def _shade_image(
    n: int,
    scene: Floats,
    planes: Planes,
    lights: Floats,
    luma: Floats,
    sight: Sight,
    layers: Floats,
) -> None:
    shaded = np.empty((_AT_ONCE, layers.shape[1]), dtype=np.float32)
    shown = n % len(sight.many)
    seen = sight.vertices[shown, : sight.many[shown]]
    for start in range(0, len(seen), _AT_ONCE):
        some = seen[start : start + _AT_ONCE]
        _shade_some(scene, _near(planes, n, some), lights, luma, shaded[: len(some)])
        for i in range(len(some)):
            for k in range(layers.shape[1]):
                layers[some[i], k] = shaded[i, k]


@kernel
def _near(planes: Planes, n: int, some: Indices) -> Planes:
    """The planes of picture n at some vertices, side by side; there is no batch in these."""
    return Planes(
        _picked(planes.normals[n % len(planes.normals)], some),
        _picked(planes.strand[n % len(planes.strand)], some),
        _picked(planes.skin[n % len(planes.skin)], some),
        _picked(planes.hair[n % len(planes.hair)], some),
        _picked(planes.covered[n % len(planes.covered)][None], some)[0],
        _picked(planes.visible[n % len(planes.visible)][None], some)[0],
        _picked(planes.occlusion[None], some)[0],
        _picked(planes.wet[None], some)[0],
    )


@kernel
def _picked(planes: Floats, some: Indices) -> Floats:
    picked = np.empty((len(planes), len(some)), dtype=np.float32)
    for k in range(len(planes)):
        plane, row = planes[k], picked[k]
        for i in range(len(some)):
            row[i] = plane[some[i]]
    return picked


@kernel
def _shade_some(scene: Floats, near: Planes, lights: Floats, luma: Floats, layers: Floats) -> None:
    """Some vertices. Every loop writes one plane, so that it compiles to vector instructions."""
    normals, strand, skin, hair = near.normals, near.strand, near.skin, near.hair
    covered, visible, occlusion, wet = near.covered, near.visible, near.occlusion, near.wet
    vertices, channels = len(occlusion), layers.shape[1] // 2
    exposure, gloss = scene[6], scene[7]
    key, around, light, shine, cosine, picture, taken = np.empty((7, vertices), dtype=np.float32)
    _dot(normals, scene[:3], cosine)
    for v in range(vertices):
        share = _from_key(cosine[v]) * visible[v]
        key[v] = lights[0] * exposure * share
        taken[v] = _bled(key[v], share)
    up, front = normals[1], normals[2]
    for v in range(vertices):
        around[v] = _from_around(up[v], front[v], lights[1], lights[2], lights[3]) * exposure
    for v in range(vertices):
        around[v] *= occlusion[v]
    for v in range(vertices):
        light[v] = key[v] + around[v]
    for layer in range(2):
        if layer == 0:
            _dot(normals, scene[3:6], cosine)
            for v in range(vertices):
                shine[v] = _skin_shine(cosine[v], key[v], gloss, wet[v])
        else:
            _dot(strand, scene[3:6], cosine)
            for v in range(vertices):
                shine[v] = _hair_shine(cosine[v], key[v], around[v])
        picture[:] = 0
        for channel in range(3):
            weight = luma[channel] if channels == 1 else np.float32(1)
            below, above = skin[channel], hair[channel]
            if layer == 0:
                for v in range(vertices):
                    lit = _lit_skin(below[v], skin[0, v], light[v], taken[v], shine[v])
                    picture[v] += weight * _display(lit)
            else:
                for v in range(vertices):
                    picture[v] += weight * _display(_lit_hair(above[v], light[v], shine[v]))
            if channels == 3 or channel == 2:
                column = layer * channels + channel % channels
                for v in range(vertices):
                    layers[v, column] = picture[v]
                picture[:] = 0
    for v in range(vertices):
        layers[v, 2 * channels] = covered[v]


@leaf
def _dot(vectors: Floats, direction: Floats, cosine: Floats) -> None:
    x, y, z = vectors
    for v in range(len(cosine)):
        cosine[v] = direction[0] * x[v] + direction[1] * y[v] + direction[2] * z[v]
