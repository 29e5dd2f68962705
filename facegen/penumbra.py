"""How the edges of cast shadows move: derivatives of facegen.shadow's soft look-ups.

What a receiver gets of the light is an integral over a window of the map around it,

    share = integral of k(p - x) [z + s (p - x) <= depth(p)] dp,

with the receiver's plane at x, of depth z and slope s as the light sees it, and k a box of 3 x 3
samples, itself as sharp as bilinear look-ups are. The derivative is that of the border between what
hides the receiver and what does not, relative to x: where an edge of the mesh ends what hides, it
moves with that edge, and where a surface runs through the plane, it moves with the surface and with
the plane. Both are summed over the places where the border passes between two samples, as in
facegen.raster.silhouette. Between those the surface is walked over, face by face: near its edges
and where light grazes it, depth does not rise evenly from one sample to the next, and behind an
edge that hides comes ground that does, too.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.border import crossing, depth_of, move_edge, move_surface, point
from facegen.raster import Topology, rasterize
from facegen.raster.jit import leaf, parallel_kernel, prange
from facegen.raster.occlude import ends, occluders
from facegen.raster.planes import corners, is_front, on_line, way_out

Floats = NDArray[np.float32]
Faces = NDArray[np.uint32]
Ids = NDArray[np.int32]

_LONGEST_WALK = 12
"""Faces between two samples."""


def backward(
    seen: Tensor,
    receivers: Tensor,
    slopes: Tensor,
    mesh: Topology,
    by_share: Tensor,
    side: int,
    finer: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by seen, receivers and slopes, given that by the shares of light (batch, vertex).

    seen (batch, vertex, 3): what casts shadows, x and y in samples of a map of side x side, z along
    the light. receivers (batch, vertex, 3): where it is asked whether light arrives; slopes (batch,
    vertex, 2): by how much z grows there, a sample further right and down. finer: how many times as
    fine as the look-ups' map that one is.
    """
    seen = seen.detach().contiguous()
    receivers = torch.cat([receivers, slopes], dim=-1).detach()
    faces = torch.from_numpy(mesh.faces.view(np.int32))
    fragments = rasterize(seen, faces, side, side)
    found, outer = np.empty((2, len(seen), 2, side, side), dtype=np.int32)
    face_id, depth = fragments.face_id.numpy(), fragments.depth.numpy()
    occluders(seen.numpy(), mesh.faces, mesh.neighbours, face_id, depth, found, outer)
    by_seen, by_receivers = torch.zeros_like(seen), torch.zeros_like(receivers)
    _follow(
        receivers.numpy(),
        seen.numpy(),
        by_share.contiguous().numpy(),
        mesh.faces,
        mesh.neighbours,
        face_id,
        depth,
        found,
        outer,
        by_seen.numpy(),
        by_receivers.numpy(),
        finer,
    )
    return by_seen, by_receivers[..., :3], by_receivers[..., 3:]


@parallel_kernel
def _follow(
    receivers: Floats,
    seen: Floats,
    by_share: Floats,
    faces: Faces,
    neighbours: Ids,
    face_id: Ids,
    depth: Floats,
    found: Ids,
    outer: Ids,
    by_seen: Floats,
    by_receivers: Floats,
    finer: int,
) -> None:
    side = 4 * finer + 2
    for n in prange(len(receivers)):
        lit = np.empty((side, side), dtype=np.bool_)
        _follow_picture(
            receivers[n], seen[n], by_share[n], faces, neighbours, face_id[n], depth[n],
            found[n], outer[n], by_seen[n], by_receivers[n], finer, lit,
        )  # fmt: skip


@leaf
def _follow_picture(
    receivers: Floats, seen: Floats, by_share: Floats, faces: Faces, neighbours: Ids,
    face_id: Ids, depth: Floats, found: Ids, outer: Ids, by_seen: Floats, by_receivers: Floats,
    finer: int, lit: NDArray[np.bool_],
) -> None:  # fmt: skip
    """The same of one picture; lit: memory for a window's samples."""
    reach, side, (height, width) = 2 * finer, len(lit), depth.shape
    for v in range(len(receivers)):
        receiver = receivers[v]
        column = int(np.floor(receiver[0] - np.float32(0.5))) - reach
        row = int(np.floor(receiver[1] - np.float32(0.5))) - reach
        is_on_map = min(column, row) >= 0 and column <= width - side and row <= height - side
        if by_share[v] == 0 or not is_on_map:
            continue
        many = _find_lit(receiver, depth, row, column, lit)
        if many == 0 or many == side**2:
            continue
        for along in range(2):
            down, right = along, 1 - along
            for i in range(side - down):
                for j in range(side - right):
                    if lit[i, j] != lit[i + down, j + right]:
                        _move_border(
                            by_share[v], along, row + i, column + j, lit[i, j], faces,
                            neighbours, seen, receiver, face_id, found, outer, by_seen,
                            by_receivers[v], finer,
                        )  # fmt: skip


