"""What an anatomy says of a point of a head, as formulas take it."""

from typing import NamedTuple

from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.batches import named
from facegen.blocks import AT_ONCE as N
from facegen.blocks import Floats, in_blocks
from facegen.kept import kept
from facegen.raster.jit import inlined


class Place(NamedTuple):
    """See facegen.anatomy.Anatomy; sheet, sheet_aside and sheet_far are its sheet's three."""

    x: Tensor
    y: Tensor
    z: Tensor
    is_skin: Tensor
    scalp: Tensor
    around: Tensor
    ear: Tensor
    brow: Tensor
    brow_along: Tensor
    brow_rise: Tensor
    beard: Tensor
    moustache: Tensor
    lash: Tensor
    lid: Tensor
    lips: Tensor
    nostril: Tensor
    blush: Tensor
    hollow: Tensor
    cloth: Tensor
    wrinkle: Tensor
    strands: Tensor
    sheet: Tensor
    sheet_aside: Tensor
    sheet_far: Tensor
    occlusion: Tensor
    uneven: Tensor


def places(anatomy: Anatomy) -> Place:
    """All points of an anatomy, (vertex,) each."""
    x, y, z = anatomy.points
    sheet, aside, far = anatomy.sheet
    place: Place = named(
        Place, anatomy, x=x, y=y, z=z, sheet=sheet, sheet_aside=aside, sheet_far=far
    )
    return place


@kept
def blocks(anatomy: Anatomy) -> Tensor:
    """All points of an anatomy, as compiled code takes them."""
    return in_blocks(places(anatomy))


@inlined
def place_at(some: Floats, v: int) -> Place:
    """A point of a block."""
    return Place(
        some[0 * N + v], some[1 * N + v], some[2 * N + v], some[3 * N + v], some[4 * N + v],
        some[5 * N + v], some[6 * N + v], some[7 * N + v], some[8 * N + v], some[9 * N + v],
        some[10 * N + v], some[11 * N + v], some[12 * N + v], some[13 * N + v], some[14 * N + v],
        some[15 * N + v], some[16 * N + v], some[17 * N + v], some[18 * N + v], some[19 * N + v],
        some[20 * N + v], some[21 * N + v], some[22 * N + v], some[23 * N + v], some[24 * N + v],
        some[25 * N + v],
    )  # fmt: skip
