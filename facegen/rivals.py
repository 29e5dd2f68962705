"""Other renderers, and ours, set up to draw the same picture.

The picture: the mesh under one directional light, shaded by Lambert's law at the vertices with
smooth normals, interpolated over the faces, one sample a pixel, in gray. Everything from vertices
in the camera's frame to the finished picture is each renderer's own work, except that those that
come without shading at vertices, or with a slow one, are lent ours.
"""

import importlib
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.geometry import Camera, VertexNormals, project
from facegen.raster import composite, rasterize, topology

LIGHT = np.array([0.36, 0.48, 0.8])
"""The unit vector to the light, in the camera's frame."""
AMBIENT, DIFFUSE, BACKGROUND = 0.25, 0.7, 1.0


@dataclass(frozen=True)
class View:
    """What stays the same from picture to picture.

    faces: int32 (face, 3) over vertex_count vertices. size: pixels a side.
    """

    faces: NDArray[np.int32]
    vertex_count: int
    size: int
    camera: Camera


class Renderer(Protocol):
    """Vertices (vertex, 3), mm in the camera's frame, to a picture (size, size), 0..1.

    name: as a reader knows it. install: how to get what it needs. agreement: the least share of
    pixels that must be as ours before times are compared. Constructing one raises
    ModuleNotFoundError where what it needs is not installed.
    """

    name: ClassVar[str]
    install: ClassVar[str]
    agreement: ClassVar[float] = 0.99

    def __init__(self, view: View) -> None: ...

    def __call__(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]: ...


