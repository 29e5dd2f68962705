"""The key light's cast shadow: a depth map seen from the light, looked up with a soft edge."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen import penumbra
from facegen.device import constant
from facegen.raster import Topology, plain, rasterize
from facegen.raster.jit import leaf, parallel_kernel, prange
from facegen.raster.sight import Sight, everything

Floats = NDArray[np.float32]

SAMPLES = 160
_REACH_MM = 185.0
_ORIGIN = (0.5 * SAMPLES, 0.5 * SAMPLES, 2 * _REACH_MM + 400.0)
"""Where the map sees the origin of the camera's frame."""
_FINER = 4
"""Derivatives look for shadows' edges on a map of so many times as many samples a side: what is
thinner than a sample is not found."""
BIAS_MM = 2.2
"""A receiver is moved this far along its normal, so that a surface does not shadow itself."""
_AWAY = 0.3
"""The cosine of normal and light, below zero, beyond which no light reaches a surface at all."""
_GRAZING = 0.2
"""The cosine of normal and light below which a receiver's plane is taken for no steeper."""
_SCALE = 0.5 * SAMPLES / _REACH_MM
"""Samples of the map to a millimetre."""


def key_visibility(
    vertices: Tensor, normals: Tensor, faces: Tensor, light: Tensor, sight: Sight | None = None
) -> Tensor:
    """The share of the key light that reaches each vertex: (batch, vertex), 0..1, no gradient.

    vertices, normals (batch or 1, 3, vertex) and light (batch, 3) in the camera's frame. sight: the
    vertices that are asked for, None for all; of others the share means nothing. The edge of a
    shadow is about three samples of the map wide, 7 mm: a window rather than the sun. Over so much
    of the map a receiver is the plane that its normal says: where light grazes it, a surface would
    shadow itself, in blotches. Where it faces away from the light the share means nothing: it is 1.
    """
    points, facing = vertices.detach(), normals.detach()
    if points.device.type != "cpu":
        seen, look = from_light(points, light.detach())
        depth = rasterize(seen.float().contiguous(), faces, SAMPLES, SAMPLES).depth
        return lit(look @ facing, seen, depth)
    points, facing = points.float().contiguous(), facing.float().contiguous()
    seen = points.new_empty(len(light), points.shape[2], 3)
    share = points.new_empty(len(light), points.shape[2])
    axes = _axes(light.detach()).float().contiguous().numpy()
    _place(axes, points.numpy(), seen.numpy())
    depth = rasterize(seen, faces, SAMPLES, SAMPLES).depth
    wanted = sight or everything(points.shape[2])
    _filter(axes, facing.numpy(), seen.numpy(), depth.numpy(), wanted, share.numpy())
    return share.to(light)


def moving_visibility(
    vertices: Tensor,
    normals: Tensor,
    faces: Tensor,
    light: Tensor,
    mesh: Topology,
    sight: Sight | None = None,
) -> Tensor:
    """What key_visibility says, with gradients to vertices, normals and light; mesh: of the faces.

    They are those of the places of the shadows' edges; see facegen.penumbra. There are none where
    sight says which vertices are asked for.
    """
    if sight is not None:
        return key_visibility(vertices, normals, faces, light, sight)
    share: Tensor = _Visibility.apply(  # type: ignore[no-untyped-call]
        vertices, normals, faces, light, mesh
    )
    return share


class _Visibility(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, vertices: Tensor, normals: Tensor, faces: Tensor, light: Tensor, mesh: Topology
    ) -> Tensor:
        ctx.mesh = mesh
        ctx.save_for_backward(vertices, normals, light)
        return key_visibility(vertices, normals, faces, light)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_share: Tensor) -> tuple[Tensor | None, ...]:
        # Edges are followed on the CPU, wherever the picture was made.
        inputs = [saved.detach().cpu().float().requires_grad_() for saved in ctx.saved_tensors]
        vertices, normals, light = inputs
        with torch.enable_grad():
            seen, look = from_light(vertices, light)
            finer = constant((_FINER, _FINER, 1.0), seen)
            receivers, slopes = receive(seen, look @ normals)
            planes = finer * seen, finer * receivers, slopes / _FINER
        moved = penumbra.backward(
            *planes, ctx.mesh, by_share.cpu().float(), _FINER * SAMPLES, _FINER
        )
        gradients = torch.autograd.grad(planes, inputs, moved)
        by_vertices, by_normals, by_light = (one.to(by_share) for one in gradients)
        return by_vertices, by_normals, None, by_light, None


