"""Renderers without derivatives, set up as those in facegen.rivals; and the list of all rivals."""

import ctypes
import functools
import importlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from facegen.rivals import (
    AMBIENT,
    BACKGROUND,
    DIFFUSE,
    LIGHT,
    Deodr,
    DeodrBlurred,
    PyTorch3D,
    Renderer,
    Shading,
    View,
)


class Sim3DR(Renderer):
    """Sim3DR, the C++ rasterizer that 3DDFA_V2 draws with; bytes, without perspective in a face."""

    name: ClassVar[str] = "Sim3DR"
    install: ClassVar[str] = (
        "pip install cython setuptools wheel && pip install --no-build-isolation realrender"
    )

    def __init__(self, view: View) -> None:
        self._library: Any = importlib.import_module("realrender.sim3drender.Sim3DR")
        self._shading = Shading(view)
        self._faces = np.ascontiguousarray(view.faces)
        self._size = view.size

    def __call__(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """See Renderer."""
        with torch.no_grad():
            screen, gray = self._shading(vertices)
        place = screen[0].numpy()
        # Its samples lie at whole numbers, and what is nearer has the greater z.
        place = np.ascontiguousarray(
            np.stack([place[:, 0] - 0.5, place[:, 1] - 0.5, -place[:, 2]], axis=1)
        )
        picture = np.full((self._size, self._size, 1), round(255 * BACKGROUND), dtype=np.uint8)
        self._library.rasterize(place, self._faces, gray[0].numpy(), bg=picture)
        return np.asarray(picture[:, :, 0] / np.float32(255), dtype=np.float32)


class OpenGL(Renderer):
    """OpenGL by Mesa's llvmpipe, a software renderer, on one thread; the picture is read back."""

    name: ClassVar[str] = "OpenGL in software"
    install: ClassVar[str] = "apt install libegl1 libgl1-mesa-dri && pip install moderngl"
    _VERTEX = """
        #version 330
        in vec3 place; in float gray; out float shade; uniform vec2 scale; uniform float distance;
        void main() {
            float depth = distance - place.z;
            shade = gray;
            gl_Position = vec4(place.xy * scale, depth * (depth - distance) / distance, depth);
        }
    """
    _FRAGMENT = """
        #version 330
        in float shade; out float shown;
        void main() { shown = shade; }
    """

    def __init__(self, view: View) -> None:
        moderngl: Any = importlib.import_module("moderngl")
        # Read when the context is made: software, and no threads of its own.
        os.environ.update(LIBGL_ALWAYS_SOFTWARE="1", LP_NUM_THREADS="0")
        try:
            self._context = moderngl.create_context(standalone=True, backend="egl")
        except Exception as error:
            raise ModuleNotFoundError(f"no EGL: {error}") from error
        self._shading = Shading(view)
        context, size = self._context, view.size
        context.enable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        program = context.program(vertex_shader=self._VERTEX, fragment_shader=self._FRAGMENT)
        focal = view.camera.distance / view.camera.half_height
        program["scale"], program["distance"] = (focal, focal), view.camera.distance
        self._places = context.buffer(reserve=12 * view.vertex_count)
        self._grays = context.buffer(reserve=4 * view.vertex_count)
        self._array = context.vertex_array(
            program,
            [(self._places, "3f", "place"), (self._grays, "1f", "gray")],
            context.buffer(view.faces.tobytes()),
        )
        self._target = context.framebuffer(
            [context.renderbuffer((size, size), 1, dtype="f4")],
            context.depth_renderbuffer((size, size)),
        )

    def __call__(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """See Renderer."""
        with torch.no_grad():
            _, gray = self._shading(vertices)
        self._target.use()
        self._target.clear(red=BACKGROUND)
        self._places.write(np.ascontiguousarray(vertices))
        self._grays.write(gray.numpy())
        self._array.render()
        picture = np.frombuffer(self._target.read(components=1, dtype="f4"), dtype=np.float32)
        # Its rows run upwards.
        return np.asarray(picture.reshape(self._target.size[::-1])[::-1], dtype=np.float32)


class Handwritten(Renderer):
    """limit.cpp, a limit rather than a rival: what the picture costs if nothing else is wanted."""

    name: ClassVar[str] = "hand-written C++ that keeps no faces"
    install: ClassVar[str] = "apt install g++, 12 or later"

    def __init__(self, view: View) -> None:
        self._draw = _handwritten().draw
        self._faces = np.ascontiguousarray(view.faces)
        self._size = view.size
        focal = 0.5 * view.size * view.camera.distance / view.camera.half_height
        lens = (view.camera.distance, focal, 0.5 * view.size)
        self._view = np.array([*lens, *(DIFFUSE * LIGHT), AMBIENT, BACKGROUND], dtype=np.float32)

    def __call__(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """See Renderer."""
        picture = np.empty((self._size, self._size), dtype=np.float32)
        vertices = np.ascontiguousarray(vertices, dtype=np.float32)
        place, faces, view, shown = (
            ctypes.c_void_p(one.ctypes.data) for one in (vertices, self._faces, self._view, picture)
        )
        self._draw(place, len(vertices), faces, len(self._faces), self._size, view, shown)
        return picture


_FAST = (
    *("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-fno-math-errno"),
    *("-fno-trapping-math", "-ffinite-math-only", "-fno-signed-zeros", "-fassociative-math"),
    *("-freciprocal-math", "-ffp-contract=fast"),
)
"""All that -ffast-math is, but that a library built with it has the process round to 0 what is
denormal, from when it is loaded on: others would be measured, and tested, otherwise behind it."""


@functools.cache
def _handwritten() -> ctypes.CDLL:
    """limit.cpp, compiled for this processor."""
    source = Path(__file__).with_name("limit.cpp")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "limit.so")
        try:
            subprocess.run(["c++", *_FAST, source, "-o", library], check=True, capture_output=True)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise ModuleNotFoundError("no C++ compiler, or one that is too old") from error
        return ctypes.CDLL(str(library))


RIVALS: tuple[type[Renderer], ...] = (Deodr, DeodrBlurred, PyTorch3D, Sim3DR, OpenGL, Handwritten)
