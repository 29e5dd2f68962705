"""Surrey Face Model and other models of the eos library: `.bin`, versions 1 to 4.

Millimetres, +x the subject's left, +y up, +z out of the nose, triangles outwards. A PCA model is
its mean, orthonormal basis and eigenvalues (variances), each with its size and in Fortran's order,
then its triangles. Colours, where there are any, are RGB in 0..1.
Source: Huber et al., A multiresolution 3D morphable face model and fitting framework, 2016; the eos
library's serialisation (cereal, binary, little endian).
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.morphable.model import Albedo, MorphableModel
from facegen.morphable.principal import modes, names, no_modes

_VERSIONS = range(1, 5)
_WITH_EXPRESSIONS = 2
_PCA, _BLENDSHAPES = 0, 1
"""The kinds of expression model, as the file numbers them."""


def recognise(path: Path) -> bool:
    """Whether it starts like a model: a version, then a mean of a multiple of three numbers."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        start = file.read(12)
    if len(start) < 12:
        return False
    version, rows, columns = struct.unpack("<Iii", start)
    return version in _VERSIONS and rows > 0 and rows % 3 == 0 and columns == 1


def load(path: Path) -> MorphableModel:
    """Reads shape, colours and expressions; landmarks and texture coordinates are not needed."""
    file = _Reader(path)
    version = file.number("I")
    shape, colours = _pca(file), _pca(file)
    vertex = len(shape.mean) // 3
    basis, signed = no_modes(vertex), False
    expression_names: tuple[str, ...] = ()
    if version >= _WITH_EXPRESSIONS and not file.number("B"):
        kind = file.number("i")
        if kind == _PCA:
            pca = _pca(file)
            basis, signed = modes(pca.basis, np.sqrt(pca.variance)), True
            expression_names = names("expression", len(basis))
        elif kind == _BLENDSHAPES:
            basis, expression_names = _blendshapes(file, 3 * vertex)
        else:
            file.fail(f"has expressions of an unknown kind ({kind})")
    albedo = None
    if len(colours.mean):
        albedo = Albedo(
            colours.mean.reshape(-1, 3),
            modes(colours.basis, np.sqrt(colours.variance)),
            encoding="srgb",
        )
    return MorphableModel(
        name=f"surrey-{vertex}",
        licence="Surrey Face Model: non-commercial, by registration with the University of Surrey",
        mean=shape.mean.reshape(-1, 3),
        basis=modes(shape.basis, np.sqrt(shape.variance)),
        faces=shape.triangles,
        mode_names=names("pc", len(shape.variance)),
        fields={},
        expression_basis=basis,
        expression_names=expression_names,
        expression_signed=signed,
        albedo=albedo,
    )


@dataclass(frozen=True)
class _Pca:
    """mean (value,), basis (value, mode), variance (mode,), triangles (face, 3)."""

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    variance: NDArray[np.float32]
    triangles: NDArray[np.int32]


class _Reader:
    """A file read front to back, with one clear line when it ends too early."""

    def __init__(self, path: Path):
        self._path = path
        self._data = path.read_bytes()
        self._at = 0

    def fail(self, reason: str) -> NoReturn:
        """Raises UserError."""
        raise UserError(f"{self._path}: {reason}; download it anew")

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size < 0 or self._at + size > len(self._data):
            self.fail(
                f"ends at byte {len(self._data):,}, but announces {size:,} bytes from byte "
                f"{self._at:,} on"
            )
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, kind: str) -> int:
        """The next integer, in struct's notation."""
        return int(struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0])

    def matrix(self) -> NDArray[np.float32]:
        """The next matrix (row, column): its size, then columns."""
        rows, columns = self.number("i"), self.number("i")
        if rows < 0 or columns < 0:
            self.fail(f"announces a matrix of {rows} by {columns}")
        values = np.frombuffer(self.take(4 * rows * columns), dtype="<f4")
        return np.asarray(values.reshape(columns, rows).T, dtype=np.float32)


def _pca(file: _Reader) -> _Pca:
    mean, basis, variance = file.matrix().ravel(), file.matrix(), file.matrix().ravel()
    if basis.shape != (len(mean), len(variance)) or (variance < 0).any():
        file.fail(f"has a basis of {basis.shape} for {len(mean)} values, {len(variance)} modes")
    count = file.number("Q")
    triangles = np.frombuffer(file.take(12 * count), dtype="<i4").reshape(-1, 3)
    return _Pca(mean, basis, variance, triangles.astype(np.int32))


def _blendshapes(file: _Reader, values: int) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    shapes, labels = [], []
    for _ in range(file.number("Q")):
        labels.append(file.take(file.number("Q")).decode("utf-8", "replace"))
        deformation = file.matrix().ravel()
        if len(deformation) != values:
            file.fail(f"has {len(deformation)} of {values} values in {labels[-1]!r}")
        shapes.append(deformation.reshape(-1, 3))
    return (np.stack(shapes) if shapes else no_modes(values // 3)), tuple(labels)