def from_light(vertices: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
    """Where the map sees vertices, (batch, vertex, 3), and the matrices that turn them to it.

    x and y in samples of the map, z along the light in mm.
    """
    look = _axes(light)
    return (look @ vertices).mT + constant(_ORIGIN, vertices), look


def lit(facing: Tensor, seen: Tensor, depth: Tensor) -> Tensor:
    """The share (batch, vertex) of the light that reaches vertices, off the CPU.

    facing, seen: see receive. depth (batch, SAMPLES, SAMPLES): the map.
    """
    look_up = plain.visibility
    if depth.device.type == "cuda":
        from facegen.raster import cuda

        look_up = cuda.visibility
    share = look_up(*receive(seen, facing), depth)
    return torch.where(facing[:, 2] > _AWAY, 1.0, share)


def receive(seen: Tensor, facing: Tensor) -> tuple[Tensor, Tensor]:
    """The planes that stand for surfaces in front of the map.

    seen (batch, vertex, 3): as from_light gives it; facing (batch, 3, vertex): unit normals after
    its matrices. Comes back as a point of each, (batch, vertex, 3), and how much deeper it is a
    sample further right and down, mm (batch, vertex, 2).
    """
    towards = (-facing[:, 2:]).clamp(min=_GRAZING) * _SCALE**2
    return seen + BIAS_MM * facing.mT, (facing[:, :2] / towards).mT


def _axes(light: Tensor) -> Tensor:
    """Matrices (batch, 3, 3) to the map's frame, for light (batch, 3)."""
    up = constant((0.0, 1.0, 0.0), light)
    right = torch.nn.functional.normalize(torch.linalg.cross(up.expand_as(light), light), dim=-1)
    above = torch.linalg.cross(light, right)
    return torch.stack([_SCALE * right, -_SCALE * above, -light], dim=1)


@parallel_kernel
def _place(axes: Floats, points: Floats, seen: Floats) -> None:
    """Fill seen (batch, vertex, 3): x and y in samples of the map, z along the light in mm."""
    for n in prange(len(axes)):
        look, place = axes[n], points[n % len(points)]
        right, down, far = np.float32(_ORIGIN[0]), np.float32(_ORIGIN[1]), np.float32(_ORIGIN[2])
        for v in range(place.shape[1]):
            x, y, z = place[0, v], place[1, v], place[2, v]
            seen[n, v, 0] = look[0, 0] * x + look[0, 1] * y + look[0, 2] * z + right
            seen[n, v, 1] = look[1, 0] * x + look[1, 1] * y + look[1, 2] * z + down
            seen[n, v, 2] = look[2, 0] * x + look[2, 1] * y + look[2, 2] * z + far


@parallel_kernel
def _filter(
    axes: Floats, normals: Floats, seen: Floats, depth: Floats, wanted: Sight, share: Floats
) -> None:
    for n in prange(len(axes)):
        facing = normals[n % len(normals)]
        _filter_image(axes[n], facing, seen[n], depth[n], wanted, n, share[n])


@leaf
def _filter_image(
    axes: Floats,
    normals: Floats,
    seen: Floats,
    depth: Floats,
    wanted: Sight,
    n: int,
    share: Floats,
) -> None:
    """Percentage-closer filtering over 3 x 3 bilinear taps (Reeves, Salesin & Cook 1987)."""
    height, width = depth.shape
    zero, one, half, bias = np.float32(0), np.float32(1), np.float32(0.5), np.float32(BIAS_MM)
    shown, square = n % len(wanted.many), np.float32(_SCALE**2)
    for v in wanted.vertices[shown, : wanted.many[shown]]:
        share[v] = one
        nx, ny, nz = normals[0, v], normals[1, v], normals[2, v]
        rightward = axes[0, 0] * nx + axes[0, 1] * ny + axes[0, 2] * nz
        downward = axes[1, 0] * nx + axes[1, 1] * ny + axes[1, 2] * nz
        away = axes[2, 0] * nx + axes[2, 1] * ny + axes[2, 2] * nz
        if away > np.float32(_AWAY):
            continue
        x = seen[v, 0] + bias * rightward - half
        y = seen[v, 1] + bias * downward - half
        z = seen[v, 2] + bias * away
        column, row = np.int64(np.floor(x)), np.int64(np.floor(y))
        if column < 1 or row < 1 or column > width - 3 or row > height - 3:
            continue
        fx, fy = x - np.float32(column), y - np.float32(row)
        towards = max(-away, np.float32(_GRAZING)) * square
        right, down = rightward / towards, downward / towards
        # At the first of the taps.
        z -= (one + fx) * right + (one + fy) * down
        total = zero
        for j in range(4):
            i = np.uint64(row - 1 + j)
            k = np.uint64(column - 1)
            line = (one - fx) * np.float32(z <= depth[i, k])
            line += np.float32(z + right <= depth[i, k + np.uint64(1)])
            line += np.float32(z + right + right <= depth[i, k + np.uint64(2)])
            line += fx * np.float32(z + right + right + right <= depth[i, k + np.uint64(3)])
            total += line * (one - fy if j == 0 else (fy if j == 3 else one))
            z += down
        share[v] = total / np.float32(9)
