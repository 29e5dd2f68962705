"""How the edges of cast shadows move: derivatives of facegen.shadow's soft look-ups.

What a receiver gets of the light is an integral over a window of the map around it,

    share = integral of k(p - x) [z <= depth(p)] dp,

with the receiver at x and z as the light sees it and k a box of 3 x 3 samples, itself as sharp as
bilinear look-ups are. The derivative is that of the border between what hides the receiver and what
does not, relative to x: where an edge of the mesh ends what hides, it moves with that edge, and
where a surface runs through z, it moves with the surface. Both are summed over the places where
the border passes between two samples, as in facegen.raster.silhouette. Between those the surface is
walked over, face by face: near its edges and where light grazes it, depth does not rise evenly from
one sample to the next, and behind an edge that hides comes ground that does, too.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster import Topology, rasterize
from facegen.raster.jit import kernel, parallel_kernel, prange
from facegen.raster.occlude import occluders
from facegen.raster.planes import is_front, nearness, push, way_out

Floats = NDArray[np.float32]
Faces = NDArray[np.uint32]
Ids = NDArray[np.int32]

_LONGEST_WALK = 12
"""Faces between two samples."""


class _Map(NamedTuple):
    """What one light sees, and what is filled; found and outer as in facegen.raster.occlude."""

    receivers: Floats
    seen: Floats
    faces: Faces
    edges: Ids
    neighbours: Ids
    face_id: Ids
    depth: Floats
    found: Ids
    outer: Ids
    by_receivers: Floats
    by_seen: Floats
    finer: int


def backward(
    seen: Tensor, receivers: Tensor, mesh: Topology, by_share: Tensor, side: int, finer: int
) -> tuple[Tensor, Tensor]:
    """Gradients by seen and by receivers, given that by the shares of light (batch, vertex).

    seen (batch, vertex, 3): what casts shadows, x and y in samples of a map of side x side, z along
    the light. receivers (batch, vertex, 3): where it is asked whether light arrives. finer: how
    many times as fine as the look-ups' map that one is.
    """
    seen, receivers = seen.detach().contiguous(), receivers.detach().contiguous()
    faces = torch.from_numpy(mesh.faces.view(np.int32))
    fragments = rasterize(seen, faces, side, side)
    found, outer = np.empty((2, len(seen), 2, side, side), dtype=np.int32)
    face_id, depth = fragments.face_id.numpy(), fragments.depth.numpy()
    occluders(seen.numpy(), mesh.faces, mesh.edges, mesh.neighbours, face_id, depth, found, outer)
    by_seen, by_receivers = torch.zeros_like(seen), torch.zeros_like(receivers)
    _follow(
        receivers.numpy(),
        seen.numpy(),
        by_share.contiguous().numpy(),
        mesh.faces,
        mesh.edges,
        mesh.neighbours,
        face_id,
        depth,
        found,
        outer,
        by_seen.numpy(),
        by_receivers.numpy(),
        finer,
    )
    return by_seen, by_receivers


@parallel_kernel
def _follow(
    receivers: Floats,
    seen: Floats,
    by_share: Floats,
    faces: Faces,
    edges: Ids,
    neighbours: Ids,
    face_id: Ids,
    depth: Floats,
    found: Ids,
    outer: Ids,
    by_seen: Floats,
    by_receivers: Floats,
    finer: int,
) -> None:
    reach = 2 * finer
    for n in prange(len(receivers)):
        image = _Map(
            receivers[n], seen[n], faces, edges, neighbours,
            face_id[n], depth[n], found[n], outer[n], by_receivers[n], by_seen[n], finer,
        )  # fmt: skip
        far, (height, width) = depth[n], depth.shape[1:]
        for v in range(receivers.shape[1]):
            x, y, z = receivers[n, v]
            column, row = int(np.floor(x - np.float32(0.5))), int(np.floor(y - np.float32(0.5)))
            is_on_map = reach <= min(column, row)
            is_on_map &= column <= width - 2 - reach and row <= height - 2 - reach
            if by_share[n, v] == 0 or not is_on_map:
                continue
            lit = 0
            for i in range(row - reach, row + reach + 2):
                for j in range(column - reach, column + reach + 2):
                    lit += z <= far[i, j]
            if lit == 0 or lit == (2 * reach + 2) ** 2:
                continue
            for along in range(2):
                down, right = along, 1 - along
                for i in range(row - reach, row + reach + 2 - down):
                    for j in range(column - reach, column + reach + 2 - right):
                        if (z <= far[i, j]) != (z <= far[i + down, j + right]):
                            _move_border(by_share[n, v], v, along, i, j, image)


@kernel
def _move_border(gain: float, v: int, along: int, row: int, column: int, image: _Map) -> None:
    """Add what the border moves that lies between a sample and the next one along its line."""
    z, line = image.receivers[v, 2], row if along == 0 else column
    start = (column if along == 0 else row) + 0.5
    ids, depth = image.face_id, image.depth
    hiding, shown = ids[row, column], ids[row + along, column + 1 - along]
    way, dark, bright = 1.0, start, start + 1
    if z <= depth[row, column]:
        way, dark, bright, hiding, shown = -1.0, bright, dark, shown, hiding
    # A border that moves on hides more if what hides lies before it.
    gain *= -way
    for named in (image.outer[along, row, column], image.found[along, row, column]):
        if way * named <= 0:
            continue
        edge = image.edges[abs(named) - 1]
        place, distance = _crossing(edge, line, along, image.seen)
        if distance <= z:
            place = min(max(place, start), start + 1)
            # What comes after the edge may hide the receiver, too, for a while.
            face, later = _walk(shown, bright, place, line, along, z, image)
            if face < 0:
                _move_edge(gain, v, edge, place, line, along, image)
            else:
                _move_surface(gain, v, image.faces[face], later, line, along, image)
            return
    face, place = _walk(hiding, dark, bright, line, along, z, image)
    if face < 0:
        # Another surface comes up through it.
        face, place = _walk(shown, bright, dark, line, along, z, image)
    if face >= 0:
        _move_surface(gain, v, image.faces[face], place, line, along, image)


@kernel
def _walk(
    face: int, start: float, stop: float, line: int, along: int, z: float, image: _Map
) -> tuple[int, float]:
    """The face, and the place, where a surface that a sample sees passes a depth.

    Starts at the sample, and goes along its line; -1 if that does not happen before the stop.
    """
    x, y = _point(start, line, along)
    way = 1.0 if stop > start else -1.0
    at, limit, sought = 0.0, stop - start, 1.0 / np.float64(z)
    if face >= 0:
        was_nearer = nearness(image.faces[face], image.seen, x, y)[0] > sought
    for _ in range(_LONGEST_WALK if face >= 0 else 0):
        near, right, down = nearness(image.faces[face], image.seen, x, y)
        slope = right if along == 0 else down
        end, across = way_out(image.faces[face], image.seen, x, y, along, way, limit)
        if (near + slope * end > sought) != was_nearer:
            share = (sought - near) / slope
            return face, start + (min(max(share, at), end) if way > 0 else max(min(share, at), end))
        if across < 0:
            break
        face, at = image.neighbours[face, across], end
        if face < 0 or not is_front(image.faces[face], image.seen):
            break
    return -1, start


@kernel
def _point(place: float, line: int, along: int) -> tuple[float, float]:
    return (place, line + 0.5) if along == 0 else (line + 0.5, place)


@kernel
def _crossing(edge: Ids, line: int, along: int, seen: Floats) -> tuple[float, float]:
    """Where an edge crosses a line of samples, and how far away it is there."""
    a, b, across = seen[edge[0]], seen[edge[1]], 1 - along
    t = (line + 0.5 - a[across]) / (b[across] - a[across])
    return a[along] + t * (b[along] - a[along]), a[2] + t * (b[2] - a[2])


@kernel
def _window(x: float, y: float, finer: int) -> float:
    """k: three samples' box under a bilinear look-up, whose integral is 1."""
    across = min(1.0, max(0.0, 2.0 - abs(x) / finer))
    return across * min(1.0, max(0.0, 2.0 - abs(y) / finer)) / (9.0 * finer * finer)


