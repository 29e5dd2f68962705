"""Compiled passes behind facegen.hair: the formulas of facegen.growth, a block at a time."""

import numpy as np

from facegen import growth
from facegen.blocks import AT_ONCE as N
from facegen.blocks import Floats, put, take
from facegen.places import place_at
from facegen.raster.jit import formula, inlined, kernel, parallel_kernel, prange
from facegen.regions import find_regions, region_at

formula(growth.length)
formula(growth.bearded)
_depth, _pushed = formula(growth.depth), formula(growth.pushed)
_pressed, _scalp = formula(growth.pressed), formula(growth.scalp)
_facial, _covered = formula(growth.facial), formula(growth.covered)
_tone, _coloured = formula(growth.tone), formula(growth.coloured)


@inlined
def _style(own: Floats) -> growth.Style:
    return growth.Style(
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
