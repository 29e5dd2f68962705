"""ICT-FaceKit light (USC Institute for Creative Technologies, MIT): a folder of OBJ files.

`generic_neutral_mesh.obj`, `identity000.obj` and so on, and one file an expression, all the same
mesh: a mode is the difference from the neutral one and already carries one standard deviation.
Units are centimetres, +x the subject's left, +y up, +z out of the nose, faces turn outwards.
Source: Li et al., Learning formation of physically-based face attributes, CVPR 2020.
"""

import hashlib
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.morphable.cache import Arrays, cached
from facegen.morphable.model import MorphableModel

_NEUTRAL = "generic_neutral_mesh.obj"
_MM_PER_UNIT = 10.0
_VERTICES = 26719
_PARTS = {
    "mouth": ((11248, 13294), (14062, 17039)),
    "socket": ((13294, 14062),),
    "teeth": ((17039, 21451),),
    # The outer shell of the eyeball, cornea included; iris and fluids lie behind or upon it.
    "left_eye": ((21451, 22221),),
    "right_eye": ((23021, 23791),),
    "hidden": ((22221, 23021), (23791, 26719)),
}


def recognise(path: Path) -> bool:
    """Whether it is the FaceXModel folder, or the repository that holds it."""
    return _folder(path) is not None


def load(path: Path) -> MorphableModel:
    """Reads every identity and expression file that is there; the first time takes seconds."""
    folder = _folder(path)
    assert folder is not None
    files = sorted(folder.glob("*.obj"))
    stats = "".join(f"{f.name}:{f.stat().st_size}:{f.stat().st_mtime_ns};" for f in files)
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    arrays = cached(f"ict-{name}", f"1;{stats}", lambda: _parse(folder, files))
    identities = [f.stem for f in files if _is_identity(f)]
    expressions = [f.stem for f in files if f.name != _NEUTRAL and not _is_identity(f)]
    vertex = np.arange(_VERTICES)
    return MorphableModel(
        name="ict-facekit-light",
        licence="MIT (c) 2020 USC Institute for Creative Technologies",
        mean=arrays["mean"].astype(np.float32),
        basis=arrays["basis"].astype(np.float32),
        faces=arrays["faces"].astype(np.int32),
        mode_names=tuple(identities),
        fields={},
        expression_basis=arrays["expressions"].astype(np.float32),
        expression_names=tuple(expressions),
        parts={
            name: np.concatenate([vertex[start:stop] for start, stop in ranges])
            for name, ranges in _PARTS.items()
        },
    )


def _folder(path: Path) -> Path | None:
    candidates = (path, path / "FaceXModel", path.parent if path.name == _NEUTRAL else path)
    return next((folder for folder in candidates if (folder / _NEUTRAL).is_file()), None)


def _is_identity(file: Path) -> bool:
    return re.fullmatch(r"identity\d{3}\.obj", file.name) is not None


def _parse(folder: Path, files: list[Path]) -> Arrays:
    neutral, faces = _vertices(folder / _NEUTRAL), _triangles(folder / _NEUTRAL)
    modes: dict[bool, list[NDArray[np.float32]]] = {True: [], False: []}
    for file in files:
        if file.name != _NEUTRAL:
            moved = _vertices(file) - neutral
            modes[_is_identity(file)].append((_MM_PER_UNIT * moved).astype(np.float32))
    if not modes[True]:
        raise UserError(f"{folder}: no identity000.obj and so on; clone the repository anew")
    none = np.zeros((0, *neutral.shape), dtype=np.float32)
    return {
        "mean": (_MM_PER_UNIT * neutral).astype(np.float32),
        "basis": np.stack(modes[True]),
        "expressions": np.stack(modes[False]) if modes[False] else none,
        "faces": faces,
    }


def _vertices(file: Path) -> NDArray[np.float64]:
    lines = file.read_bytes().split(b"\n")
    rows = [line[2:] for line in lines if line[:2] == b"v "]
    try:
        values = np.array(b" ".join(rows).split(), dtype=np.float64)
    except ValueError:
        raise UserError(
            f"{file}: a vertex is not three numbers; clone the repository anew"
        ) from None
    if len(rows) != _VERTICES or len(values) != 3 * _VERTICES:
        raise UserError(
            f"{file}: {len(rows):,} vertices, and ICT-FaceKit light has {_VERTICES:,}; clone the "
            "repository anew"
        )
    if not np.isfinite(values).all():
        raise UserError(f"{file}: a vertex is not finite; clone the repository anew")
    return values.reshape(-1, 3)


def _triangles(file: Path) -> NDArray[np.int32]:
    """Faces of three or four corners, as fans."""
    triangles = []
    try:
        for line in file.read_bytes().split(b"\n"):
            if line[:2] == b"f ":
                corner = [int(word.split(b"/")[0]) - 1 for word in line.split()[1:]]
                triangles += [
                    (corner[0], corner[k], corner[k + 1]) for k in range(1, len(corner) - 1)
                ]
    except ValueError:
        raise UserError(f"{file}: a face is not numbers; clone the repository anew") from None
    return np.array(triangles, dtype=np.int32).reshape(-1, 3)
