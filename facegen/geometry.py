"""Frames, stated once; rotation, projection and normals, all differentiable.

Camera frame (mm): +x to the viewer's right, +y up, +z towards the camera, origin at the centre of
the frontal head. A frontal head's own frame (+x the subject's left, +y up, +z out of the nose)
coincides with it: the subject's left is at the viewer's right.

A head turns by its azimuth about its own vertical axis, then the turned head tilts by its elevation
about the camera's horizontal axis, as if the camera went round it on a globe. Positive azimuth
turns the nose to the viewer's right, positive elevation shows the head from below (a frontal nose
rises). The light's azimuth is measured in the camera's frame: from a positive azimuth it shines
from the viewer's right, and shadows fall left.

Positions, normals and colours of vertices are tensors (batch, 3, vertex): one plane a coordinate,
which turns and lights them several times faster than rows of three would.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen import normals
from facegen.batches import array
from facegen.device import constant, is_plain
from facegen.projection import onto_screen


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on the +z axis that looks along it; numbers, or tensors (batch, 1).

    distance: mm from the origin.
    half_height: mm at the origin that the picture shows above and below its middle.
    middle_x, middle_y: mm, what the picture's middle shows at the origin.
    """

    distance: float | Tensor = 1100.0
    half_height: float | Tensor = 141.0
    middle_x: float | Tensor = 0.0
    middle_y: float | Tensor = 0.0


def about(axis: Literal["x", "y", "z"], angle: Tensor) -> Tensor:
    """Degrees (batch,) to matrices (batch, 3, 3): counter-clockwise, seen against the axis."""
    a = torch.deg2rad(angle)
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    c, s = a.cos(), a.sin()
    rows = {
        "x": [one, zero, zero, zero, c, -s, zero, s, c],
        "y": [c, zero, s, zero, one, zero, -s, zero, c],
        "z": [c, -s, zero, s, c, zero, zero, zero, one],
    }
    return torch.stack(rows[axis], dim=-1).reshape(-1, 3, 3)


