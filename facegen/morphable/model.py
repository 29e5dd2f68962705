"""The one in-memory form of every face model, and the file in which the default head is cached."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from facegen.appearance import APPEARANCE
from facegen.errors import UserError

_FORMAT = "facegen-head-1"


@dataclass(frozen=True)
class MorphableModel:
    """A linear shape model: vertices = mean + coefficients @ basis.

    Frame: mm, +x the subject's left, +y up, +z out of the nose, origin at the head's centre.

    mean (vertex, 3), float32.
    basis (mode, vertex, 3), float32: displacement for a coefficient of 1, which is one standard
        deviation.
    faces (face, 3), int32: triangles, counter-clockwise from outside.
    mode_names (mode,): what each coefficient stands for.
    fields: per-vertex anatomy (vertex,), float32, that the skin is painted from; see facegen.skin.
    licence: under which terms the model's data may be used; it is copied into every data set.
    """

    name: str
    licence: str
    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    faces: NDArray[np.int32]
    mode_names: tuple[str, ...]
    fields: dict[str, NDArray[np.float32]]

    @property
    def identity_size(self) -> int:
        """Identity coefficients: the shape's, then those of facegen.appearance.APPEARANCE."""
        return len(self.basis) + len(APPEARANCE)

    def vertices(self, coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coefficients (face, mode) to vertices (face, vertex, 3) in mm."""
        moved = coefficients @ self.basis.reshape(len(self.basis), -1)
        return self.mean + moved.reshape(-1, *self.mean.shape)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything that shapes a picture."""
        digest = hashlib.sha256()
        for array in (
            self.mean,
            self.basis,
            self.faces,
            *map(self.fields.get, sorted(self.fields)),
        ):
            assert array is not None
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def save_model(model: MorphableModel, path: str | Path) -> None:
    """Writes a model as HDF5; the basis is rounded to half precision (below 0.05 mm)."""
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file.attrs["format"] = _FORMAT
        file.attrs["name"] = model.name
        file.attrs["licence"] = model.licence
        file.attrs["frame"] = "mm; +x the subject's left, +y up, +z out of the nose"
        file.attrs["mode_names"] = json.dumps(model.mode_names)
        file.create_dataset("mean", data=model.mean, fletcher32=True)
        file.create_dataset("basis", data=model.basis.astype(np.float16), fletcher32=True)
        file.create_dataset("faces", data=model.faces, fletcher32=True)
        for name, field in model.fields.items():
            file.create_dataset(f"fields/{name}", data=field.astype(np.float32), fletcher32=True)


def load_model(path: str | Path) -> MorphableModel:
    """Reads what save_model wrote; a missing, damaged or foreign file is a UserError."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise UserError(f"{path}: not a head made by `face-model build`; run `make model`")
            model = MorphableModel(
                name=str(file.attrs["name"]),
                licence=str(file.attrs["licence"]),
                mean=file["mean"][:].astype(np.float32),
                basis=file["basis"][:].astype(np.float32),
                faces=file["faces"][:].astype(np.int32),
                mode_names=tuple(json.loads(file.attrs["mode_names"])),
                fields={name: field[:] for name, field in file["fields"].items()},
            )
    except FileNotFoundError:
        raise UserError(f"{path}: no such face model; run `make model`") from None
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: unreadable face model ({error}); run `make model`") from error
    vertex, mode = len(model.mean), len(model.mode_names)
    if (
        model.mean.shape != (vertex, 3)
        or model.basis.shape != (mode, vertex, 3)
        or any(field.shape != (vertex,) for field in model.fields.values())
        or not 0 <= model.faces.min() <= model.faces.max() < vertex
        or not np.isfinite(model.basis).all()
        or not np.isfinite(model.mean).all()
    ):
        raise UserError(f"{path}: inconsistent face model; run `make model`")
    return model
