"""Perspective-correct interpolation of vertex attributes, with its gradients.

At a point p of the screen a face's barycentric coordinates are b_i = w_i / (w_0 + w_1 + w_2) with
w_i = E_i(p) / z_i, E_i being twice the area of the triangle of p and the edge opposite vertex i
(Blinn 1992, "Hyperbolic interpolation"). Which face a sample sees counts as fixed.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.contract import Fragments
from facegen.raster.jit import kernel, parallel_kernel, prange, thread_count

Floats = NDArray[np.float32] | NDArray[np.float64]
Ints = NDArray[np.int32]
Triple = tuple[float, float, float]


def interpolate(attributes: Tensor, screen: Tensor, faces: Tensor, fragments: Fragments) -> Tensor:
    """The attributes of what each sample sees (batch, height, width, channel), 0 at the background.

    attributes: (batch or 1, vertex, channel), of screen's dtype, float32 or float64.
    screen: (batch, vertex, 3) and faces (face, 3), as they were rasterized.
    Gradients go to attributes and to all of screen, and are the same bits with every number of
    threads. The rasterizer rounds vertices, so a sample may lie up to 1 / 256 sample outside its
    face: the coordinate that would be negative is taken as 0.
    Raises ValueError if the shapes or types do not fit together.
    """
    batch, vertices = screen.shape[:2]
    if (
        attributes.ndim != 3
        or attributes.shape[0] not in (1, batch)
        or attributes.shape[1] != vertices
    ):
        raise ValueError(
            f"attributes must be ({batch} or 1, {vertices}, channel) to fit screen, "
            f"not {tuple(attributes.shape)}"
        )
    if fragments.face_id.shape[0] != batch:
        raise ValueError(f"fragments are of {fragments.face_id.shape[0]} images, screen of {batch}")
    if attributes.dtype != screen.dtype:
        raise ValueError(f"attributes are {attributes.dtype} but screen is {screen.dtype}")
    image: Tensor = _Interpolate.apply(  # type: ignore[no-untyped-call]
        attributes, screen, faces, fragments.face_id
    )
    return image


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, attributes: Tensor, screen: Tensor, faces: Tensor, face_id: Tensor
    ) -> Tensor:
        ctx.save_for_backward(attributes, screen, faces, face_id)
        image = attributes.new_empty((*face_id.shape, attributes.shape[2]))
        drive = _forward_serial if _serial(face_id) else _forward_parallel
        drive(*_arrays(attributes, screen, faces, face_id, image))
        return image

    @staticmethod
    def backward(ctx: Any, image_gradient: Tensor) -> tuple[Tensor | None, ...]:
        attributes, screen, faces, face_id = ctx.saved_tensors
        to_attributes, to_screen = ctx.needs_input_grad[:2]
        batch = len(screen)
        gradient = attributes.new_zeros(
            (batch, *attributes.shape[1:]) if to_attributes else (batch, 0, 0)
        )
        screen_gradient = screen.new_zeros(screen.shape if to_screen else (batch, 0, 3))
        drive = _backward_serial if _serial(face_id) else _backward_parallel
        drive(
            *_arrays(attributes, screen, faces, face_id, image_gradient, gradient, screen_gradient)
        )
        if len(attributes) < batch:
            gradient = gradient.sum(0, keepdim=True)
        return (
            gradient if to_attributes else None,
            screen_gradient if to_screen else None,
            None,
            None,
        )


def _serial(face_id: Tensor) -> bool:
    """Whether to stay on this thread: started threads would not survive a fork of the process."""
    return min(thread_count(), len(face_id)) <= 1


def _arrays(*tensors: Tensor) -> list[NDArray[Any]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


@kernel
def _edge_functions(screen: Floats, a: int, b: int, c: int, x: float, y: float) -> Triple:
    """E at (x, y) for the edges opposite a, b, c: positive within a face seen from outside."""
    ax, ay = screen[a, 0] - x, screen[a, 1] - y
    bx, by = screen[b, 0] - x, screen[b, 1] - y
    cx, cy = screen[c, 0] - x, screen[c, 1] - y
    return cx * by - bx * cy, ax * cy - cx * ay, bx * ay - ax * by


@kernel
def _weights(screen: Floats, a: int, b: int, c: int, ea: float, eb: float, ec: float) -> Triple:
    """Three w, up to a common factor: E / z, times the product of the three z, never negative."""
    zero = screen.dtype.type(0)
    if ea + eb + ec < zero:
        ea, eb, ec = -ea, -eb, -ec
    za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
    return max(ea, zero) * (zb * zc), max(eb, zero) * (zc * za), max(ec, zero) * (za * zb)


@kernel
def _forward_image(
    attributes: Floats, screen: Floats, faces: Ints, face_id: Ints, image: Floats
) -> None:
    number = screen.dtype.type
    height, width, channels = image.shape
    for row in range(height):
        for column in range(width):
            face = face_id[row, column]
            if face < 0:
                for channel in range(channels):
                    image[row, column, channel] = number(0)
                continue
            a, b, c = (
                np.uint32(faces[face, 0]),
                np.uint32(faces[face, 1]),
                np.uint32(faces[face, 2]),
            )
            x, y = number(column) + number(0.5), number(row) + number(0.5)
            ea, eb, ec = _edge_functions(screen, a, b, c, x, y)
            wa, wb, wc = _weights(screen, a, b, c, ea, eb, ec)
            total = wa + wb + wc
            if total == number(0):  # a face without area before rounding
                wa, wb, wc, total = number(1), number(1), number(1), number(3)
            scale = number(1) / total
            wa, wb, wc = wa * scale, wb * scale, wc * scale
            for channel in range(channels):
                image[row, column, channel] = (
                    wa * attributes[a, channel]
                    + wb * attributes[b, channel]
                    + wc * attributes[c, channel]
                )


@kernel
def _backward_image(
    attributes: Floats,
    screen: Floats,
    faces: Ints,
    face_id: Ints,
    image_gradient: Floats,
    attributes_gradient: Floats,
    screen_gradient: Floats,
) -> None:
    """Add to the gradients, each of which may be empty instead: (0, channel) or (0, 3)."""
    number = screen.dtype.type
    height, width, channels = image_gradient.shape
    to_attributes, to_screen = len(attributes_gradient) > 0, len(screen_gradient) > 0
    for row in range(height):
        for column in range(width):
            face = face_id[row, column]
            if face < 0:
                continue
            a, b, c = (
                np.uint32(faces[face, 0]),
                np.uint32(faces[face, 1]),
                np.uint32(faces[face, 2]),
            )
            x, y = number(column) + number(0.5), number(row) + number(0.5)
            ea, eb, ec = _edge_functions(screen, a, b, c, x, y)
            wa, wb, wc = _weights(screen, a, b, c, ea, eb, ec)
            total = wa + wb + wc
            flat = total == number(0)
            if flat:
                wa, wb, wc, total = number(1), number(1), number(1), number(3)
            scale = number(1) / total
            wa, wb, wc = wa * scale, wb * scale, wc * scale
            ga, gb, gc = number(0), number(0), number(0)  # loss by weight
            for channel in range(channels):
                gradient = image_gradient[row, column, channel]
                ga += gradient * attributes[a, channel]
                gb += gradient * attributes[b, channel]
                gc += gradient * attributes[c, channel]
                if to_attributes:
                    attributes_gradient[a, channel] += gradient * wa
                    attributes_gradient[b, channel] += gradient * wb
                    attributes_gradient[c, channel] += gradient * wc
            if not to_screen or flat:
                continue
            mean = ga * wa + gb * wb + gc * wc
            ga, gb, gc = ga - mean, gb - mean, gc - mean
            za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
            screen_gradient[a, 2] -= ga * wa / za
            screen_gradient[b, 2] -= gb * wb / zb
            screen_gradient[c, 2] -= gc * wc / zc
            if ea + eb + ec < number(0):
                scale = -scale
            # Loss by edge function; a coordinate that was taken as 0 does not move.
            ga = ga * scale * (zb * zc) if wa > number(0) else number(0)
            gb = gb * scale * (zc * za) if wb > number(0) else number(0)
            gc = gc * scale * (za * zb) if wc > number(0) else number(0)
            ax, ay = screen[a, 0] - x, screen[a, 1] - y
            bx, by = screen[b, 0] - x, screen[b, 1] - y
            cx, cy = screen[c, 0] - x, screen[c, 1] - y
            screen_gradient[a, 0] += gb * cy - gc * by
            screen_gradient[a, 1] += gc * bx - gb * cx
            screen_gradient[b, 0] += gc * ay - ga * cy
            screen_gradient[b, 1] += ga * cx - gc * ax
            screen_gradient[c, 0] += ga * by - gb * ay
            screen_gradient[c, 1] += gb * ax - ga * bx


@kernel
def _forward_serial(
    attributes: Floats, screen: Floats, faces: Ints, face_id: Ints, image: Floats
) -> None:
    for n in range(len(screen)):
        _forward_image(attributes[n % len(attributes)], screen[n], faces, face_id[n], image[n])


@parallel_kernel
def _forward_parallel(
    attributes: Floats, screen: Floats, faces: Ints, face_id: Ints, image: Floats
) -> None:
    for n in prange(len(screen)):
        _forward_image(attributes[n % len(attributes)], screen[n], faces, face_id[n], image[n])


@kernel
def _backward_serial(
    attributes: Floats,
    screen: Floats,
    faces: Ints,
    face_id: Ints,
    image_gradient: Floats,
    attributes_gradient: Floats,
    screen_gradient: Floats,
) -> None:
    for n in range(len(screen)):
        _backward_image(
            attributes[n % len(attributes)],
            screen[n],
            faces,
            face_id[n],
            image_gradient[n],
            attributes_gradient[n],
            screen_gradient[n],
        )


@parallel_kernel
def _backward_parallel(
    attributes: Floats,
    screen: Floats,
    faces: Ints,
    face_id: Ints,
    image_gradient: Floats,
    attributes_gradient: Floats,
    screen_gradient: Floats,
) -> None:
    for n in prange(len(screen)):
        _backward_image(
            attributes[n % len(attributes)],
            screen[n],
            faces,
            face_id[n],
            image_gradient[n],
            attributes_gradient[n],
            screen_gradient[n],
        )
