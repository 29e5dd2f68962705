"""What takes seconds to work out from a user's face model, kept for the next time."""

import hashlib
import io
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facegen.files import write_atomic
from facegen.morphable.npz import DAMAGED

Arrays = dict[str, NDArray[Any]]

_STAMP = "stamp"


def folder() -> Path | None:
    """Where it is kept: FACEGEN_CACHE, or facegen in the user's own cache; None without a home."""
    own = os.environ.get("FACEGEN_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "facegen"
    except RuntimeError:
        return None


def cached(name: str, stamp: str, make: Callable[[], Arrays]) -> Arrays:
    """What make() returns, from the cache if it was kept there under this name and stamp.

    stamp: everything that the result depends on; with another one it is made anew and replaces the
    old. A cache that cannot be read or written costs time and nothing else.
    """
    place = folder()
    if place is None:
        return make()
    path = place / f"{name}.npz"
    kept = _read(path, stamp)
    if kept is not None:
        return kept
    made = make()
    stamped: dict[str, Any] = {**made, _STAMP: np.array(stamp)}
    buffer = io.BytesIO()
    np.savez(buffer, **stamped)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        logging.getLogger(__name__).warning("%s: not kept (%s)", path, error.strerror)
    return made


def _read(path: Path, stamp: str) -> Arrays | None:
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if str(file[_STAMP]) != stamp:
                return None
            return {name: file[name] for name in file.files if name != _STAMP}
    except (*DAMAGED, ValueError, KeyError):
        return None


def digest(*arrays: NDArray[np.generic]) -> str:
    """A hash of arrays' contents."""
    summary = hashlib.sha256()
    for array in arrays:
        summary.update(f"{array.dtype}{array.shape}".encode())
        summary.update(np.ascontiguousarray(array).data)
    return summary.hexdigest()[:24]
