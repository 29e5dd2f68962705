"""The derivative that point samples miss: an occluding edge moves, and pixels change sides.

The box-filtered picture is an integral, and its derivative has two parts: the change of what is
seen, which the samples carry, and the sweep of every edge where one thing hides another,

    d pixel = integral over the edges within the pixel of (inside - outside) (v . n) dl,

with v the edge's velocity and n its normal, from inside to outside (Li, Aittala, Durand & Lehtinen
2018, eq. 5). It is summed here over the places where the edges cross the lines of samples, as in
the analytic anti-aliasing of Laine et al. 2020, but on the way back alone: the picture is left as
the samples make it. Crossings of rows count n_x^2 and those of columns n_y^2, which add up to 1, so
that no edge is along the lines it is summed over.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.batches import array
from facegen.raster.contract import Fragments
from facegen.raster.jit import kernel, parallel_kernel, prange
from facegen.raster.meet import meet
from facegen.raster.occlude import occlude
from facegen.raster.sweep import sweep
from facegen.raster.topology import Topology

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int32]
Faces = NDArray[np.uint32]


def follow_silhouettes(
    pixels: Tensor,
    samples: Tensor,
    background: Tensor,
    screen: Tensor,
    mesh: Topology,
    fragments: Fragments,
    layers: Tensor | None = None,
) -> Tensor:
    """The same pixels, but with the derivative by the places of occluding edges on the screen.

    pixels: (batch, height, width, channel), as resolve made them of samples and background.
    samples: (batch, height * n, width * n, channel); background: (channel,) or (batch, channel).
        Both only say how much changes at an edge, and get no gradient from here.
    screen: (batch, vertex, 3), as it was rasterized with faces seen from behind left out.
    layers: (batch or 1, vertex, channel or 2 * channel + 1), what samples are interpolated from,
        before mix if there are two; gets no gradient from here, either. Without it, an edge shows
        what the sample beside it does, which is wrong where colours change from one sample to the
        next, as on an eyelid.
    An edge occludes where a face towards the viewer ends: its neighbour looks away, or there is
    none. Lines where surfaces pass through each other count, too. Not followed: what is thinner
    than the distance of two samples. Edges beyond the outermost samples do not count.
    """
    if background.ndim > 2 or background.shape[-1] != samples.shape[-1]:
        raise ValueError(
            f"background must be (channel,) or (batch, channel) of {samples.shape[-1]} channels, "
            f"not {tuple(background.shape)}"
        )
    followed: Tensor = _Silhouettes.apply(  # type: ignore[no-untyped-call]
        pixels, screen, samples.detach(), background.detach(), mesh, fragments, layers
    )
    return followed


class _Silhouettes(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        pixels: Tensor,
        screen: Tensor,
        samples: Tensor,
        background: Tensor,
        mesh: Topology,
        fragments: Fragments,
        layers: Tensor | None,
    ) -> Tensor:
        ctx.mesh, ctx.layers = mesh, layers
        ctx.save_for_backward(screen, samples, background, fragments.face_id, fragments.depth)
        return pixels.view_as(pixels)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_pixels: Tensor) -> tuple[Tensor | None, ...]:
        if not ctx.needs_input_grad[1]:
            return by_pixels, None, None, None, None, None, None
        screen, samples, background, face_id, depth = ctx.saved_tensors
        layers = samples.new_empty((1, 0, 0)) if ctx.layers is None else ctx.layers
        # Edges are followed on the CPU, wherever the picture was made.
        place = array(screen.cpu())
        by_screen = np.zeros_like(place)
        _follow(
            by_screen,
            place,
            ctx.mesh.faces,
            ctx.mesh.neighbours,
            array(face_id.cpu()),
            array(depth.cpu()),
            array(layers.cpu()),
            array(samples.cpu()),
            array(background.reshape(-1, samples.shape[-1]).cpu()),
            array(by_pixels.cpu()),
        )
        moved = torch.from_numpy(by_screen).to(screen.device)
        return by_pixels, moved, None, None, None, None, None


@parallel_kernel
def _follow(
    by_screen: Floats,
    screen: Floats,
    faces: Faces,
    neighbours: Ids,
    face_id: Ids,
    depth: NDArray[np.float32],
    layers: Floats,
    samples: Floats,
    background: Floats,
    by_pixels: Floats,
) -> None:
    for n in prange(len(by_screen)):
        follow(
            screen[n], faces, neighbours, face_id[n], depth[n], layers[n % len(layers)],
            samples[n], background[n % len(background)], by_pixels[n], by_screen[n],
        )  # fmt: skip


@kernel
def follow(
    screen: Floats, faces: Faces, neighbours: Ids, face_id: Ids, depth: NDArray[np.float32],
    layers: Floats, samples: Floats, background: Floats, by_pixels: Floats, by_screen: Floats,
) -> None:  # fmt: skip
    """Add one picture's gradient by screen (vertex, 3); the rest is as in follow_silhouettes."""
    found, outer = np.empty((2, *face_id.shape), np.int32), np.empty((2, *face_id.shape), np.int32)
    crossings = np.empty(found.size, np.int32)
    many = occlude(screen, faces, neighbours, face_id, depth, found, outer, crossings)
    sweep(
        screen, faces, outer, crossings[:many], face_id, layers, samples, background, by_pixels,
        by_screen,
    )  # fmt: skip
    meet(screen, faces, neighbours, outer, face_id, layers, samples, by_pixels, by_screen)
