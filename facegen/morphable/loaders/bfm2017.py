"""Basel Face Model 2017 and 2019: `model2017-1_*.h5`, `model2019_*.h5`, whole heads and crops.

Millimetres, +x the subject's left, +y up, +z out of the nose, triangles from 0 and outwards,
colours RGB in 0..1. Components are orthonormal and come with variances; version 0.8 of the file
format already multiplied them by the standard deviations. The expression model has a mean of its
own, up to 17 mm: the neutral face is the shape's mean alone.
Source: Gerig et al., Morphable face models: an open framework, FG 2018; statismo's file format.
"""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.morphable.hdf5 import numbers
from facegen.morphable.model import Albedo, MorphableModel
from facegen.morphable.principal import modes, names, no_modes

_PREMULTIPLIED = (0, 8)
"""The version of the file format whose basis carries the standard deviations."""


def recognise(path: Path) -> bool:
    """Whether it is HDF5 with a statismo model of a shape, or the remains of one."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return "shape/model" in file or "shape/representer" in file
    except OSError:
        return False


def load(path: Path) -> MorphableModel:
    """Reads shape, expressions and colours, as far as they are there."""
    with h5py.File(path, "r") as file:
        mean, basis = _pca(path, file, "shape")
        vertex = len(mean)
        expression = _pca(path, file, "expression")[1] if "expression/model" in file else None
        albedo = None
        if "color/model" in file:
            albedo = Albedo(*_pca(path, file, "color"), encoding="srgb")
        triangles = _triangles(path, file)
    expression = no_modes(vertex) if expression is None else expression
    year = "2019" if "2019" in path.name else "2017"
    return MorphableModel(
        name=f"bfm-{year}-{vertex}",
        licence=f"Basel Face Model {year}: research only, by registration with the university",
        mean=mean,
        basis=basis,
        faces=triangles,
        mode_names=names("pc", len(basis)),
        fields={},
        expression_basis=expression,
        expression_names=names("expression", len(expression)),
        expression_signed=True,
        albedo=albedo,
    )


def _pca(path: Path, file: h5py.File, what: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (vertex, 3) and modes (mode, vertex, 3) of one standard deviation."""
    mean = _array(path, file, f"{what}/model/mean").reshape(-1).astype(np.float32)
    basis = _array(path, file, f"{what}/model/pcaBasis")
    variance = _array(path, file, f"{what}/model/pcaVariance").reshape(-1)
    if basis.shape != (mean.size, variance.size) or mean.size % 3:
        raise UserError(
            f"{path}: {what}/model/pcaBasis has the shape {basis.shape} and should have "
            f"({mean.size}, {variance.size}); is this a BFM 2017/2019 file?"
        )
    if (variance < 0).any():
        raise UserError(f"{path}: {what}/model/pcaVariance has a negative value; download it anew")
    premultiplied = _version(path, file, what) == _PREMULTIPLIED
    return mean.reshape(-1, 3), modes(basis, 1.0 if premultiplied else np.sqrt(variance))


def _version(path: Path, file: h5py.File, what: str) -> tuple[int, int]:
    for group in (f"{what}/version", "version"):
        if f"{group}/majorVersion" in file and f"{group}/minorVersion" in file:
            major, minor = (
                int(_array(path, file, f"{group}/{part}Version").reshape(-1)[0])
                for part in ("major", "minor")
            )
            return major, minor
    return 0, 9


def _triangles(path: Path, file: h5py.File) -> NDArray[np.int32]:
    """Triangles (face, 3); statismo keeps them transposed."""
    legacy = "shape/representer/reference-mesh/triangle-list"
    cells = _array(path, file, legacy if legacy in file else "shape/representer/cells")
    if cells.ndim != 2 or 3 not in cells.shape:
        raise UserError(
            f"{path}: the triangles have the shape {cells.shape}, and should have (3, T)"
        )
    cells = cells.T if cells.shape[0] == 3 else cells
    return np.ascontiguousarray(cells, dtype=np.int32)


def _array(path: Path, file: h5py.File, name: str) -> NDArray[np.floating]:
    return numbers(path, file, name, "a BFM 2017/2019 file")
