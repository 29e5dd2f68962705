"""Compiled kernel behind composite: a picture's gradient to its layers, places and background."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facegen.raster.barycentric import by_corners, weights
from facegen.raster.blend import Inputs
from facegen.raster.jit import inlined, kernel, leaf, parallel_kernel, prange
from facegen.raster.silhouette import follow

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int32]
Faces = NDArray[np.uint32]


class Edges(NamedTuple):
    """What follows silhouettes: neighbours (face, 3), none if nobody asks, and Fragments.depth."""

    neighbours: Ids
    depth: NDArray[np.float32]


@parallel_kernel
def backward(
    by_pixels: Floats,
    inputs: Inputs,
    edges: Edges,
    by_layers: Floats,
    by_screen: Floats,
    by_background: Floats,
) -> None:
    """Add the gradients by layers, screen and background, batches as long as that by pixels.

    One by screen with no vertices is not needed.
    """
    for n in prange(len(by_pixels)):
        _backward(by_pixels[n], inputs, edges, by_layers[n], by_screen[n], by_background[n], n)


@kernel
def _backward(
    by_pixels: Floats, inputs: Inputs, edges: Edges, by_layers: Floats, by_screen: Floats,
    by_background: Floats, n: int,
) -> None:  # fmt: skip
    face_id = inputs.face_id[n % len(inputs.face_id)]
    layers = inputs.layers[n % len(inputs.layers)]
    screen = inputs.screen[n % len(inputs.screen)]
    background = inputs.background[n % len(inputs.background)]
    samples = np.empty((*face_id.shape, by_pixels.shape[2]), dtype=by_pixels.dtype)
    by_sample = np.empty(layers.shape[1], dtype=by_pixels.dtype)
    _through_samples(
        by_pixels, face_id, layers, screen, inputs.faces, samples, by_sample, by_layers, by_screen,
        by_background,
    )  # fmt: skip
    if len(edges.neighbours):
        follow(
            screen, inputs.faces, edges.neighbours, face_id, edges.depth[n % len(edges.depth)],
            layers, samples, background, by_pixels, by_screen,
        )  # fmt: skip


@leaf
def _through_samples(
    by_pixels: Floats, face_id: Ids, layers: Floats, screen: Floats, faces: Faces,
    samples: Floats, by_sample: Floats, by_layers: Floats, by_screen: Floats, by_background: Floats,
) -> None:  # fmt: skip
    """Add the gradients of what samples see, and fill in what that is.

    samples (height, width, channel). by_sample: memory for a sample's gradient by its layers.
    """
    height, width, channels = by_pixels.shape
    side, number = len(face_id) // height, by_pixels.dtype.type
    half, scale = number(0.5), number(1) / number(side * side)
    for row in range(face_id.shape[0]):
        by_row = by_pixels[row // side]
        for pixel in range(width):
            misses = 0
            for column in range(pixel * side, pixel * side + side):
                if face_id[row, column] < 0:
                    misses += 1
                    continue
                face = np.uint32(face_id[row, column])
                corners = faces[face, 0], faces[face, 1], faces[face, 2]
                x, y = number(column) + half, number(row) + half
                (wa, wb, wc), size = weights(screen, corners, x, y, True)
                one, two, three = layers[corners[0]], layers[corners[1]], layers[corners[2]]
                for k in range(len(by_sample)):
                    by_sample[k] = wa * one[k] + wb * two[k] + wc * three[k]
                _through_mix(by_row[pixel], scale, by_sample, samples[row, column])
                ga, gb, gc = number(0), number(0), number(0)
                for k in range(len(by_sample)):
                    gradient = by_sample[k]
                    ga += gradient * one[k]
                    gb += gradient * two[k]
                    gc += gradient * three[k]
                    by_layers[corners[0], k] += gradient * wa
                    by_layers[corners[1], k] += gradient * wb
                    by_layers[corners[2], k] += gradient * wc
                if len(by_screen):
                    shares = wa, wb, wc
                    by_corners((ga, gb, gc), screen, corners, x, y, shares, size, True, by_screen)
            for k in range(channels if misses else 0):
                by_background[k] += by_row[pixel, k] * (number(misses) * scale)


@inlined
def _through_mix(by_pixel: Floats, scale: float, layered: Floats, shown: Floats) -> None:
    """Mix a sample's layers; they give place to the gradient by them."""
    channels = len(by_pixel)
    if len(layered) == channels:
        for k in range(channels):
            shown[k], layered[k] = layered[k], by_pixel[k] * scale
        return
    zero, whole = layered.dtype.type(0), layered.dtype.type(1)
    cover = layered[2 * channels]
    share, by_cover = min(max(cover, zero), whole), zero
    for k in range(channels):
        below, above, gradient = layered[k], layered[k + channels], by_pixel[k] * scale
        shown[k] = below + share * (above - below)
        layered[k], layered[k + channels] = gradient * (whole - share), gradient * share
        by_cover += gradient * (above - below)
    # At the limits, too, as torch has it.
    layered[2 * channels] = by_cover if (cover >= zero) & (cover <= whole) else zero