@leaf
def _find_lit(
    receiver: Floats, depth: Floats, row: int, column: int, lit: NDArray[np.bool_]
) -> int:
    """Fill in which samples of a window, from this one on, do not hide a receiver: how many."""
    x, y, z, right, down = receiver
    half, many = np.float32(0.5), 0
    across = np.float32(column) + half - x
    for i in range(len(lit)):
        plane = z + down * (np.float32(row + i) + half - y)
        for j in range(len(lit)):
            lit[i, j] = plane + right * (across + np.float32(j)) <= depth[row + i, column + j]
            many += lit[i, j]
    return many


@leaf
def _move_border(
    gain: float, along: int, row: int, column: int, is_lit: bool, faces: Faces,
    neighbours: Ids, seen: Floats, receiver: Floats, face_id: Ids, found: Ids, outer: Ids,
    by_seen: Floats, by_receiver: Floats, finer: int,
) -> None:  # fmt: skip
    """Add what the border moves that lies between a sample and the next one along its line.

    is_lit: whether the sample leaves the receiver lit; the next one does not, or the reverse.
    """
    line = row if along == 0 else column
    start = (column if along == 0 else row) + 0.5
    hiding, shown = face_id[row, column], face_id[row + along, column + 1 - along]
    way, dark, bright = 1.0, start, start + 1
    if is_lit:
        way, dark, bright, hiding, shown = -1.0, bright, dark, shown, hiding
    # A border that moves on hides more if what hides lies before it.
    gain *= -way
    for named in (outer[along, row, column], found[along, row, column]):
        if way * named <= 0:
            continue
        edge = ends(named, faces)
        place, distance = crossing(edge, line, along, seen)
        x, y = point(place, line, along)
        if distance <= depth_of(receiver, x, y):
            place = min(max(place, start), start + 1)
            # What comes after the edge may hide the receiver, too, for a while.
            face, later = _walk(
                shown, bright, place, line, along, receiver, faces, neighbours, seen
            )
            if face < 0:
                move_edge(
                    gain, edge, place, line, along, seen, receiver, by_seen, by_receiver, finer
                )
            else:
                move_surface(
                    gain, corners(faces, face), later, line, along, seen, receiver, by_seen,
                    by_receiver, finer,
                )  # fmt: skip
            return
    face, place = _walk(hiding, dark, bright, line, along, receiver, faces, neighbours, seen)
    if face < 0:
        # Another surface comes up through it.
        face, place = _walk(shown, bright, dark, line, along, receiver, faces, neighbours, seen)
    if face >= 0:
        move_surface(
            gain, corners(faces, face), place, line, along, seen, receiver, by_seen, by_receiver,
            finer,
        )  # fmt: skip


@leaf
def _walk(
    face: int, start: float, stop: float, line: int, along: int, receiver: Floats,
    faces: Faces, neighbours: Ids, seen: Floats,
) -> tuple[int, float]:  # fmt: skip
    """The face, and the place, where a surface that a sample sees passes the receiver's plane.

    Starts at the sample, and goes along its line; -1 if that does not happen before the stop.
    """
    x, y = point(start, line, along)
    way = 1.0 if stop > start else -1.0
    at, limit, was_nearer = 0.0, stop - start, False
    # What the surface's nearness is compared with, and how that changes along the line.
    sought = 1.0 / depth_of(receiver, x, y)
    rise = -receiver[3 + along] * sought * sought
    for count in range(_LONGEST_WALK if face >= 0 else 0):
        one, two, three = corners(faces, face)
        (a, b, c), slopes = on_line((one, two, three), seen, x, y, along)
        za, zb, zc = 1.0 / seen[one, 2], 1.0 / seen[two, 2], 1.0 / seen[three, 2]
        near = a * za + b * zb + c * zc - sought
        slope = slopes[0] * za + slopes[1] * zb + slopes[2] * zc - rise
        if count == 0:
            was_nearer = near > 0
        end, across = way_out((a, b, c), slopes, way, limit)
        if (near + slope * end > 0) != was_nearer:
            share = -near / slope
            return face, start + (min(max(share, at), end) if way > 0 else max(min(share, at), end))
        if across < 0:
            break
        face, at = neighbours[face, across], end
        if face < 0 or not is_front(corners(faces, face), seen):
            break
    return -1, start
