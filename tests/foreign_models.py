"""Small files in exactly the layouts that face models are published in, from arrays of ours.

The arrays are in facegen's frame and units (mm); a writer turns them into its format's.
"""

import pickle
import struct
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import scipy.sparse
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """What a file is made from: mean (vertex, 3) and modes (mode, vertex, 3) of 1 sd, all in mm.

    colours, colour_modes: RGB in 0..1, likewise.
    """

    mean: Floats
    modes: Floats
    faces: NDArray[np.int64]
    expressions: Floats
    colours: Floats
    colour_modes: Floats


def random_shape(vertices: int = 9, modes: int = 4, expressions: int = 3) -> Shape:
    random = np.random.default_rng(5)
    return Shape(
        mean=random.normal(0, 60, (vertices, 3)),
        modes=random.normal(0, 2, (modes, vertices, 3)),
        faces=np.array([[0, 1, 2], [2, 1, 3], [4, 5, 6], [6, 7, 8]]),
        expressions=random.normal(0, 2, (expressions, vertices, 3)),
        colours=random.uniform(0.2, 0.8, (vertices, 3)),
        colour_modes=random.normal(0, 0.05, (modes, vertices, 3)),
    )


def components(modes: Floats) -> tuple[Floats, Floats]:
    """Modes as a matrix of unit columns (3 * vertex, mode) and their standard deviations."""
    flat = modes.reshape(len(modes), -1).T
    deviations = np.linalg.norm(flat, axis=0)
    return flat / deviations, deviations


def write_bfm2009(path: Path, shape: Shape) -> None:
    basis, deviations = components(1000 * shape.modes)
    colour_basis, colour_deviations = components(255 * shape.colour_modes)
    scipy.io.savemat(
        path,
        {
            "shapeMU": (1000 * shape.mean).reshape(-1, 1).astype(np.float32),
            "shapePC": basis.astype(np.float32),
            "shapeEV": deviations[:, None].astype(np.float32),
            "texMU": (255 * shape.colours).reshape(-1, 1).astype(np.float32),
            "texPC": colour_basis.astype(np.float32),
            "texEV": colour_deviations[:, None].astype(np.float32),
            "tl": (shape.faces[:, ::-1] + 1).astype(np.float64),
            "segbin": np.zeros((len(shape.mean), 4), dtype=np.uint8),
        },
    )


def write_bfm2017(
    path: Path, shape: Shape, version: tuple[int, int] = (0, 9), legacy: bool = False
) -> None:
    expression_mean = np.full(shape.mean.shape, 16.7)
    parts = {
        "shape": (shape.mean, shape.modes),
        "color": (shape.colours, shape.colour_modes),
        "expression": (expression_mean, shape.expressions),
    }
    with h5py.File(path, "w") as file:
        for what, (mean, modes) in parts.items():
            basis, deviations = components(modes)
            if version == (0, 8):
                basis = basis * deviations
            file[f"{what}/model/mean"] = mean.ravel().astype(np.float32)
            file[f"{what}/model/pcaBasis"] = basis.astype(np.float32)
            file[f"{what}/model/pcaVariance"] = (deviations**2).astype(np.float32)
            file[f"{what}/model/noiseVariance"] = np.zeros(1, np.float32)
            file[f"{what}/version/majorVersion"] = np.array([version[0]], np.int32)
            file[f"{what}/version/minorVersion"] = np.array([version[1]], np.int32)
            if legacy:
                mesh = f"{what}/representer/reference-mesh"
                file[f"{mesh}/vertex-coordinates"] = shape.mean.T.astype(np.float32)
                file[f"{mesh}/triangle-list"] = shape.faces.T.astype(np.int32)
            else:
                file[f"{what}/representer/points"] = shape.mean.T.astype(np.float32)
                file[f"{what}/representer/cells"] = shape.faces.T.astype(np.int32)
        file["metadata/landmarks/json"] = '[{"id": "center.nose.tip", "coordinates": [0, 0, 0]}]'


