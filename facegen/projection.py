"""Compiled projection onto the screen and its derivatives: one pass where torch needs fifteen."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.batches import array, of_batch, together
from facegen.raster.jit import leaf, parallel_kernel, prange

Floats = NDArray[np.float32] | NDArray[np.float64]


def onto_screen(vertices: Tensor, lens: Tensor) -> Tensor:
    """Camera-frame vertices (batch or 1, 3, vertex) to the screen: see facegen.geometry.project.

    lens (batch or 1, 4): distance, focal length, right, down. Both are on the CPU and of one
    precision. Raises ValueError for batches that do not go together.
    """
    if torch.is_grad_enabled() and (vertices.requires_grad or lens.requires_grad):
        screen: Tensor = _Project.apply(vertices, lens)  # type: ignore[no-untyped-call]
        return screen
    return _projected(vertices, lens)


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vertices: Tensor, lens: Tensor) -> Tensor:
        ctx.save_for_backward(vertices, lens)
        return _projected(vertices, lens)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_screen: Tensor) -> tuple[Tensor | None, Tensor | None]:
        vertices, lens = ctx.saved_tensors
        batch, to_lens = len(by_screen), ctx.needs_input_grad[1]
        by_vertices = vertices.new_empty((batch, *vertices.shape[1:]))
        by_lens = lens.new_zeros((batch if to_lens else 0, 4))
        _backward(
            by_vertices.numpy(),
            by_lens.numpy(),
            array(by_screen),
            array(vertices),
            array(lens),
        )
        return (
            of_batch(by_vertices, len(vertices)) if ctx.needs_input_grad[0] else None,
            of_batch(by_lens, len(lens)) if to_lens else None,
        )


def _projected(vertices: Tensor, lens: Tensor) -> Tensor:
    screen = vertices.new_empty((together(lens, vertices), vertices.shape[2], 3))
    _forward(screen.numpy(), array(vertices), array(lens))
    return screen


@parallel_kernel
def _forward(screen: Floats, vertices: Floats, lens: Floats) -> None:
    for n in prange(len(screen)):
        _project(screen[n], vertices[n % len(vertices)], lens[n % len(lens)])


@leaf
def _project(screen: Floats, vertices: Floats, lens: Floats) -> None:
    (distance, focal, right, down), (x, y, z) = lens, vertices
    for v in range(len(x)):
        depth = distance - z[v]
        scale = focal / depth
        screen[v, 0], screen[v, 1], screen[v, 2] = right + x[v] * scale, down - y[v] * scale, depth


@parallel_kernel
def _backward(
    by_vertices: Floats, by_lens: Floats, by_screen: Floats, vertices: Floats, lens: Floats
) -> None:
    """Fill the gradient by vertices (batch, 3, vertex) and, unless empty, by lens (batch, 4)."""
    for n in prange(len(by_vertices)):
        place, view = vertices[n % len(vertices)], lens[n % len(lens)]
        _by_vertices(by_vertices[n], by_screen[n], place, view)
        if len(by_lens):
            _by_lens(by_lens[n], by_screen[n], place, view)


@leaf
def _by_vertices(by_vertices: Floats, by_screen: Floats, vertices: Floats, lens: Floats) -> None:
    distance, focal, (x, y, z), (by_x, by_y, by_z) = lens[0], lens[1], vertices, by_vertices
    for v in range(len(x)):
        depth = distance - z[v]
        scale = focal / depth
        right, down = by_screen[v, 0], by_screen[v, 1]
        by_x[v], by_y[v] = right * scale, -down * scale
        by_z[v] = (right * x[v] - down * y[v]) * (scale / depth) - by_screen[v, 2]


@leaf
def _by_lens(by_lens: Floats, by_screen: Floats, vertices: Floats, lens: Floats) -> None:
    distance, focal, (x, y, z) = lens[0], lens[1], vertices
    # Sums over all vertices, in double precision.
    by_distance, by_focal, by_right, by_down = 0.0, 0.0, 0.0, 0.0
    for v in range(len(x)):
        depth = distance - z[v]
        right, down = by_screen[v, 0], by_screen[v, 1]
        grown = (right * x[v] - down * y[v]) / depth
        by_distance += by_screen[v, 2] - grown * (focal / depth)
        by_focal += grown
        by_right += right
        by_down += down
    by_lens[0], by_lens[1], by_lens[2], by_lens[3] = by_distance, by_focal, by_right, by_down