@kernel
def _move_edge(
    gain: float, v: int, edge: Ids, place: float, line: int, along: int, image: _Map
) -> None:
    """The border is where an edge crosses a line of samples."""
    a, b, across = edge[0], edge[1], 1 - along
    seen, receiver = image.seen, image.receivers[v]
    du, dv = seen[b, along] - seen[a, along], seen[b, across] - seen[a, across]
    t = (line + 0.5 - seen[a, across]) / dv
    gain *= _window(place - receiver[along], line + 0.5 - receiver[across], image.finer)
    gain *= dv * dv / (du * du + dv * dv)
    slope = du / dv
    image.by_seen[a, along] += gain * (1 - t)
    image.by_seen[b, along] += gain * t
    image.by_seen[a, across] -= gain * (1 - t) * slope
    image.by_seen[b, across] -= gain * t * slope
    image.by_receivers[v, along] -= gain
    image.by_receivers[v, across] += gain * slope


@kernel
def _move_surface(
    gain: float, v: int, face: Faces, place: float, line: int, along: int, image: _Map
) -> None:
    """The border is where the plane of a face is as far as v."""
    seen, receiver = image.seen, image.receivers[v]
    x, y = _point(place, line, along)
    gain *= _window(x - receiver[0], y - receiver[1], image.finer)
    _, right, down = nearness(face, seen, x, y)
    # The place moves by change / -slope, and counts slope^2 / (right^2 + down^2).
    gain *= -(right if along == 0 else down) / (right * right + down * down)
    push(gain, face, seen, x, y, image.by_seen)
    image.by_receivers[v, 0] += gain * right
    image.by_receivers[v, 1] += gain * down
    image.by_receivers[v, 2] += gain / (np.float64(receiver[2]) * receiver[2])
