"""Where on a head hair grows, and how: formulas of what an anatomy says of a point."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.blocks import AT_ONCE as N
from facegen.blocks import Floats
from facegen.curves import bell, choose, larger, root, sine, smooth_step, within
from facegen.kept import kept
from facegen.places import Place, place_at, places
from facegen.raster.jit import formula, inlined, kernel

_PI = 3.14159265
_AXIS_Z = -12.0
"""Where the head's axis is. It is facegen.curtain.TOP's, which is no compiled code's to read: if
that changed, compilations on disk would keep the old one."""


class Region(NamedTuple):
    """Weights of a person's own values, at a point.

    top, front, frontal, forehead, beside, temple, peak, temples, on_face: 1 there, 0 elsewhere.
    off_chin, off_ears: the reverse. on_ears: 3 there. backwards: mm by which hair tapers more
    slowly. slant: -1..1, across the forehead. tucked: mm to the right by which ears are pressed.
    lift: mm, at the crown. brow_bow: 0 at a brow's ends .. 1. brow_height: half of what its
    thickness is there, mm. brow_density: how much of the skin it hides. thin: of a hair's light.
    """

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


_FIELDS = len(Region._fields)


def top(place: Place) -> Tensor:
    """0 at the sides of a head .. 1 on top."""
    return smooth_step(place.y, 20.0, 75.0)


def region(place: Place) -> Region:
    """What follows from an anatomy alone."""
    height, around = place.y, place.around
    # Right above the head's axis all directions meet: nothing may depend on them there.
    from_axis = root(place.x**2 + (place.z - _AXIS_Z) ** 2 + 1e-6)
    front = top(place) * smooth_step(around, 75.0, 30.0) * smooth_step(from_axis, 5.0, 50.0)
    temples = smooth_step(around, 84.0, 56.0) * smooth_step(around, 22.0, 50.0)
    temples *= smooth_step(height, 5.0, 30.0) * smooth_step(height, 95.0, 65.0)
    out = choose(place.x > 0.0, 69.0 - place.x, -69.0 - place.x)
    from_crown = place.x**2 + (height - 88.0) ** 2 + (place.z + 55.0) ** 2
    # A brow's inner end begins with single hairs.
    begun, along = smooth_step(place.brow_along, 0.22, 0.0), within(place.brow_along, 0.0, 1.0)
    on_face = larger(smooth_step(place.brow, -8.0, -4.0), place.lash)
    on_face = larger(on_face, 0.7 * smooth_step(place.beard, -6.0, 0.0))
    return Region(
        top=top(place),
        front=front,
        frontal=smooth_step(around, 75.0, 40.0),
        forehead=smooth_step(around, 56.0, 26.0),
        backwards=15.0 * smooth_step(around, 25.0, 70.0),
        beside=smooth_step(around, 42.0, 72.0),
        off_chin=smooth_step(around, 14.0, 44.0),
        temple=bell(((around - 33.0) / 14.0) ** 2),
        peak=bell((around / 9.0) ** 2),
        temples=temples,
        slant=sine(place.x / 35.0),
        off_ears=1.0 - smooth_step(place.ear, 0.05, 0.5),
        tucked=choose(abs(place.x) > 69.0, out, 0.0) * smooth_step(place.ear, 0.0, 0.3),
        on_ears=3.0 * smooth_step(place.ear, 0.15, 0.5),
        lift=11.0 * bell(from_crown / 46.0**2),
        brow_bow=sine(_PI * along),
        brow_height=place.brow + abs(place.brow_rise),
        brow_density=0.8 - 0.25 * along - 0.35 * begun,
        on_face=larger(on_face, 0.7 * smooth_step(place.moustache, -6.0, 0.0)),
        # A head of hair is not one flat tone, and little light gets down to its edges.
        thin=1.0 - 0.3 * bell(((place.scalp - 2.0) / 13.0) ** 2),
    )


formula(top)
_region = formula(region)


@kept
def regions(anatomy: Anatomy) -> Region:
    """All points of an anatomy, (vertex,) each."""
    return region(places(anatomy))


@kernel
def find_regions(block: Floats) -> Floats:
    """What follows for a block of places, a row (AT_ONCE,) for each of a Region's fields."""
    rows = np.empty(_FIELDS * N, dtype=np.float32)
    for v in range(N):
        (
            rows[0 * N + v], rows[1 * N + v], rows[2 * N + v], rows[3 * N + v], rows[4 * N + v],
            rows[5 * N + v], rows[6 * N + v], rows[7 * N + v], rows[8 * N + v], rows[9 * N + v],
            rows[10 * N + v], rows[11 * N + v], rows[12 * N + v], rows[13 * N + v],
            rows[14 * N + v], rows[15 * N + v], rows[16 * N + v], rows[17 * N + v],
            rows[18 * N + v], rows[19 * N + v],
        ) = _region(place_at(block, v))  # fmt: skip
    return rows


@inlined
def region_at(rows: Floats, v: int) -> Region:
    """What find_regions has of a point."""
    return Region(
        rows[0 * N + v], rows[1 * N + v], rows[2 * N + v], rows[3 * N + v], rows[4 * N + v],
        rows[5 * N + v], rows[6 * N + v], rows[7 * N + v], rows[8 * N + v], rows[9 * N + v],
        rows[10 * N + v], rows[11 * N + v], rows[12 * N + v], rows[13 * N + v], rows[14 * N + v],
        rows[15 * N + v], rows[16 * N + v], rows[17 * N + v], rows[18 * N + v], rows[19 * N + v],
    )  # fmt: skip
