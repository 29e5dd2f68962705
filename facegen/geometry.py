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

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on the +z axis that looks at the origin.

    distance: mm from the origin.
    half_height: mm at the origin that the picture shows above and below its middle.
    """

    distance: float = 1100.0
    half_height: float = 138.0


def rotation(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Degrees (batch,) each to matrices (batch, 3, 3) that take head to camera coordinates.

    Elevation then moves a face up and down whichever way it looks; were it a nod about the ears, it
    would tilt one profile to the left and the other to the right.
    """
    a, e = torch.deg2rad(azimuth), torch.deg2rad(elevation)
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    turn = torch.stack([a.cos(), zero, a.sin(), zero, one, zero, -a.sin(), zero, a.cos()], dim=-1)
    tilt = torch.stack([one, zero, zero, zero, e.cos(), e.sin(), zero, -e.sin(), e.cos()], dim=-1)
    matrices: Tensor = tilt.reshape(-1, 3, 3) @ turn.reshape(-1, 3, 3)
    return matrices


def direction(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Degrees (batch,) each to unit vectors (batch, 3) pointing there from the head's centre."""
    a, e = torch.deg2rad(azimuth), torch.deg2rad(elevation)
    return torch.stack([e.cos() * a.sin(), e.sin(), e.cos() * a.cos()], dim=-1)


def project(vertices: Tensor, camera: Camera, samples: int) -> Tensor:
    """Camera-frame vertices (batch, 3, vertex) in mm to (batch, vertex, 3) screen coordinates.

    x to the right and y down in units of samples of a picture `samples` wide and high, its top left
    corner being (0, 0); z is the depth: the distance in mm along the camera's axis.
    """
    x, y, z = vertices.unbind(1)
    depth = camera.distance - z
    scale = (0.5 * samples * camera.distance / camera.half_height) / depth
    return torch.stack([0.5 * samples + x * scale, 0.5 * samples - y * scale, depth], dim=-1)


class VertexNormals:
    """Smooth normals of meshes that share one topology."""

    def __init__(self, faces: Tensor, vertex_count: int):
        """faces: int32 (face, 3), counter-clockwise from outside."""
        corner = faces.long().flatten()
        order = corner.argsort(stable=True)
        starts = torch.searchsorted(corner[order], torch.arange(vertex_count + 1))
        with warnings.catch_warnings():
            # torch calls its CSR layout beta; a product with a dense matrix is all we ask of it.
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
            self._faces_at_vertex = torch.sparse_csr_tensor(
                starts,
                order // 3,
                torch.ones(len(corner)),
                (vertex_count, len(faces)),
                check_invariants=True,
            )
        self._faces = faces.long()

    def __call__(self, vertices: Tensor) -> Tensor:
        """Unit normals (batch, 3, vertex) of vertices (batch, 3, vertex), weighted by area."""
        # Vertices lead here: a face then gathers three contiguous rows for the whole batch.
        rows = vertices.flatten(0, 1).T.contiguous()
        a, b, c = rows[self._faces].reshape(len(self._faces), 3, -1, 3).unbind(1)
        face_normals = torch.linalg.cross(b - a, c - a)
        summed = self._faces_at_vertex.to(vertices) @ face_normals.flatten(1)
        planes = summed.T.contiguous().reshape(vertices.shape)
        # torch's own norm over a dimension that is not the last takes as long as all the rest.
        squared = (planes * planes).sum(dim=1, keepdim=True)
        normals: Tensor = planes * torch.rsqrt(squared.clamp(min=1e-20))
        return normals
