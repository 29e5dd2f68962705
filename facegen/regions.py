"""Where on a head hair grows, and how: fields (vertex,) that follow from an anatomy's.

They weigh what a person's own values do, mostly from 0 to 1.
"""

import torch
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.curtain import TOP
from facegen.curves import bell, smooth_step
from facegen.device import constant
from facegen.kept import kept


@kept
def top(anatomy: Anatomy) -> Tensor:
    return smooth_step(anatomy.points[1], 20.0, 75.0)


@kept
def front(anatomy: Anatomy) -> Tensor:
    # Right above the head's axis all directions meet: nothing may depend on them there.
    from_axis = torch.hypot(anatomy.points[0], anatomy.points[2] - TOP[2])
    front = top(anatomy) * smooth_step(anatomy.around, 75.0, 30.0)
    return front * smooth_step(from_axis, 5.0, 50.0)


@kept
def frontal(anatomy: Anatomy) -> Tensor:
    return smooth_step(anatomy.around, 75.0, 40.0)


@kept
def forehead(anatomy: Anatomy) -> Tensor:
    return smooth_step(anatomy.around, 56.0, 26.0)


@kept
def backwards(anatomy: Anatomy) -> Tensor:
    return 15.0 * smooth_step(anatomy.around, 25.0, 70.0)


@kept
def sides(anatomy: Anatomy) -> Tensor:
    return smooth_step(anatomy.around, 42.0, 72.0)


@kept
def off_chin(anatomy: Anatomy) -> Tensor:
    return smooth_step(anatomy.around, 14.0, 44.0)


@kept
def temple(anatomy: Anatomy) -> Tensor:
    return bell(((anatomy.around - 33.0) / 14.0) ** 2)


@kept
def peak(anatomy: Anatomy) -> Tensor:
    return bell((anatomy.around / 9.0) ** 2)


@kept
def temples(anatomy: Anatomy) -> Tensor:
    temples = smooth_step(anatomy.around, 84.0, 56.0) * smooth_step(anatomy.around, 22.0, 50.0)
    height = anatomy.points[1]
    return temples * smooth_step(height, 5.0, 30.0) * smooth_step(height, 95.0, 65.0)


@kept
def slant(anatomy: Anatomy) -> Tensor:
    return torch.sin(anatomy.points[0] / 35.0)


@kept
def off_ears(anatomy: Anatomy) -> Tensor:
    return 1 - smooth_step(anatomy.ear, 0.05, 0.5)


@kept
def on_ears(anatomy: Anatomy) -> Tensor:
    return 3.0 * smooth_step(anatomy.ear, 0.15, 0.5)


@kept
def tucked(anatomy: Anatomy) -> Tensor:
    """How far right ears are pressed, mm."""
    side = anatomy.points[0]
    out = (side.sign() * 69.0 - side) * (side.abs() > 69.0)
    return out * smooth_step(anatomy.ear, 0.0, 0.3)


@kept
def lift(anatomy: Anatomy) -> Tensor:
    centre = constant((0.0, 88.0, -55.0), anatomy.points)[:, None]
    squared = ((anatomy.points - centre) ** 2).sum(dim=0)
    return bell(squared / 46.0**2) * 11.0


@kept
def brow_bow(anatomy: Anatomy) -> Tensor:
    return torch.sin(torch.pi * anatomy.brow_along)


@kept
def brow_height(anatomy: Anatomy) -> Tensor:
    return anatomy.brow + anatomy.brow_rise.abs()


@kept
def brow_density(anatomy: Anatomy) -> Tensor:
    # Its inner end begins with single hairs.
    return 0.8 - 0.25 * anatomy.brow_along - 0.35 * smooth_step(anatomy.brow_along, 0.22, 0.0)


@kept
def on_face(anatomy: Anatomy) -> Tensor:
    on_face = torch.maximum(smooth_step(anatomy.brow, -8.0, -4.0), anatomy.lash)
    on_face = torch.maximum(on_face, 0.7 * smooth_step(anatomy.beard, -6.0, 0.0))
    return torch.maximum(on_face, 0.7 * smooth_step(anatomy.moustache, -6.0, 0.0))


@kept
def thin(anatomy: Anatomy) -> Tensor:
    # A head of hair is not one flat tone, and little light gets down to its edges.
    return 1 - 0.3 * bell(((anatomy.scalp - 2.0) / 13.0) ** 2)
