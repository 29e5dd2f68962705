"""Compiled kernel behind composite: layers to a picture, in single and double precision.

A sample shows its layers interpolated as facegen.raster.barycentric has it and, if there are two
of them and a cover, mixed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facegen.raster.barycentric import LEAST
from facegen.raster.jit import inlined, kernel, leaf, parallel_kernel, prange
from facegen.raster.sight import Sight, covered

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int32]
Faces = NDArray[np.uint32]

_BATCH = 256
"""Samples worked on together, within the nearest cache."""


class Inputs(NamedTuple):
    """What pictures are made from; all but faces are batches, where one item stands for all.

    As in facegen.raster.composite.
    """

    face_id: Ids
    layers: Floats
    screen: Floats
    background: Floats
    faces: Faces


@parallel_kernel
def forward(pixels: Floats, inputs: Inputs, sight: Sight) -> None:
    """Fill pixels (batch, height, width, channel); sight: the vertices that are looked at."""
    for n in prange(len(pixels)):
        _forward(pixels[n], inputs, sight, n)


@kernel
def _forward(pixels: Floats, inputs: Inputs, sight: Sight, n: int) -> None:
    face_id = inputs.face_id[n % len(inputs.face_id)]
    layers = inputs.layers[n % len(inputs.layers)]
    screen = inputs.screen[n % len(inputs.screen)]
    background = inputs.background[n % len(inputs.background)]
    # What a sample needs of a vertex, side by side. Place and layers are read in order once, and
    # are in a near cache when samples ask for them in no order.
    vertex = np.empty((len(screen), 3 + layers.shape[1]), dtype=pixels.dtype)
    shown = n % len(sight.many)
    for v in sight.vertices[shown, : sight.many[shown]]:
        for k in range(3):
            vertex[v, k] = screen[v, k]
        for k in range(layers.shape[1]):
            vertex[v, 3 + k] = layers[v, k]
    side = face_id.shape[1] // pixels.shape[1]
    lines = np.empty((side, pixels.shape[2], face_id.shape[1]), dtype=pixels.dtype)
    indices, memory = np.empty(4 * _BATCH, np.uint32), np.empty(9 * _BATCH, pixels.dtype)
    for row in range(len(pixels)):
        for down in range(side):
            i = row * side + down
            _line(face_id[i], i, inputs.faces, vertex, background, indices, memory, lines[down])
        _average(lines, pixels[row])


@leaf
def _line(
    face_id: Ids, row: int, faces: Faces, vertex: Floats, background: Floats, indices: Faces,
    memory: Floats, line: Floats,
) -> None:  # fmt: skip
    """Fill in what a row of samples shows: line (channel, sample)."""
    for k in range(len(background)):
        line[k] = background[k]
    start, stop = covered(face_id)
    for first in range(start, stop, _BATCH):
        last = min(first + _BATCH, stop)
        _some(face_id, first, last, row, faces, vertex, indices, memory, line)


@leaf
def _some(
    face_id: Ids, first: int, last: int, row: int, faces: Faces, vertex: Floats, indices: Faces,
    memory: Floats, line: Floats,
) -> None:  # fmt: skip
    """Fill in what those of some samples show that see a face.

    indices: memory for their columns and corners, a batch of each; memory: for the corners' places,
    then for coordinates. All in one, a constant way apart, so that the compiler knows that writing
    one does not change another.
    """
    number, channels = vertex.dtype.type, len(line)
    zero, one, half, least = number(0), number(1), number(0.5), number(LEAST)
    y, many = number(row) + half, 0
    for j in range(first, last):
        indices[many] = j
        many += face_id[j] >= 0
    for m in range(many):
        j = indices[m]
        face, x = np.uint32(face_id[j]), number(np.int32(j)) + half
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        indices[_BATCH + m], indices[2 * _BATCH + m], indices[3 * _BATCH + m] = a, b, c
        _see(vertex, a, x, y, memory, m)
        _see(vertex, b, x, y, memory, m + 3 * _BATCH)
        _see(vertex, c, x, y, memory, m + 6 * _BATCH)
    for m in range(many):
        # Coordinates as in facegen.raster.barycentric, but of an outward face.
        ax, ay, az = memory[m], memory[_BATCH + m], memory[2 * _BATCH + m]
        bx, by, bz = memory[3 * _BATCH + m], memory[4 * _BATCH + m], memory[5 * _BATCH + m]
        cx, cy, cz = memory[6 * _BATCH + m], memory[7 * _BATCH + m], memory[8 * _BATCH + m]
        ea, eb, ec = cx * by - bx * cy, ax * cy - cx * ay, bx * ay - ax * by
        wa = max(ea, least) * (bz * cz)
        wb = max(eb, least) * (cz * az)
        wc = max(ec, least) * (az * bz)
        total = one / (wa + wb + wc)
        memory[m], memory[_BATCH + m], memory[2 * _BATCH + m] = wa * total, wb * total, wc * total
    is_mixed = vertex.shape[1] > 3 + channels
    over, last_plane = np.uint64(3 + channels), np.uint64(3 + 2 * channels)
    for m in range(many):
        j, a = indices[m], indices[_BATCH + m]
        b, c = indices[2 * _BATCH + m], indices[3 * _BATCH + m]
        wa, wb, wc = memory[m], memory[_BATCH + m], memory[2 * _BATCH + m]
        # The first channel apart from the others: grey takes two thirds of the time.
        below, cover = wa * vertex[a, 3] + wb * vertex[b, 3] + wc * vertex[c, 3], zero
        if is_mixed:
            cover = wa * vertex[a, last_plane] + wb * vertex[b, last_plane]
            cover = min(max(cover + wc * vertex[c, last_plane], zero), one)
            above = wa * vertex[a, over] + wb * vertex[b, over] + wc * vertex[c, over]
            below += cover * (above - below)
        line[0, j] = below
        for k in range(1, channels):
            at, above_at = np.uint64(3 + k), np.uint64(3 + k + channels)
            below = wa * vertex[a, at] + wb * vertex[b, at] + wc * vertex[c, at]
            if is_mixed:
                above = wa * vertex[a, above_at] + wb * vertex[b, above_at]
                above += wc * vertex[c, above_at]
                below += cover * (above - below)
            line[k, j] = below


@inlined
def _see(vertex: Floats, v: int, x: float, y: float, memory: Floats, at: int) -> None:
    """Keep where a sample sees a vertex, a batch apart."""
    memory[at], memory[at + _BATCH] = vertex[v, 0] - x, vertex[v, 1] - y
    memory[at + 2 * _BATCH] = vertex[v, 2]


@leaf
def _average(lines: Floats, pixels: Floats) -> None:
    """Average lines (side, channel, sample) over a row of pixels (pixel, channel)."""
    number = pixels.dtype.type
    side, channels, _ = lines.shape
    scale = number(1) / number(side * side)
    for k in range(channels):
        # Of a number of samples that it knows the compiler makes vectors: a tenth of the time.
        for column in range(len(pixels) if side == 1 else 0):
            pixels[column, k] = lines[0, k, column]
        for column in range(len(pixels) if side == 2 else 0):
            at = 2 * column
            total = lines[0, k, at] + lines[0, k, at + 1] + lines[1, k, at] + lines[1, k, at + 1]
            pixels[column, k] = total * scale
        for column in range(len(pixels) if side > 2 else 0):
            total = number(0)
            for down in range(side):
                for right in range(side):
                    total += lines[down, k, column * side + right]
            pixels[column, k] = total * scale
