"""Two layers over a background to pixels: interpolate, mix and resolve in one compiled pass."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster.contract import Fragments
from facegen.raster.interpolate import interpolate
from facegen.raster.jit import kernel, parallel_kernel, prange
from facegen.raster.resolve import resolve
from facegen.raster.sight import Sight, everything

Floats = NDArray[np.float32]
Indices = NDArray[np.uint32]


class _Inputs(NamedTuple):
    """What composite draws from; all but faces are batches, where one item stands for all."""

    face_id: NDArray[np.int32]
    layers: Floats
    screen: Floats
    background: Floats
    faces: Indices


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
    sight: Sight | None = None,
) -> Tensor:
    """Pixels (batch, height, width, channel): resolve(mix(interpolate(layers))), no gradient.

    layers: (batch, vertex, 2 * channel + 1). background: (channel,) or (batch, channel). The rest
    is as in interpolate and resolve. sight: the vertices in sight, if known. What has one item
    where the batch has more stands for all: under a light that moves, a head that stands still is
    rasterized once. Compiled into one pass in single precision, on the CPU and on CUDA devices, for
    faces seen from outside.
    """
    batch, channels = max(len(layers), len(screen)), layers.shape[2] // 2
    height, width = (side // samples_per_axis for side in fragments.face_id.shape[1:])
    background = background.reshape(-1, channels)
    if layers.device.type == "cuda" and layers.dtype == torch.float32:
        # Triton is a package that other machines need not have.
        from facegen.raster import cuda

        return cuda.composite(
            layers, screen, faces, fragments.face_id, background, samples_per_axis
        )
    if layers.device.type != "cpu" or layers.dtype != torch.float32:
        fragments = fragments.expand(batch)
        shown = mix(interpolate(layers, screen.expand(batch, -1, -1), faces, fragments))
        return resolve(shown, fragments, background[:, None, None], samples_per_axis)
    pixels = layers.new_empty((batch, height, width, channels))
    inputs = _Inputs(
        _array(fragments.face_id),
        _array(layers),
        _array(screen),
        _array(background),
        _array(faces).view(np.uint32),
    )
    _composite(pixels.numpy(), inputs, sight or everything(screen.shape[1]))
    return pixels


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().contiguous().numpy()


@parallel_kernel
def _composite(pixels: Floats, inputs: _Inputs, sight: Sight) -> None:
    for n in prange(len(pixels)):
        _composite_image(pixels[n], inputs, sight, n)


@kernel
def _composite_image(pixels: Floats, inputs: _Inputs, sight: Sight, n: int) -> None:
    face_id = inputs.face_id[n % len(inputs.face_id)]
    layers = inputs.layers[n % len(inputs.layers)]
    screen = inputs.screen[n % len(inputs.screen)]
    background = inputs.background[n % len(inputs.background)]
    faces = inputs.faces
    height, width, channels = pixels.shape
    side = face_id.shape[1] // width
    zero, one, half, least = np.float32(0), np.float32(1), np.float32(0.5), np.float32(1e-20)
    scale = one / np.float32(side * side)
    # What a sample needs of a vertex, side by side. Place and layers are read in order once, and
    # are in a near cache when samples ask for them in no order.
    vertex = np.empty((len(screen), 3 + layers.shape[1]), dtype=np.float32)
    shown = n % len(sight.many)
    for v in sight.vertices[shown, : sight.many[shown]]:
        for k in range(3):
            vertex[v, k] = screen[v, k]
        for k in range(layers.shape[1]):
            vertex[v, 3 + k] = layers[v, k]
    for row in range(height):
        for column in range(width):
            # The first channel apart from the others: grey takes a third of the time.
            first = zero
            for k in range(1, channels):
                pixels[row, column, k] = zero
            for down in range(side):
                for right in range(side):
                    i, j = np.uint64(row * side + down), np.uint64(column * side + right)
                    if face_id[i, j] < 0:
                        first += background[0]
                        for k in range(1, channels):
                            pixels[row, column, k] += background[k]
                        continue
                    face = np.uint32(face_id[i, j])
                    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
                    # Coordinates as in facegen.raster.barycentric, but of an outward face.
                    x, y = np.float32(j) + half, np.float32(i) + half
                    ax, ay, az = vertex[a, 0] - x, vertex[a, 1] - y, vertex[a, 2]
                    bx, by, bz = vertex[b, 0] - x, vertex[b, 1] - y, vertex[b, 2]
                    cx, cy, cz = vertex[c, 0] - x, vertex[c, 1] - y, vertex[c, 2]
                    ea, eb, ec = cx * by - bx * cy, ax * cy - cx * ay, bx * ay - ax * by
                    wa = max(ea, least) * (bz * cz)
                    wb = max(eb, least) * (cz * az)
                    wc = max(ec, least) * (az * bz)
                    total = one / (wa + wb + wc)
                    wa, wb, wc = wa * total, wb * total, wc * total
                    last, over = np.uint64(3 + 2 * channels), np.uint64(3 + channels)
                    cover = wa * vertex[a, last] + wb * vertex[b, last] + wc * vertex[c, last]
                    cover = min(max(cover, zero), one)
                    below = wa * vertex[a, 3] + wb * vertex[b, 3] + wc * vertex[c, 3]
                    above = wa * vertex[a, over] + wb * vertex[b, over] + wc * vertex[c, over]
                    first += below + cover * (above - below)
                    for k in range(1, channels):
                        under, over = np.uint64(3 + k), np.uint64(3 + channels + k)
                        below = (
                            wa * vertex[a, under] + wb * vertex[b, under] + wc * vertex[c, under]
                        )
                        above = wa * vertex[a, over] + wb * vertex[b, over] + wc * vertex[c, over]
                        pixels[row, column, k] += below + cover * (above - below)
            pixels[row, column, 0] = first * scale
            for k in range(1, channels):
                pixels[row, column, k] *= scale
