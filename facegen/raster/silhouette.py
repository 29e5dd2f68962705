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

from facegen.raster.contract import Fragments
from facegen.raster.meet import meet
from facegen.raster.occlude import occluders
from facegen.raster.sweep import sweep
from facegen.raster.topology import Topology


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
    samples: (batch, height * n, width * n, channel); background: of pixels' shape. Both only say
        how much changes at an edge, and get no gradient from here.
    screen: (batch, vertex, 3), as it was rasterized with faces seen from behind left out.
    layers: (batch or 1, vertex, 2 * channel + 1), what samples are interpolated from before mix;
        gets no gradient from here, either. Without it, an edge shows what the sample beside it
        does, which is wrong where colours change from one sample to the next, as on an eyelid.
    An edge occludes where a face towards the viewer ends: its neighbour looks away, or there is
    none. Lines where surfaces pass through each other count, too. Not followed: what is thinner
    than the distance of two samples. Edges beyond the outermost samples do not count.
    """
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
        layers = _array(samples.new_empty((1, 0, 0)) if ctx.layers is None else ctx.layers)
        # Edges are followed on the CPU, wherever the picture was made.
        place, mesh, ids = _array(screen), ctx.mesh, _array(face_id)
        by_screen = torch.zeros(screen.shape, dtype=screen.dtype)
        found, outer = np.empty((2, len(ids), 2, *ids.shape[1:]), dtype=np.int32)
        occluders(place, mesh.faces, mesh.edges, mesh.neighbours, ids, _array(depth), found, outer)
        shown, gradient = _array(samples), _array(by_pixels)
        behind = _array(background.expand_as(by_pixels))
        moved = by_screen.numpy()
        sweep(place, mesh.edges, outer, ids, layers, shown, behind, gradient, moved)
        meet(place, mesh.faces, mesh.neighbours, outer, ids, layers, shown, gradient, moved)
        return by_pixels, by_screen.to(screen.device), None, None, None, None, None


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().contiguous().numpy()
