"""Compiled kernel behind follow_silhouettes: what edges move, for single and double precision."""

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import leaf
from facegen.raster.occlude import ends, locate

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int32]
Faces = NDArray[np.uint32]


@leaf
def sweep(
    screen: Floats, faces: Faces, outer: Ids, crossings: Ids, face_id: Ids, layers: Floats,
    samples: Floats, background: Floats, by_pixels: Floats, by_screen: Floats,
) -> None:  # fmt: skip
    """Add one picture's gradient by screen (vertex, 3).

    outer, crossings: from facegen.raster.occlude. layers may have no channels. background
    (channel,). The others are as in follow_silhouettes.
    """
    rows, columns = face_id.shape
    for place in crossings:
        along, row, column = locate(place, rows, columns)
        name = outer[along, row, column]
        _move_edge(
            ends(name, faces), name > 0, along, row, column, screen, face_id, layers, samples,
            background, by_pixels, by_screen,
        )  # fmt: skip


@leaf
def _move_edge(
    edge: tuple[int, int],
    ends_first: bool,
    along: int,
    row: int,
    column: int,
    screen: Floats,
    face_id: Ids,
    layers: Floats,
    samples: Floats,
    background: Floats,
    by_pixels: Floats,
    by_screen: Floats,
) -> None:
    """Add what an edge moves between a sample and the next one along its row or column.

    u runs along that line and v across it. ends_first: it ends what the first sample sees.
    """
    number = screen.dtype.type
    a, b, across = edge[0], edge[1], 1 - along
    du, dv = screen[b, along] - screen[a, along], screen[b, across] - screen[a, across]
    line = number(row if along == 0 else column) + number(0.5)
    t = (line - screen[a, across]) / dv
    place = screen[a, along] + t * du
    next_row, next_column = (row, column + 1) if along == 0 else (row + 1, column)
    inner, outer = (row, column), (next_row, next_column)
    if not ends_first:
        inner, outer = outer, inner
    side = len(samples) // len(by_pixels)
    middle = int(place) // side
    pixel = (row // side, middle) if along == 0 else (middle, column // side)
    # The share of the way over the surface, of which t is the picture.
    far = t * screen[a, 2]
    far /= far + (number(1) - t) * screen[b, 2]
    gain = number(0)
    for k in range(samples.shape[2]):
        inside, outside = samples[inner[0], inner[1], k], samples[outer[0], outer[1], k]
        if layers.shape[1]:
            inside = _shown(layers[a], layers[b], far, k, samples.shape[2])
        if face_id[outer[0], outer[1]] < 0:
            outside = background[k]
        gain += by_pixels[pixel[0], pixel[1], k] * (inside - outside)
    # The edge's place grows into the next sample's side.
    gain *= number(1 if ends_first else -1) / number(side * side)
    gain *= dv * dv / (du * du + dv * dv)
    slope = du / dv
    by_screen[a, along] += gain * (number(1) - t)
    by_screen[b, along] += gain * t
    by_screen[a, across] -= gain * slope * (number(1) - t)
    by_screen[b, across] -= gain * slope * t


@leaf
def _shown(one: Floats, other: Floats, share: float, k: int, channels: int) -> float:
    """Channel k on the way from one vertex to another: interpolated and mixed."""
    below: float = one[k] + share * (other[k] - one[k])
    if len(one) == channels:
        return below
    above = one[k + channels] + share * (other[k + channels] - one[k + channels])
    cover = one[2 * channels] + share * (other[2 * channels] - one[2 * channels])
    zero = one.dtype.type(0)
    mixed: float = below + min(max(cover, zero), zero + 1) * (above - below)
    return mixed
