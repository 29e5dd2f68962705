"""FLAME 2020, 2023 and 2023 Open: the pickle, or an npz of the same arrays.

Metres, +x the subject's left, +y up, +z out of the nose, triangles outwards. Of `shapedirs` the
first 300 are identity, the others expression, all of one standard deviation. Joints (neck, jaw,
eyes) rest.
Source: Li et al., Learning a model of facial shape and expression from 4D scans, 2017.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.morphable.model import MorphableModel
from facegen.morphable.npz import arrays_of, members
from facegen.morphable.pickled_arrays import pickled_arrays
from facegen.morphable.principal import names

_MM_PER_UNIT = np.float32(1000.0)
_IDENTITY = 300
_VERTICES = 5023
_EYEBALLS = ((3931, 4477), (4477, 5023))
_ARRAYS = ("v_template", "shapedirs", "f")


def recognise(path: Path) -> bool:
    """Whether it is an npz with a `v_template`, or any pickle at all: no other format is one."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        start = file.read(2)
        if start[:1] == b"\x80" and start[1:] <= b"\x05":
            return True
        if start[:1] in (b"(", b"c", b"]", b"}", b"d", b"l"):
            file.seek(-1, 2)
            return file.read() == b"."
    return "v_template" in members(path)


def load(path: Path) -> MorphableModel:
    """Reads shape and expressions; a pickle's instructions are looked at and never carried out."""
    arrays = arrays_of(path, _ARRAYS) if members(path) else pickled_arrays(path)
    for name in _ARRAYS:
        if name not in arrays or arrays[name].dtype.kind not in "fiu":
            raise UserError(f"{path}: no numbers {name!r} in it; is this a FLAME model?")
    mean = _MM_PER_UNIT * arrays["v_template"].astype(np.float32)
    directions = arrays["shapedirs"].astype(np.float32)
    if directions.shape[:2] != mean.shape or directions.ndim != 3:
        raise UserError(
            f"{path}: shapedirs has the shape {directions.shape} and should have "
            f"({len(mean)}, 3, modes); is this a FLAME model?"
        )
    modes = np.ascontiguousarray(_MM_PER_UNIT * directions.transpose(2, 0, 1))
    identity, expressions = modes[:_IDENTITY], modes[_IDENTITY:]
    return MorphableModel(
        name="flame",
        licence="FLAME: see the licence that came with the file (2023 Open: CC-BY-4.0; 2020 and "
        "2023: non-commercial research)",
        mean=mean,
        basis=identity,
        faces=arrays["f"].astype(np.int32),
        mode_names=names("shape", len(identity)),
        fields={},
        expression_basis=expressions,
        expression_names=names("expression", len(expressions)),
        expression_signed=True,
        parts=_eyes(mean) if len(mean) == _VERTICES else {},
    )


def _eyes(mean: NDArray[np.float32]) -> dict[str, NDArray[np.int64]]:
    """Each eyeball is a block of vertices; which one is the left is where it lies."""
    balls = [np.arange(start, stop) for start, stop in _EYEBALLS]
    balls.sort(key=lambda ball: -float(mean[ball, 0].mean()))
    return dict(zip(("left_eye", "right_eye"), balls, strict=True))
