"""Layers over a background to pixels: interpolate, mix and resolve in one compiled pass."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegen.batches import array, of_batch
from facegen.raster import blend, blend_gradient
from facegen.raster.contract import Fragments
from facegen.raster.interpolate import interpolate
from facegen.raster.resolve import resolve
from facegen.raster.sight import Sight, everything
from facegen.raster.silhouette import follow_silhouettes
from facegen.raster.topology import Topology


def mix(layered: Tensor) -> Tensor:
    """Interpolated layers (..., 2 * channel + 1) to what a sample shows (..., channel).

    layered: the layer below, the layer above, and how much the latter covers, before it is clamped
    to 0..1: a border between them is as sharp as the samples are, whatever the mesh's.
    """
    channels = layered.shape[-1] // 2
    below, above = layered[..., :channels], layered[..., channels:-1]
    return below + layered[..., -1:].clamp(0, 1) * (above - below)


def composite(
    layers: Tensor,
    screen: Tensor,
    faces: Tensor,
    fragments: Fragments,
    background: Tensor,
    samples_per_axis: int,
    *,
    sight: Sight | None = None,
    mesh: Topology | None = None,
) -> Tensor:
    """Pixels (batch, height, width, channel) of faces seen from outside, with gradients.

    layers: (batch, vertex, 2 * channel + 1) as mix has them, or one layer (batch, vertex, channel).
    background: (channel,) or (batch, channel). The rest is as in interpolate and resolve, whose
    results these are. What has one item where the batch has more stands for all: under a light that
    moves, a head that stands still is rasterized once.
    sight: without gradients, the vertices in sight, if known. mesh: of the faces; silhouettes are
    followed, as follow_silhouettes does, where it is given.
    Compiled into one pass on the CPU and, in single precision, of two layers and without gradients,
    on CUDA. Raises ValueError if shapes or types do not fit together.
    """
    background = background if background.ndim == 2 else background[None]
    channels, width = background.shape[-1], layers.shape[2]
    _check(layers, screen, background, fragments.face_id, samples_per_axis)
    inputs = (layers, screen, background)
    moves = torch.is_grad_enabled() and any(one.requires_grad for one in inputs)
    if layers.device.type == "cpu":
        if not moves:
            return _pixels(*inputs, faces, fragments, samples_per_axis, sight)
        pixels: Tensor = _Composite.apply(  # type: ignore[no-untyped-call]
            *inputs, faces, fragments, samples_per_axis, mesh
        )
        return pixels
    is_mixed = width > channels
    if is_mixed and not moves and layers.device.type == "cuda" and layers.dtype == torch.float32:
        # Triton is a package that other machines need not have.
        from facegen.raster import cuda

        return cuda.composite(
            layers, screen, faces, fragments.face_id, background, samples_per_axis
        )
    batch = max(len(layers), len(screen))
    fragments, screen = fragments.expand(batch), screen.expand(batch, -1, -1)
    shown = interpolate(layers, screen, faces, fragments)
    shown = mix(shown) if is_mixed else shown
    pixels = resolve(shown, fragments, background[:, None, None], samples_per_axis)
    if mesh is None or not screen.requires_grad:
        return pixels
    return follow_silhouettes(pixels, shown, background, screen, mesh, fragments, layers.detach())


def _check(layers: Tensor, screen: Tensor, background: Tensor, face_id: Tensor, side: int) -> None:
    """Compiled code would look beyond the ends of what does not fit."""
    (many, vertices, width), channels = layers.shape, background.shape[-1]
    if vertices != screen.shape[1] or width not in (channels, 2 * channels + 1):
        raise ValueError(
            f"layers must be (batch, {screen.shape[1]}, {channels} or {2 * channels + 1}) to fit "
            f"screen and background, not {tuple(layers.shape)}"
        )
    batch, behind = max(many, len(screen)), len(background)
    fit = all(size in (1, batch) for size in (many, len(screen), behind))
    if background.ndim != 2 or not fit or len(face_id) != len(screen):
        raise ValueError(
            f"batches of {many} layers, {len(screen)} screens, {len(face_id)} fragments and "
            f"backgrounds {tuple(background.shape)} do not go together"
        )
    if face_id.shape[1] % side or face_id.shape[2] % side:
        raise ValueError(
            f"{face_id.shape[1]} x {face_id.shape[2]} samples do not make whole pixels "
            f"of {side} x {side}"
        )
    if not layers.dtype == screen.dtype == background.dtype:
        raise ValueError(
            f"layers are {layers.dtype}, but screen is {screen.dtype} and background "
            f"{background.dtype}"
        )


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        layers: Tensor,
        screen: Tensor,
        background: Tensor,
        faces: Tensor,
        fragments: Fragments,
        samples_per_axis: int,
        mesh: Topology | None,
    ) -> Tensor:
        ctx.mesh = mesh
        ctx.save_for_backward(layers, screen, background, faces, fragments.face_id, fragments.depth)
        return _pixels(layers, screen, background, faces, fragments, samples_per_axis, None)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_pixels: Tensor) -> tuple[Tensor | None, ...]:
        layers, screen, background, faces, face_id, depth = ctx.saved_tensors
        gradient, inputs = array(by_pixels), _inputs(layers, screen, background, faces, face_id)
        is_asked = ctx.needs_input_grad[:3]
        is_followed = is_asked[1] and ctx.mesh is not None
        neighbours = ctx.mesh.neighbours if is_followed else np.empty((0, 3), np.int32)
        # Every picture adds to arrays of its own, so that no two threads write to one place.
        by_layers, by_screen, by_background = (
            np.zeros((len(gradient), *plane.shape[1:]), gradient.dtype)
            for plane in (layers, screen[:, : screen.shape[1] * is_asked[1]], background)
        )
        edges = blend_gradient.Edges(neighbours, array(depth))
        blend_gradient.backward(gradient, inputs, edges, by_layers, by_screen, by_background)
        gradients = zip((by_layers, by_screen, by_background), inputs[1:4], is_asked, strict=True)
        found = [
            of_batch(torch.from_numpy(one), len(plane)) if asked else None
            for one, plane, asked in gradients
        ]
        return (*found, None, None, None, None)


def _pixels(
    layers: Tensor,
    screen: Tensor,
    background: Tensor,
    faces: Tensor,
    fragments: Fragments,
    side: int,
    sight: Sight | None,
) -> Tensor:
    batch, channels = max(len(layers), len(screen)), background.shape[1]
    height, width = (samples // side for samples in fragments.face_id.shape[1:])
    inputs = _inputs(layers, screen, background, faces, fragments.face_id)
    pixels = np.empty((batch, height, width, channels), dtype=inputs.layers.dtype)
    blend.forward(pixels, inputs, sight or everything(screen.shape[1]))
    return torch.from_numpy(pixels)


def _inputs(
    layers: Tensor, screen: Tensor, background: Tensor, faces: Tensor, face_id: Tensor
) -> blend.Inputs:
    return blend.Inputs(
        array(face_id),
        array(layers),
        array(screen),
        array(background),
        array(faces).view(np.uint32),
    )