class Differentiable(Renderer, Protocol):
    """One that also finds what a change of vertices does to its picture."""

    def gradient(
        self, vertices: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Draw, and differentiate (picture * weights).sum() by vertices: (vertex, 3)."""
        ...


class Shading:
    """What our renderer lends to others: projection and shading at the vertices, in torch."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._normals = VertexNormals(torch.from_numpy(view.faces), view.vertex_count)
        self._light = torch.from_numpy(DIFFUSE * LIGHT).float()[None, None]
        self._ambient = torch.tensor([[[AMBIENT]]])

    def __call__(self, vertices: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """The screen (1, vertex, 3), as the rasterizer takes it, and gray values (1, vertex, 1)."""
        return self.shade(_planes(vertices))

    def shade(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """The same of tensors (1, 3, vertex)."""
        gray = torch.baddbmm(self._ambient, self._light, self._normals(batch)).clamp_(min=AMBIENT)
        return project(batch, self._view.camera, self._view.size), gray.mT


class InTorch(Differentiable, Protocol):
    """One that draws with torch, which finds its derivatives."""

    def draw(self, vertices: Tensor) -> Tensor:
        """Vertices (1, 3, vertex) to a picture (1, size, size, 1)."""
        ...

    def __call__(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """See Renderer."""
        with torch.no_grad():
            return self.draw(_planes(vertices)).numpy()[0, :, :, 0]

    def gradient(
        self, vertices: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See Differentiable."""
        leaf = _planes(vertices).requires_grad_()
        by_pixels = torch.from_numpy(weights)[None, ..., None]
        (gradient,) = torch.autograd.grad(self.draw(leaf), leaf, by_pixels)
        return np.asarray(gradient.numpy()[0].T, dtype=np.float32)


def _planes(vertices: NDArray[np.float32]) -> Tensor:
    """Vertices (vertex, 3) as our renderer has them: (1, 3, vertex)."""
    return torch.from_numpy(np.ascontiguousarray(vertices.T))[None]


class Facegen(InTorch):
    """Our rasterizer and compositing; silhouettes are followed."""

    name: ClassVar[str] = "facegen"
    install: ClassVar[str] = "it is here"

    def __init__(self, view: View) -> None:
        self._shading = Shading(view)
        self._faces = torch.from_numpy(view.faces)
        self._mesh = topology(self._faces)
        self._size = view.size
        self._background = torch.tensor([BACKGROUND])

    def draw(self, vertices: Tensor) -> Tensor:
        """See InTorch."""
        screen, gray = self._shading.shade(vertices)
        fragments = rasterize(screen, self._faces, self._size, self._size)
        return composite(gray, screen, self._faces, fragments, self._background, 1, mesh=self._mesh)


class PyTorch3D(InTorch):
    """PyTorch3D's rasterizer on the CPU, as lean as its interface allows.

    Its derivatives are those within faces only.
    """

    name: ClassVar[str] = "PyTorch3D"
    install: ClassVar[str] = "see its INSTALL.md"

    def __init__(self, view: View) -> None:
        rasterizer = importlib.import_module("pytorch3d.renderer.mesh.rasterize_meshes")
        self._rasterize = rasterizer.rasterize_meshes
        self._interpolate = importlib.import_module("pytorch3d.ops").interpolate_face_attributes
        self._meshes = importlib.import_module("pytorch3d.structures").Meshes
        self._shading = Shading(view)
        self._faces = torch.from_numpy(view.faces).long()
        self._size = view.size

    def draw(self, vertices: Tensor) -> Tensor:
        """See InTorch."""
        screen, gray = self._shading.shade(vertices)
        x, y, z = screen.unbind(-1)
        # Normalized device coordinates with +x to the left and +y up, z as it is.
        place = torch.stack([1 - 2 * x / self._size, 1 - 2 * y / self._size, z], dim=-1)
        face_id, _, coordinates, _ = self._rasterize(
            self._meshes(place, self._faces[None]),
            image_size=(self._size, self._size),
            faces_per_pixel=1,
            perspective_correct=True,
            cull_backfaces=True,
        )
        picture = self._interpolate(face_id, coordinates, gray[0, self._faces])
        shown: Tensor = torch.where(face_id[..., None] >= 0, picture, BACKGROUND)
        return shown[..., 0]


class Deodr(Renderer):
    """DEODR (Scene3D: C++ rasterizer, numpy shading in double precision), without its edge blur."""

    name: ClassVar[str] = "DEODR"
    install: ClassVar[str] = "pip install deodr trimesh"
    sigma: ClassVar[float] = 0.0

    def __init__(self, view: View) -> None:
        deodr = importlib.import_module("deodr")
        colours = np.ones((view.vertex_count, 1))
        flat = np.zeros((view.vertex_count, 3))
        self._mesh: Any = deodr.ColoredTriMesh(
            view.faces.astype(np.uint32), flat, colors=colours, nb_colors=1
        )
        self._scene: Any = deodr.Scene3D(sigma=self.sigma, integer_pixel_centers=False)
        self._scene.set_light(light_directional=-DIFFUSE * LIGHT, light_ambient=AMBIENT)
        self._scene.set_background_color([BACKGROUND])
        self._scene.set_mesh(self._mesh)
        focal = 0.5 * view.size * view.camera.distance / view.camera.half_height
        centre = 0.5 * view.size
        self._camera: Any = deodr.Camera(
            extrinsic=np.array(
                # Its cameras look along +z, with y down.
                [[1.0, 0, 0, 0], [0, -1.0, 0, 0], [0, 0, -1.0, view.camera.distance]]
            ),
            intrinsic=np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1.0]]),
            width=view.size,
            height=view.size,
        )

    def __call__(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """See Renderer."""
        self._mesh.set_vertices(vertices.astype(np.float64))
        picture = self._scene.render(self._camera)
        return np.asarray(picture[:, :, 0], dtype=np.float32)

    def gradient(
        self, vertices: NDArray[np.float32], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See Differentiable; silhouettes are followed where they are blurred."""
        self(vertices)
        self._scene.clear_gradients()
        self._scene.render_backward(weights[..., None].astype(np.float64))
        return np.asarray(self._mesh._vertices_b, dtype=np.float32)


class DeodrBlurred(Deodr):
    """DEODR with silhouettes a pixel wide, which give them a derivative."""

    name: ClassVar[str] = "DEODR, silhouettes blurred"
    sigma: ClassVar[float] = 1.0
    agreement: ClassVar[float] = 0.95
