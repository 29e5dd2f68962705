"""Compiled: a receiver of light as a plane in a shadow map, and what moves a shadow's border there.

A receiver (5,) is x, y, z of a point, and by how much z grows a sample further right and down; see
facegen.penumbra.
"""

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import leaf
from facegen.raster.planes import Corners, nearness, push

Floats = NDArray[np.float32]
Edge = tuple[int, int]


@leaf
def depth_of(receiver: Floats, x: float, y: float) -> float:
    """How far away a receiver's plane is at a point of the map."""
    across, along = np.float64(x) - receiver[0], np.float64(y) - receiver[1]
    return float(receiver[2] + receiver[3] * across + receiver[4] * along)


@leaf
def point(place: float, line: int, along: int) -> tuple[float, float]:
    return (place, line + 0.5) if along == 0 else (line + 0.5, place)


@leaf
def crossing(edge: Edge, line: int, along: int, seen: Floats) -> tuple[float, float]:
    """Where an edge crosses a line of samples, and how far away it is there."""
    a, b, across = edge[0], edge[1], 1 - along
    t = (line + 0.5 - seen[a, across]) / (seen[b, across] - seen[a, across])
    place = seen[a, along] + t * (seen[b, along] - seen[a, along])
    return place, seen[a, 2] + t * (seen[b, 2] - seen[a, 2])


@leaf
def window(x: float, y: float, finer: int) -> float:
    """k: three samples' box under a bilinear look-up, whose integral is 1."""
    across = min(1.0, max(0.0, 2.0 - abs(x) / finer))
    return across * min(1.0, max(0.0, 2.0 - abs(y) / finer)) / (9.0 * finer * finer)


@leaf
def move_edge(
    gain: float, edge: Edge, place: float, line: int, along: int,
    seen: Floats, receiver: Floats, by_seen: Floats, by_receiver: Floats, finer: int,
) -> None:  # fmt: skip
    """The border is where an edge crosses a line of samples."""
    a, b, across = edge[0], edge[1], 1 - along
    du, dv = seen[b, along] - seen[a, along], seen[b, across] - seen[a, across]
    t = (line + 0.5 - seen[a, across]) / dv
    gain *= window(place - receiver[along], line + 0.5 - receiver[across], finer)
    gain *= dv * dv / (du * du + dv * dv)
    slope = du / dv
    by_seen[a, along] += gain * (1 - t)
    by_seen[b, along] += gain * t
    by_seen[a, across] -= gain * (1 - t) * slope
    by_seen[b, across] -= gain * t * slope
    by_receiver[along] -= gain
    by_receiver[across] += gain * slope


@leaf
def move_surface(
    gain: float, face: Corners, place: float, line: int, along: int,
    seen: Floats, receiver: Floats, by_seen: Floats, by_receiver: Floats, finer: int,
) -> None:  # fmt: skip
    """The border is where the plane of a face meets the receiver's."""
    x, y = point(place, line, along)
    gain *= window(x - receiver[0], y - receiver[1], finer)
    _, right, down = nearness(face, seen, x, y)
    deeper = 1.0 / depth_of(receiver, x, y) ** 2
    # The place moves by change / -slope, and counts slope^2 / (across^2 + along^2).
    across, downwards = right + receiver[3] * deeper, down + receiver[4] * deeper
    gain *= -(across if along == 0 else downwards) / (across * across + downwards * downwards)
    push(gain, face, seen, x, y, right, down, by_seen)
    by_receiver[0] += gain * right
    by_receiver[1] += gain * down
    by_receiver[2] += gain * deeper
    by_receiver[3] += gain * deeper * (x - receiver[0])
    by_receiver[4] += gain * deeper * (y - receiver[1])
