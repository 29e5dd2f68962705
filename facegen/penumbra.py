"""How the edges of cast shadows move: derivatives of facegen.shadow's soft look-ups.

What a receiver gets of the light is an integral over a window of the map around it,

    share = integral of k(p - x) [z <= depth(p)] dp,

with the receiver at x and z as the light sees it and k a box of 3 x 3 samples, itself as sharp as
bilinear look-ups are. The derivative is that of the border between what hides the receiver and what
does not, relative to x: where an edge of the mesh ends what hides, it moves with that edge, and
where a surface runs through z, it moves with the surface. Both are summed over the places where
the border passes between two samples, as in facegen.raster.silhouette.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.raster import Topology, rasterize
from facegen.raster.jit import kernel, parallel_kernel, prange
from facegen.raster.occlude import occluders

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]


def backward(
    seen: Tensor, receivers: Tensor, mesh: Topology, by_share: Tensor, side: int
) -> tuple[Tensor, Tensor]:
    """Gradients by seen and by receivers, given that by the shares of light (batch, vertex).

    seen (batch, vertex, 3): what casts shadows, x and y in samples of a map of side x side, z along
    the light. receivers (batch, vertex, 3): where it is asked whether light arrives.
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
        face_id,
        depth,
        found,
        outer,
        by_seen.numpy(),
        by_receivers.numpy(),
    )
    return by_seen, by_receivers


@parallel_kernel
def _follow(
    receivers: Floats,
    seen: Floats,
    by_share: Floats,
    faces: NDArray[np.uint32],
    edges: Ids,
    face_id: Ids,
    depth: Floats,
    found: Ids,
    outer: Ids,
    by_seen: Floats,
    by_receivers: Floats,
) -> None:
    for n in prange(len(receivers)):
        height, width = depth.shape[1:]
        for v in range(receivers.shape[1]):
            x, y, z = receivers[n, v]
            column, row = int(np.floor(x - np.float32(0.5))), int(np.floor(y - np.float32(0.5)))
            is_on_map = min(column, row) >= 2 and column <= width - 4 and row <= height - 4
            if by_share[n, v] == 0 or not is_on_map:
                continue
            lit = 0
            for i in range(row - 2, row + 4):
                for j in range(column - 2, column + 4):
                    lit += z <= depth[n, i, j]
            if lit == 0 or lit == 36:
                continue
            for along in range(2):
                down, right = along, 1 - along
                for i in range(row - 2, row + 4 - down):
                    for j in range(column - 2, column + 4 - right):
                        is_first_lit = z <= depth[n, i, j]
                        if is_first_lit == (z <= depth[n, i + down, j + right]):
                            continue
                        # A border that moves on hides more if what hides lies before it.
                        gain = by_share[n, v] if is_first_lit else -by_share[n, v]
                        edge = abs(outer[n, along, i, j]) - 1
                        line = i if along == 0 else j
                        if edge >= 0 and _depth(edges[edge], line, along, seen[n]) > z:
                            # It hides nothing from here.
                            edge = abs(found[n, along, i, j]) - 1
                        if edge >= 0:
                            _move_edge(
                                gain, v, edges[edge, 0], edges[edge, 1], along, i, j,
                                receivers[n], seen[n], by_receivers[n], by_seen[n],
                            )  # fmt: skip
                            continue
                        hiding = face_id[n, i, j]
                        if is_first_lit:
                            hiding = face_id[n, i + down, j + right]
                        rise = depth[n, i + down, j + right] - depth[n, i, j]
                        if abs(rise) < np.inf:
                            _move_surface(
                                gain, v, faces[hiding], rise, (z - depth[n, i, j]) / rise,
                                along, i, j,
                                receivers[n], seen[n], by_receivers[n], by_seen[n],
                            )  # fmt: skip


@kernel
def _depth(edge: Ids, line: int, along: int, seen: Floats) -> float:
    """How far away an edge is where it crosses a line of samples."""
    a, b, across = edge[0], edge[1], 1 - along
    t = (line + 0.5 - seen[a, across]) / (seen[b, across] - seen[a, across])
    depth: float = seen[a, 2] + t * (seen[b, 2] - seen[a, 2])
    return depth


@kernel
def _window(x: float, y: float) -> float:
    """k: three samples' box under a bilinear look-up, whose integral is 1."""
    across = min(1.0, max(0.0, 2.0 - abs(x)))
    return across * min(1.0, max(0.0, 2.0 - abs(y))) / 9.0


@kernel
def _move_edge(
    gain: float,
    v: int,
    a: int,
    b: int,
    along: int,
    row: int,
    column: int,
    receivers: Floats,
    seen: Floats,
    by_receivers: Floats,
    by_seen: Floats,
) -> None:
    """The border is where the edge a b crosses a line of samples, after one and before the next."""
    across = 1 - along
    line, first = (row, column) if along == 0 else (column, row)
    du, dv = seen[b, along] - seen[a, along], seen[b, across] - seen[a, across]
    t = (line + 0.5 - seen[a, across]) / dv
    place = min(max(seen[a, along] + t * du, first + 0.5), first + 1.5)
    gain *= _window(place - receivers[v, along], line + 0.5 - receivers[v, across])
    gain *= dv * dv / (du * du + dv * dv)
    slope = du / dv
    by_seen[a, along] += gain * (1 - t)
    by_seen[b, along] += gain * t
    by_seen[a, across] -= gain * (1 - t) * slope
    by_seen[b, across] -= gain * t * slope
    by_receivers[v, along] -= gain
    by_receivers[v, across] += gain * slope


@kernel
def _move_surface(
    gain: float,
    v: int,
    face: NDArray[np.uint32],
    rise: float,
    share: float,
    along: int,
    row: int,
    column: int,
    receivers: Floats,
    seen: Floats,
    by_receivers: Floats,
    by_seen: Floats,
) -> None:
    """The border is where the plane of a face, rising by so much a sample, is as far as v."""
    x, y = (column + 0.5 + share, row + 0.5) if along == 0 else (column + 0.5, row + 0.5 + share)
    gain *= _window(x - receivers[v, 0], y - receivers[v, 1])
    a, b, c = seen[face[0]], seen[face[1]], seen[face[2]]
    bx, by, cx, cy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    area = bx * cy - cx * by
    right = ((b[2] - a[2]) * cy - (c[2] - a[2]) * by) / area
    down = ((c[2] - a[2]) * bx - (b[2] - a[2]) * cx) / area
    if along == 0:
        right = rise
    else:
        down = rise
    # The place moves by change / rise, and counts rise^2 / (right^2 + down^2).
    gain *= rise / (right * right + down * down)
    if not abs(gain) < np.inf:
        return
    second = ((x - a[0]) * cy - cx * (y - a[1])) / area
    third = (bx * (y - a[1]) - (x - a[0]) * by) / area
    shares = (1 - second - third, second, third)
    for i in range(3):
        by_seen[face[i], 2] -= gain * shares[i]
        by_seen[face[i], 0] += gain * shares[i] * right
        by_seen[face[i], 1] += gain * shares[i] * down
    by_receivers[v, 2] += gain
    by_receivers[v, 0] -= gain * right
    by_receivers[v, 1] -= gain * down