def rotation(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Degrees (batch,) each to matrices (batch, 3, 3) that take head to camera coordinates.

    Elevation then moves a face up and down whichever way it looks; were it a nod about the ears, it
    would tilt one profile to the left and the other to the right.
    """
    return about("x", -elevation) @ about("y", azimuth)


def direction(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Degrees (batch,) each to unit vectors (batch, 3) pointing there from the head's centre."""
    a, e = torch.deg2rad(azimuth), torch.deg2rad(elevation)
    return torch.stack([e.cos() * a.sin(), e.sin(), e.cos() * a.cos()], dim=-1)


def unit(vectors: Tensor, dim: int) -> Tensor:
    """Vectors along axis `dim` at length 1; torch's own norm takes up to 60 times as long there."""
    squared = (vectors * vectors).sum(dim=dim, keepdim=True)
    return vectors * torch.rsqrt(squared.clamp(min=1e-20))


def project(vertices: Tensor, camera: Camera, samples: int) -> Tensor:
    """Camera-frame vertices (batch, 3, vertex) in mm to (batch, vertex, 3) screen coordinates.

    x to the right and y down in units of samples of a picture `samples` wide and high, its top left
    corner being (0, 0); z is the depth: the distance in mm along the camera's axis.
    """
    focal = 0.5 * samples * camera.distance / camera.half_height
    # What the middle shows, the lens is shifted to: the head is not seen from another side.
    right = 0.5 * samples * (1 - camera.middle_x / camera.half_height)
    down = 0.5 * samples * (1 + camera.middle_y / camera.half_height)
    lens = _beside(camera.distance, focal, right, down, like=vertices)
    is_compiled = vertices.device.type == "cpu" and vertices.dtype in (torch.float32, torch.float64)
    if is_compiled and vertices.dtype == lens.dtype:
        return onto_screen(vertices, lens)
    distance, focal, right, down = (value[:, None] for value in lens.unbind(1))
    x, y, z = vertices.unbind(1)
    depth = distance - z
    scale = focal / depth
    # As planes first: three interleaved writes would take twice the time.
    return torch.stack([right + x * scale, down - y * scale, depth], dim=1).mT.contiguous()


def _beside(*values: float | Tensor, like: Tensor) -> Tensor:
    """Numbers, and tensors (batch, 1), side by side (batch, value)."""
    numbers = tuple(value for value in values if not isinstance(value, Tensor))
    if len(numbers) == len(values):
        return constant((numbers,), like)
    columns = [
        value if isinstance(value, Tensor) else constant(((value,),), like) for value in values
    ]
    return torch.cat(torch.broadcast_tensors(*columns), dim=1)  # type: ignore[no-untyped-call]


_USUAL = 8
"""Faces around a vertex, at most, but for a few."""


class VertexNormals:
    """Smooth normals of meshes that share one topology."""

    def __init__(self, faces: Tensor, vertex_count: int):
        """faces: int32 (face, 3), counter-clockwise from outside, on the CPU."""
        self._faces = faces.int().contiguous()
        around = _faces_at_vertices(faces, vertex_count)
        # A pole has dozens of faces, and nearly all other vertices six or eight.
        self._crowded = (around[:, _USUAL:] < len(faces)).any(dim=1).nonzero()[:, 0]
        self._around, self._more = around[:, :_USUAL].T, around[self._crowded, _USUAL:]

    def __call__(self, vertices: Tensor) -> Tensor:
        """Unit normals (batch, 3, vertex) of vertices (batch, 3, vertex), weighted by area."""
        if vertices.device.type != "cpu":
            return self.gathered(vertices)
        if is_plain(vertices):
            return _unit_normals(vertices, self._faces)[0]
        unit: Tensor = _UnitNormals.apply(  # type: ignore[no-untyped-call]
            vertices, self._faces
        )
        return unit

    def gathered(self, vertices: Tensor) -> Tensor:
        """The same in plain torch, on any device: every vertex gathers the faces around it."""
        a, b, c = (vertices[:, :, corner] for corner in self._faces.long().unbind(1))
        face_normals = torch.linalg.cross(b - a, c - a, dim=1)
        summed: Tensor = _AtVertices.apply(  # type: ignore[no-untyped-call]
            face_normals, self._faces, self._around, self._crowded, self._more
        )
        squared = (summed * summed).sum(dim=1, keepdim=True)
        return summed * torch.rsqrt(squared.clamp(min=normals.LEAST))


class _AtVertices(torch.autograd.Function):
    """The sums (batch, 3, vertex) over the faces around each vertex of what faces have.

    Gathering there and back is faster than adding to places, and the same bits each time.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, faces: Tensor, around: Tensor, crowded: Tensor, more: Tensor
    ) -> Tensor:
        ctx.save_for_backward(faces)
        # The last, of no face, is zero.
        padded = torch.nn.functional.pad(values, (0, 1))
        total = padded[:, :, around[0]]
        for row in around[1:]:
            total += padded[:, :, row]
        total[:, :, crowded] += padded[:, :, more].sum(dim=-1)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_sums: Tensor) -> tuple[Tensor | None, ...]:
        (faces,) = ctx.saved_tensors
        a, b, c = (by_sums[:, :, corner] for corner in faces.long().unbind(1))
        return a + b + c, None, None, None, None


class _UnitNormals(torch.autograd.Function):
    """VertexNormals on the CPU."""

    @staticmethod
    def forward(ctx: Any, vertices: Tensor, faces: Tensor) -> Tensor:
        unit, scales = _unit_normals(vertices, faces)
        ctx.save_for_backward(vertices, faces, unit, scales)
        return unit

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_normals: Tensor) -> tuple[Tensor, None]:
        vertices, faces, unit, scales = ctx.saved_tensors
        place = array(vertices)
        gradient = np.zeros_like(place)
        normals.backward(
            place,
            _indices(faces),
            unit.numpy(),
            scales.numpy(),
            array(by_normals),
            gradient,
        )
        return torch.from_numpy(gradient), None


def _unit_normals(vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """VertexNormals of vertices (batch, 3, vertex), and their scales: see facegen.normals."""
    place = array(vertices)
    unit, scales = np.zeros_like(place), np.empty((len(place), place.shape[2]), place.dtype)
    normals.forward(place, _indices(faces), unit, scales)
    return torch.from_numpy(unit), torch.from_numpy(scales)


def _indices(faces: Tensor) -> NDArray[np.uint32]:
    return faces.numpy().view(np.uint32)


def _faces_at_vertices(faces: Tensor, vertex_count: int) -> Tensor:
    """The faces around each vertex (vertex, most faces at one), filled up with the face's count."""
    corner = faces.long().flatten()
    order = corner.argsort(stable=True)
    counts = torch.bincount(corner, minlength=vertex_count)
    place = torch.arange(len(corner)) - (counts.cumsum(0) - counts)[corner[order]]
    around = torch.full((vertex_count, int(counts.max()) if len(corner) else 1), len(faces))
    around[corner[order], place] = order // 3
    return around
