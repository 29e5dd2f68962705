"""Basel Face Model 2009: `01_MorphableModel.mat`.

Micrometres, +x the subject's left, +y up, +z out of the nose, xyz interleaved; components of unit
norm, whose `EV` are standard deviations, not variances; colours RGB in 0..255; triangles count from
1 and turn inwards. Eyes are part of the skin and painted in the colours.
Source: Paysan et al., A 3D face model for pose and illumination invariant face recognition, 2009.
"""

from pathlib import Path

import numpy as np
import scipy.io
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.morphable.model import Albedo, MorphableModel
from facegen.morphable.principal import modes, names, no_modes

_MM_PER_UNIT = 1e-3
_VARIABLES = ("shapeMU", "shapePC", "shapeEV", "texMU", "texPC", "texEV", "tl")


def recognise(path: Path) -> bool:
    """Whether it is a MATLAB file with a `shapeMU`, or one too short to tell."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        if file.read(6) != b"MATLAB":
            return False
    try:
        return any(name == "shapeMU" for name, *_ in scipy.io.whosmat(path))
    except Exception:
        # scipy's reader meets a truncated or foreign file with whatever went wrong inside it.
        return True


def load(path: Path) -> MorphableModel:
    """Reads shape and colours."""
    try:
        # Only these: whatever else there is, cells and objects included, is not looked at.
        file = scipy.io.loadmat(path, variable_names=_VARIABLES)
    except Exception as error:
        raise UserError(f"{path}: not a whole MATLAB file ({error}); download it anew") from None
    missing = [name for name in _VARIABLES if name not in file]
    if missing:
        raise UserError(f"{path}: no variable {missing[0]!r}; is this 01_MorphableModel.mat?")
    arrays = {name: _numbers(path, name, file[name]) for name in _VARIABLES}
    count = arrays["shapeMU"].size // 3
    return MorphableModel(
        name="bfm-2009",
        licence="Basel Face Model 2009: research only, by registration with the university",
        mean=_MM_PER_UNIT * arrays["shapeMU"].reshape(-1, 3).astype(np.float32),
        basis=_MM_PER_UNIT * modes(arrays["shapePC"], arrays["shapeEV"]),
        faces=(arrays["tl"].astype(np.int64) - 1)[:, ::-1].astype(np.int32),
        mode_names=names("pc", arrays["shapePC"].shape[1]),
        fields={},
        expression_basis=no_modes(count),
        expression_names=(),
        albedo=Albedo(
            mean=(arrays["texMU"].reshape(-1, 3) / 255).astype(np.float32),
            basis=modes(arrays["texPC"], arrays["texEV"]) / np.float32(255),
            encoding="srgb",
        ),
    )


def _numbers(path: Path, name: str, array: NDArray[np.generic]) -> NDArray[np.floating]:
    if array.dtype.kind not in "fiu":
        raise UserError(f"{path}: {name} does not hold numbers; is this 01_MorphableModel.mat?")
    return np.asarray(array, dtype=np.float32 if array.dtype.kind == "f" else None)
