"""Reading numpy's archives without ever unpickling anything in them."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError

DAMAGED = (zipfile.BadZipFile, EOFError, OSError, zlib.error, RuntimeError, MemoryError)
"""What zipfile and numpy may raise on damaged bytes, beside ValueError."""


_MAGIC = b"PK\x03\x04"
"""What an archive with anything in it begins with."""


def members(path: Path) -> frozenset[str]:
    """The names of the arrays in an npz; of any other file, none.

    Raises UserError for an archive that is not whole: its list of names is at its end.
    """
    try:
        with open(path, "rb") as opened:
            archived = opened.read(len(_MAGIC)) == _MAGIC
            with zipfile.ZipFile(opened) as archive:
                found = archive.namelist()
    except zipfile.BadZipFile:
        if archived:
            raise UserError(f"{path}: an archive, but not a whole one; download it anew") from None
        return frozenset()
    except OSError:
        return frozenset()
    return frozenset(name[:-4] for name in found if name.endswith(".npy"))


def arrays_of(path: Path, names: Iterable[str]) -> dict[str, NDArray[np.generic]]:
    """Some arrays of an npz; UserError for one that is missing, damaged or holds objects."""
    arrays = {}
    name = ""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as archive:
            for name in names:
                if name not in archive.files:
                    raise UserError(f"{path}: no array {name!r}; is it another version's file?")
                arrays[name] = archive[name]
    except ValueError as error:
        raise UserError(f"{path}: {name!r} is refused ({error})") from None
    except DAMAGED as error:
        raise UserError(f"{path}: {name!r} is damaged ({error}); download it anew") from None
    return arrays
