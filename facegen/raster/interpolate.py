"""Perspective-correct interpolation of vertex attributes, with its gradients."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.batches import array, of_batch
from facegen.raster import barycentric, plain
from facegen.raster.contract import Fragments


def interpolate(attributes: Tensor, screen: Tensor, faces: Tensor, fragments: Fragments) -> Tensor:
    """The attributes of what each sample sees (batch, height, width, channel), 0 at the background.

    attributes: (batch or 1, vertex, channel), of screen's dtype, float32 or float64.
    screen: (batch, vertex, 3) and faces (face, 3), as they were rasterized.
    Gradients go to attributes and to all of screen, with the faces that are seen held fixed; they
    are the same bits with every number of the CPU's threads. As the rasterizer rounds vertices, a
    sample can lie a little outside its face: the coordinate that would be negative is 0.
    Raises ValueError if shapes or types do not fit together.
    """
    _check(attributes, screen, fragments.face_id)
    if screen.device.type != "cpu":
        return plain.interpolate(attributes, screen, faces, fragments.face_id)
    if not torch.is_grad_enabled():
        return _forward(attributes, screen, faces, fragments.face_id)
    image: Tensor = _Interpolate.apply(  # type: ignore[no-untyped-call]
        attributes, screen, faces, fragments.face_id
    )
    return image


def interpolate_seen(
    attributes: Tensor, screen: Tensor, faces: Tensor, fragments: Fragments
) -> Tensor:
    """The same of one picture's samples that see a face: planes (channel, sample), row by row."""
    assert len(screen) == 1, "one picture"
    _check(attributes, screen, fragments.face_id)
    if screen.device.type != "cpu":
        return plain.interpolate_seen(attributes, screen, faces, fragments.face_id)
    planes: Tensor = _InterpolateSeen.apply(  # type: ignore[no-untyped-call]
        attributes, screen, faces, fragments.face_id
    )
    return planes


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, attributes: Tensor, screen: Tensor, faces: Tensor, face_id: Tensor
    ) -> Tensor:
        ctx.save_for_backward(attributes, screen, faces, face_id)
        return _forward(attributes, screen, faces, face_id)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_image: Tensor) -> tuple[Tensor | None, ...]:
        return _gradients(ctx, by_image)


class _InterpolateSeen(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, attributes: Tensor, screen: Tensor, faces: Tensor, face_id: Tensor
    ) -> Tensor:
        ctx.save_for_backward(attributes, screen, faces, face_id)
        planes = attributes.new_empty((attributes.shape[2], int((face_id >= 0).sum())))
        barycentric.forward_seen(
            array(screen[0]),
            array(attributes[0]),
            _indices(faces),
            array(face_id[0]),
            planes.numpy(),
        )
        return planes

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_planes: Tensor) -> tuple[Tensor | None, ...]:
        face_id = ctx.saved_tensors[3]
        by_image = by_planes.new_zeros((*face_id.shape, len(by_planes)))
        by_image[face_id >= 0] = by_planes.T
        return _gradients(ctx, by_image)


def _forward(attributes: Tensor, screen: Tensor, faces: Tensor, face_id: Tensor) -> Tensor:
    image = attributes.new_empty((*face_id.shape, attributes.shape[2]))
    barycentric.forward(
        array(screen), array(attributes), _indices(faces), array(face_id), image.numpy()
    )
    return image


def _gradients(ctx: Any, by_image: Tensor) -> tuple[Tensor | None, ...]:
    """By attributes and screen, where they are needed; None for faces and face_id."""
    attributes, screen, faces, face_id = ctx.saved_tensors
    to_attributes, to_screen = ctx.needs_input_grad[:2]
    batch, (vertices, channels) = len(screen), attributes.shape[1:]
    # Every image adds to an array of its own, so that no two threads write to one place.
    by_attributes = attributes.new_zeros((batch, vertices if to_attributes else 0, channels))
    by_screen = screen.new_zeros((batch, vertices if to_screen else 0, 3))
    barycentric.backward(
        array(screen),
        array(attributes),
        _indices(faces),
        array(face_id),
        array(by_image),
        by_attributes.numpy(),
        by_screen.numpy(),
    )
    return (
        of_batch(by_attributes, len(attributes)) if to_attributes else None,
        by_screen if to_screen else None,
        None,
        None,
    )


def _indices(faces: Tensor) -> NDArray[np.uint32]:
    return array(faces).view(np.uint32)


def _check(attributes: Tensor, screen: Tensor, face_id: Tensor) -> None:
    batch, vertices = screen.shape[:2]
    fits = attributes.ndim == 3 and attributes.shape[0] in (1, batch)
    if not fits or attributes.shape[1] != vertices or attributes.shape[2] == 0:
        raise ValueError(
            f"attributes must be ({batch} or 1, {vertices}, channel) to fit screen, "
            f"not {tuple(attributes.shape)}"
        )
    if len(face_id) != batch:
        raise ValueError(f"fragments are of {len(face_id)} images, but screen of {batch}")
    if attributes.dtype != screen.dtype or not attributes.is_floating_point():
        raise ValueError(f"attributes are {attributes.dtype}, but screen is {screen.dtype}")
    if not attributes.device == screen.device == face_id.device:
        raise ValueError(
            f"interpolate needs tensors on one device, not on {attributes.device}, {screen.device} "
            f"and {face_id.device}"
        )
