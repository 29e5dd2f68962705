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
from facegen.raster.jit import kernel, parallel_kernel, prange

Floats = NDArray[np.float32] | NDArray[np.float64]
Ints = NDArray[np.int32]
Floats4 = tuple[float, float, float, float]

_LEAST = 1e-20
"""The least E, in squared samples: a face that has no area before it is rounded shows the mean."""


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
        _forward_batch(*_arrays(attributes, screen, faces, face_id, image))
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
        _backward_batch(
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


def _arrays(*tensors: Tensor) -> list[NDArray[Any]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


@kernel
def _edge_functions(screen: Floats, a: int, b: int, c: int, x: float, y: float) -> Floats4:
    """E at (x, y) for the edges opposite a, b, c, positive inside, and the sign that made it so."""
    ax, ay = screen[a, 0] - x, screen[a, 1] - y
    bx, by = screen[b, 0] - x, screen[b, 1] - y
    cx, cy = screen[c, 0] - x, screen[c, 1] - y
    ea, eb, ec = cx * by - bx * cy, ax * cy - cx * ay, bx * ay - ax * by
    number = screen.dtype.type
    side = number(1) if ea + eb + ec >= number(0) else number(-1)
    return side * ea, side * eb, side * ec, side


@kernel
def _coordinates(screen: Floats, a: int, b: int, c: int, x: float, y: float) -> Floats4:
    """Barycentric coordinates E_i z_j z_k scale of (x, y), never negative, and that scale."""
    ea, eb, ec, _ = _edge_functions(screen, a, b, c, x, y)
    za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
    least = screen.dtype.type(_LEAST)
    wa, wb, wc = max(ea, least) * (zb * zc), max(eb, least) * (zc * za), max(ec, least) * (za * zb)
    scale = screen.dtype.type(1) / (wa + wb + wc)
    return wa * scale, wb * scale, wc * scale, scale


@kernel
def _forward_image(
    attributes: Floats, screen: Floats, faces: Ints, face_id: Ints, image: Floats
) -> None:
    number = screen.dtype.type
    height, width, channels = image.shape
    image[:] = number(0)
    for row in range(height):
        for column in range(width):
            if face_id[row, column] < 0:
                continue
            face = np.uint32(face_id[row, column])
            a, b, c = (
                np.uint32(faces[face, 0]),
                np.uint32(faces[face, 1]),
                np.uint32(faces[face, 2]),
            )
            x, y = number(column) + number(0.5), number(row) + number(0.5)
            wa, wb, wc, _ = _coordinates(screen, a, b, c, x, y)
            # With the first channel outside the loop, grey takes two thirds of the time.
            image[row, column, 0] = (
                wa * attributes[a, 0] + wb * attributes[b, 0] + wc * attributes[c, 0]
            )
            for k in range(1, channels):
                image[row, column, k] = (
                    wa * attributes[a, k] + wb * attributes[b, k] + wc * attributes[c, k]
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
    """Add to the gradients, either of which may have no vertices if it is not needed."""
    number = screen.dtype.type
    height, width, channels = image_gradient.shape
    to_attributes, to_screen = len(attributes_gradient) > 0, len(screen_gradient) > 0
    for row in range(height):
        for column in range(width):
            if face_id[row, column] < 0:
                continue
            face = np.uint32(face_id[row, column])
            a, b, c = (
                np.uint32(faces[face, 0]),
                np.uint32(faces[face, 1]),
                np.uint32(faces[face, 2]),
            )
            x, y = number(column) + number(0.5), number(row) + number(0.5)
            wa, wb, wc, scale = _coordinates(screen, a, b, c, x, y)
            ga, gb, gc = number(0), number(0), number(0)
            for k in range(channels):
                gradient = image_gradient[row, column, k]
                ga += gradient * attributes[a, k]
                gb += gradient * attributes[b, k]
                gc += gradient * attributes[c, k]
                if to_attributes:
                    attributes_gradient[a, k] += gradient * wa
                    attributes_gradient[b, k] += gradient * wb
                    attributes_gradient[c, k] += gradient * wc
            if not to_screen:
                continue
            mean = wa * ga + wb * gb + wc * gc
            ga, gb, gc = ga - mean, gb - mean, gc - mean
            za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
            inverse = number(1) / (za * zb * zc)
            screen_gradient[a, 2] -= ga * wa * (zb * zc * inverse)
            screen_gradient[b, 2] -= gb * wb * (zc * za * inverse)
            screen_gradient[c, 2] -= gc * wc * (za * zb * inverse)
            # From here on by E, which does not move where it was raised to its least value.
            ea, eb, ec, side = _edge_functions(screen, a, b, c, x, y)
            scale *= side
            least = number(_LEAST)
            ga = ga * (zb * zc * scale) if ea > least else number(0)
            gb = gb * (zc * za * scale) if eb > least else number(0)
            gc = gc * (za * zb * scale) if ec > least else number(0)
            ax, ay = screen[a, 0] - x, screen[a, 1] - y
            bx, by = screen[b, 0] - x, screen[b, 1] - y
            cx, cy = screen[c, 0] - x, screen[c, 1] - y
            screen_gradient[a, 0] += gb * cy - gc * by
            screen_gradient[a, 1] += gc * bx - gb * cx
            screen_gradient[b, 0] += gc * ay - ga * cy
            screen_gradient[b, 1] += ga * cx - gc * ax
            screen_gradient[c, 0] += ga * by - gb * ay
            screen_gradient[c, 1] += gb * ax - ga * bx


@parallel_kernel
def _forward_batch(
    attributes: Floats, screen: Floats, faces: Ints, face_id: Ints, image: Floats
) -> None:
    for n in prange(len(screen)):
        _forward_image(attributes[n % len(attributes)], screen[n], faces, face_id[n], image[n])


@parallel_kernel
def _backward_batch(
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
