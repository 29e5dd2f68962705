"""Carrying faces over to PyTorch3D, and meshes back: the same view there and here.

PyTorch3D's camera frame has +x to the left, +y up and +z away from the camera, which sits at its
origin; its rows multiply from the left: x R + T. Needs pytorch3d, which is imported when asked for.
"""

import importlib
from typing import Any

import torch
from torch import Tensor

from facegen.errors import UserError
from facegen.geometry import Camera
from facegen.view import View


def to_meshes(vertices: Tensor, faces: Tensor, colours: Tensor) -> Any:
    """A pytorch3d.structures.Meshes with colours at its vertices; gradients pass.

    vertices (batch, 3, vertex), mm: in the camera's frame, as Renderer.pose leaves them, for the
    cameras of to_cameras. faces (face, 3). colours (batch or 1, 3, vertex), 0..1.
    """
    structures, textures = _module("structures"), _module("renderer.mesh.textures")
    return structures.Meshes(
        verts=vertices.mT,
        faces=faces.long().expand(len(vertices), -1, -1),
        textures=textures.TexturesVertex(colours.mT.expand(len(vertices), -1, -1)),
    )


def to_cameras(view: View, size: int) -> Any:
    """pytorch3d.renderer.PerspectiveCameras that see what a view shows in a square picture.

    size: pixels a side. Gradients pass to distance, half_height and middle.
    """
    focal = view.distance / view.half_height
    middle = view.middle / view.half_height[:, None]
    ones = torch.ones_like(focal)
    # To its frame from ours: x and z change signs, and the camera comes to the origin.
    turn = torch.diag(torch.tensor([-1.0, 1.0, -1.0])).to(focal).expand(len(focal), 3, 3)
    return _module("renderer.cameras").PerspectiveCameras(
        focal_length=focal,
        # +x to the left, so the point shifts as the picture's middle does.
        principal_point=torch.stack([middle[:, 0], -middle[:, 1]], dim=1),
        R=turn,
        T=torch.stack([0 * ones, 0 * ones, view.distance], dim=1),
        image_size=torch.tensor([[size, size]], device=focal.device).expand(len(focal), 2),
        device=focal.device,
    )


def from_meshes(meshes: Any) -> tuple[Tensor, Tensor, Tensor | None]:
    """A Meshes of one topology to vertices (batch, 3, vertex), faces and colours at vertices.

    faces: int32 (face, 3). colours (batch, 3, vertex), None where it has no TexturesVertex.
    Raises UserError where the meshes differ in their faces.
    """
    faces = meshes.faces_list()
    if any(not torch.equal(other, faces[0]) for other in faces[1:]):
        raise UserError("the meshes differ in their faces: carry them over one by one")
    colours = None
    if isinstance(meshes.textures, _module("renderer.mesh.textures").TexturesVertex):
        colours = meshes.textures.verts_features_padded().mT
    return meshes.verts_padded().mT, faces[0].int(), colours


def camera_of(cameras: Any, number: int = 0) -> Camera:
    """Our camera for one made by to_cameras; raises UserError for any that ours cannot be."""
    ours = torch.diag(torch.tensor([-1.0, 1.0, -1.0])).to(cameras.R)
    x, y, distance = cameras.T[number].tolist()
    focal = cameras.focal_length[number].flatten().tolist()
    if (
        not torch.allclose(cameras.R[number], ours)
        or (x, y) != (0, 0)
        or distance <= 0
        or focal[0] != focal[-1]
    ):
        raise UserError("only a camera on the +z axis that looks at the origin is one of ours")
    half_height = distance / focal[0]
    right, up = cameras.principal_point[number].tolist()
    return Camera(distance, half_height, right * half_height, -up * half_height)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"pytorch3d.{name}")
    except ModuleNotFoundError as error:
        raise UserError(
            f"the package {error.name!r} is not installed; see PyTorch3D's INSTALL.md"
        ) from error
