"""Arrays, numpy's and chumpy's, put together from what a pickle says of them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.morphable.pickles import (
    CHUMPY,
    ENCODE,
    FROM_BUFFER,
    RECONSTRUCT,
    RECONSTRUCTORS,
    Call,
    Name,
    read_pickle,
)


def pickled_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of numbers in a pickled dictionary, by name; UserError as read_pickle."""
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: its pickle holds no dictionary; is this a FLAME model?")
    arrays = {}
    for name, value in content.items():
        try:
            array = _array(value)
        except (ValueError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise UserError(f"{path}: {name!r} is damaged ({error}); download it anew") from None
        if array is not None:
            arrays[str(name)] = array
    return arrays


def _array(value: Any) -> NDArray[np.generic] | None:
    """An array, if it is one of numbers; of chumpy's objects, the array that they wrap."""
    if not isinstance(value, Call):
        return None
    if value.name in RECONSTRUCT:
        return _from_parts(*value.state[-4:])
    if value.name in FROM_BUFFER:
        raw, kind, shape, order = value.arguments
        return _from_parts(shape, kind, order == "F", raw)
    made = value.name
    if made in RECONSTRUCTORS and value.arguments and isinstance(value.arguments[0], Name):
        made = value.arguments[0].dotted
    if made not in CHUMPY:
        return None
    state = value.state[0] if isinstance(value.state, tuple) else value.state
    return _array(state.get("x"))


def _from_parts(shape: Any, kind: Any, fortran: Any, raw: Any) -> NDArray[np.generic] | None:
    """From shape, type, whether in Fortran's order, and bytes, as ndarray pickles itself."""
    name = _type_name(kind)
    if name is None or isinstance(raw, list):
        return None
    flat: NDArray[np.generic] = np.frombuffer(_bytes(raw), dtype=name)
    return np.reshape(flat, shape, order="F" if fortran else "C")


def _type_name(kind: Any) -> str | None:
    """Such as "<f8"; None unless it is a type of plain numbers."""
    if not isinstance(kind, Call) or kind.name != "numpy.dtype":
        return None
    code = str(kind.arguments[0])
    if not re.fullmatch(r"[<>=|]?[fiub]\d", code):
        return None
    order = str(kind.state[1]) if isinstance(kind.state, tuple) and len(kind.state) > 1 else "|"
    return (order if order in "<>" else "") + code.lstrip("<>=|")


def _bytes(raw: Any) -> bytes:
    """Python 2 wrote bytes as text, Python 3's old protocols as text with its encoding."""
    if isinstance(raw, Call) and raw.name == ENCODE and str(raw.arguments[1]) == "latin1":
        raw = raw.arguments[0]
    return bytes(raw) if isinstance(raw, bytes | bytearray) else str.encode(raw, "latin-1")