def flame_arrays(shape: Shape) -> dict[str, object]:
    """FLAME's dictionary, of 300 identity modes and then expressions; missing ones are zero."""
    identity = np.zeros((300, *shape.mean.shape))
    identity[: len(shape.modes)] = shape.modes
    directions = np.concatenate([identity, shape.expressions]) / 1000
    vertices = len(shape.mean)
    return {
        "v_template": shape.mean / 1000,
        "f": shape.faces.astype(np.uint32),
        "shapedirs": np.asfortranarray(directions.transpose(1, 2, 0)),
        "posedirs": np.zeros((vertices, 3, 36)),
        "J_regressor": scipy.sparse.csc_matrix(np.ones((5, vertices)) / vertices),
        "weights": np.ones((vertices, 5)) / 5,
        "kintree_table": np.zeros((2, 5), dtype=np.int64),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def write_flame(path: Path, shape: Shape, protocol: int = 2, chumpy: bool = False) -> None:
    arrays = flame_arrays(shape)
    if chumpy:
        arrays = {**arrays, **{k: _chumpy(arrays[k]) for k in ("v_template", "shapedirs")}}
    module = types.ModuleType("chumpy.ch")
    module.Ch = _Ch  # type: ignore[attr-defined]
    sys.modules.update({"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module})
    try:
        path.write_bytes(pickle.dumps(arrays, protocol=protocol))
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]


class _Ch:
    """Stands in for chumpy's class while a file is written; reading needs no such thing."""


_Ch.__module__, _Ch.__qualname__, _Ch.__name__ = "chumpy.ch", "Ch", "Ch"


def _chumpy(array: object) -> _Ch:
    wrapped = _Ch()
    wrapped.__dict__.update(x=array, _dirty_vars=set(), _itr=None, _status="new", _cache={})
    return wrapped


def write_flame_npz(path: Path, shape: Shape) -> None:
    arrays = flame_arrays(shape)
    kept = {k: v for k, v in arrays.items() if isinstance(v, np.ndarray)}
    with open(path, "wb") as file:
        np.savez(file, **kept)


def write_gnm(path: Path, shape: Shape, parts: dict[str, NDArray[np.int64]] | None = None) -> None:
    groups = {"skin": np.arange(len(shape.mean)), **(parts or {})}
    weights = np.zeros((len(groups), len(shape.mean)), dtype=np.float32)
    for row, members in zip(weights, groups.values(), strict=True):
        row[members] = 1.0
    with open(path, "wb") as file:
        np.savez(
            file,
            template_vertex_positions=(shape.mean / 1000).astype(np.float32),
            vertex_identity_basis=(shape.modes / 1000).astype(np.float32),
            expression_basis=(shape.expressions / 1000).astype(np.float32),
            expression_names=np.array([f"lower_face_{k}" for k in range(len(shape.expressions))]),
            triangles=shape.faces.astype(np.int32),
            triangle_uvs=np.zeros((len(shape.faces), 3, 2), dtype=np.float32),
            vertex_groups=weights,
            vertex_group_names=np.array(list(groups)),
        )


def surrey_bytes(
    shape: Shape, version: int = 1, expressions: str = "pca", colours: bool = False
) -> bytes:
    def matrix(values: Floats) -> bytes:
        columns = np.atleast_2d(values.T).T
        head = struct.pack("<ii", *columns.shape)
        return head + columns.astype("<f4").tobytes(order="F")

    def pca(mean: Floats, modes: Floats) -> bytes:
        basis, deviations = components(modes)
        triangles = shape.faces.astype("<i4").tobytes()
        counted = struct.pack("<Q", len(shape.faces)) + triangles
        return matrix(mean.ravel()) + matrix(basis) + matrix(deviations**2) + counted

    nothing = 3 * struct.pack("<ii", 0, 0) + struct.pack("<Q", 0)
    data = struct.pack("<I", version) + pca(shape.mean, shape.modes)
    data += pca(shape.colours, shape.colour_modes) if colours else nothing
    if version >= 2 and expressions == "none":
        data += struct.pack("<B", 1)
    elif version >= 2 and expressions == "pca":
        data += struct.pack("<Bi", 0, 0) + pca(0 * shape.mean, shape.expressions)
    elif version >= 2:
        data += struct.pack("<BiQ", 0, 1, len(shape.expressions))
        for k, mode in enumerate(shape.expressions):
            label = f"shape {k}".encode()
            data += struct.pack("<Q", len(label)) + label + matrix(mode.ravel())
    if version >= 3:
        data += struct.pack("<BQ", 0, 1) + struct.pack("<Q", 2) + b"37" + struct.pack("<i", 4)
    data += struct.pack("<Q", len(shape.mean)) + np.zeros((len(shape.mean), 2), "<f8").tobytes()
    return data + (struct.pack("<Q", 0) if version >= 4 else b"")
