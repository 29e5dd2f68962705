"""Arrays of numbers out of HDF5 files that came from elsewhere."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError

_LARGEST = 4 * 2**30
"""Bytes; the largest array of a face model that was ever published has a fifth of it."""


def numbers(path: Path, file: h5py.File, name: str, kind: str) -> NDArray[Any]:
    """The array of that name, if it lies in this file itself and is of a size that can be.

    kind: of file, as errors ask for it. A link or an array may name any other file of the reader's,
    and a few bytes may say that they stand for terabytes. Raises UserError, as for an array that is
    not there.
    """
    place: Any = file
    for part in name.split("/"):
        own = isinstance(place, h5py.Group) and isinstance(
            place.get(part, getlink=True), h5py.HardLink
        )
        place = place[part] if own else None
    if not isinstance(place, h5py.Dataset) or place.dtype.kind not in "fiu":
        raise UserError(f"{path}: no numbers at {name!r}; is this {kind}?")
    if place.is_virtual or place.external or place.nbytes > _LARGEST:
        raise UserError(
            f"{path}: {name!r} is kept in other files, or larger than any face model; download it "
            "from its makers"
        )
    return np.asarray(place[()])
