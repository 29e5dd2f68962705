"""What a rasterizer answers: which face each sample of each picture sees, and how far away it is.

The frame: x to the right and y down, in samples; the centre of the sample in row r and column c is
at (c + 0.5, r + 0.5); z > 0 is the camera-space depth in mm. A face is outward when its vertices
run counter-clockwise as the viewer sees them.

The rules, which backends/reference.py spells out. Every backend covers exactly the same samples;
its 1 / z may differ in the last bits, and with it which of two touching faces is seen.

1. x and y are rounded to 1 / SUBSAMPLES of a sample and clamped to +-GUARD samples. The edge
   functions of the rounded triangle are integers, so coverage does not depend on rounding errors.
2. A face covers a sample whose centre is inside it, or exactly on a left edge or on a top edge:
   two faces that share an edge never leave a hole between them and never both cover a sample.
3. 1 / z is linear on the screen; the greatest 1 / z, in single precision, is seen; among equals the
   lowest face index is.
4. A face with a vertex that is not finite or has z <= 0 is dropped (nothing is clipped), as is one
   without area after rounding and, when culling, one seen from behind.
"""

import functools
import importlib
import pkgutil
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from facegen.errors import UserError
from facegen.raster import backends

SUBSAMPLES = 256
"""Steps a sample is divided into: vertices are rounded to 1 / 256 of a sample, as GPUs do."""

GUARD = 2**16
"""Vertices further out than this many samples are moved to that distance, axis by axis. Faces stay
joined, and every edge function stays below 2^53, where doubles too hold integers exactly."""

MAX_SIDE = 2**14
"""The largest height or width of a picture, in samples."""


@dataclass(frozen=True)
class Fragments:
    """What the samples of a batch of pictures see.

    face_id: int32 (batch, height, width); face_id[n, y, x] = f means that the centre of sample
        (x, y) of image n sees face f first, and -1 that it sees the background.
    depth: float32 (batch, height, width); depth[n, y, x] is the camera-space z of the surface
        there, in the unit of the vertices, and +inf at the background.
    """

    face_id: Tensor
    depth: Tensor

    def expand(self, batch: int) -> "Fragments":
        """The same for so many pictures, where this is of as many or of one."""
        return Fragments(self.face_id.expand(batch, -1, -1), self.depth.expand(batch, -1, -1))


class Backend(Protocol):
    """A module of facegen.raster.backends."""

    def rasterize(
        self, screen: Tensor, faces: Tensor, height: int, width: int, *, cull: bool
    ) -> Fragments:
        """See facegen.raster.contract.rasterize, which has checked the arguments."""
        ...


def backend_names() -> tuple[str, ...]:
    """The names of all backends, installed dependency or not, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(backends.__path__)))


@functools.cache
def _load(name: str) -> Backend:
    if name not in backend_names():
        known = ", ".join(backend_names())
        raise UserError(f"no rasterizer is called {name!r}; there are: {known}")
    try:
        return cast(Backend, importlib.import_module(f"{backends.__name__}.{name}"))
    except ModuleNotFoundError as error:
        raise UserError(
            f"rasterizer {name!r} needs the package {error.name!r}, which is not installed: "
            "install it, or choose another rasterizer"
        ) from error


def rasterize(
    screen: Tensor,
    faces: Tensor,
    height: int,
    width: int,
    *,
    cull: bool = True,
    backend: str | None = None,
) -> Fragments:
    """Find the nearest face at the centre of every sample, under the rules above.

    screen: float32 (batch, vertex, 3), x, y in samples and z in mm; no gradient flows from here.
    faces: int32 (face, 3), indices of vertices, the same for the whole batch.
    cull: drop the faces seen from behind; otherwise both sides count.
    backend: one of backend_names(); None takes numba, or on a CUDA device triton.
    Raises ValueError for tensors that are not like this, and UserError for a backend that does not
    exist or whose dependency is not installed.
    """
    _check(screen, faces, height, width)
    name = backend or ("triton" if screen.device.type == "cuda" else "numba")
    return _load(name).rasterize(screen.detach(), faces, height, width, cull=cull)


def _check(screen: Tensor, faces: Tensor, height: int, width: int) -> None:
    if screen.ndim != 3 or screen.shape[2] != 3 or screen.dtype != torch.float32:
        raise ValueError(
            f"screen must be float32 (batch, vertex, 3), not {screen.dtype} {tuple(screen.shape)}"
        )
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype != torch.int32:
        raise ValueError(f"faces must be int32 (face, 3), not {faces.dtype} {tuple(faces.shape)}")
    if screen.device != faces.device:
        raise ValueError(f"screen is on {screen.device} but faces on {faces.device}")
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise ValueError(f"a picture has 1 to {MAX_SIDE} samples a side, not {height} x {width}")
    # Another device would have to be waited for.
    if faces.numel() and faces.device.type == "cpu":
        # As unsigned numbers, those below zero are the greatest.
        corners = faces.numpy()
        if corners.view(np.uint32).max() >= screen.shape[1]:
            raise ValueError(
                f"faces index vertices {corners.min()} to {corners.max()}, "
                f"but screen has {screen.shape[1]}"
            )
