"""The default head's own file: HDF5, written by `face-model build`."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from facegen.files import write_atomic
from facegen.morphable.hdf5 import numbers
from facegen.morphable.model import MorphableModel

_FORMAT = "facegen-head-1"


def recognise(path: Path) -> bool:
    """Whether the file says that it is a head of ours."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return str(file.attrs.get("format", "")) == _FORMAT


def save(model: MorphableModel, path: str | Path) -> None:
    """Writes a model as HDF5; the bases are rounded to half precision (below 0.05 mm).

    Raises OSError; an older file is then untouched.
    """
    # In memory, since h5py crashes on a full disk.
    with h5py.File(
        "head", "w", driver="core", backing_store=False, libver=("v110", "v110")
    ) as file:
        file.attrs["format"] = _FORMAT
        file.attrs["name"] = model.name
        file.attrs["licence"] = model.licence
        file.attrs["frame"] = "mm; +x the subject's left, +y up, +z out of the nose"
        file.attrs["mode_names"] = json.dumps(model.mode_names)
        file.attrs["expression_names"] = json.dumps(model.expression_names)
        file.create_dataset("mean", data=model.mean, fletcher32=True)
        file.create_dataset("basis", data=model.basis.astype(np.float16), fletcher32=True)
        # An expression moves a part of the face only: compressed, its zeros take no room.
        expressions = model.expression_basis.astype(np.float16)
        file.create_dataset("expressions", data=expressions, fletcher32=True, compression="gzip")
        file.create_dataset("faces", data=model.faces, fletcher32=True)
        for name, field in model.fields.items():
            file.create_dataset(f"fields/{name}", data=field.astype(np.float32), fletcher32=True)
        file.flush()
        data = bytes(file.id.get_file_image())
    write_atomic(Path(path), data)


def load(path: Path) -> MorphableModel:
    """Reads what save wrote."""
    with h5py.File(path, "r") as file:
        mean = _array(path, file, "mean").astype(np.float32)
        # Heads built before there were expressions have none.
        names = tuple(json.loads(file.attrs.get("expression_names", "[]")))
        expressions = _array(path, file, "expressions") if names else np.zeros((0, *mean.shape))
        return MorphableModel(
            name=str(file.attrs["name"]),
            licence=str(file.attrs["licence"]),
            mean=mean,
            basis=_array(path, file, "basis").astype(np.float32),
            faces=_array(path, file, "faces").astype(np.int32),
            mode_names=tuple(json.loads(file.attrs["mode_names"])),
            fields={name: _array(path, file, f"fields/{name}") for name in file["fields"]},
            expression_basis=expressions.astype(np.float32),
            expression_names=names,
        )


def _array(path: Path, file: h5py.File, name: str) -> NDArray[Any]:
    return numbers(path, file, name, "a head that `face-model build` wrote")
