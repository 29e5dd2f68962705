"""GNM Head (Google, Apache-2.0): `gnm_head.npz`.

Metres, +x the subject's left, +y up, +z out of the nose, triangles outwards; identity and
expression coefficients are standard normals.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facegen.morphable.model import MorphableModel
from facegen.morphable.npz import arrays_of, members
from facegen.morphable.principal import names

_MM_PER_UNIT = np.float32(1000.0)
_ARRAYS = (
    "template_vertex_positions",
    "vertex_identity_basis",
    "expression_basis",
    "triangles",
)
_GROUPS = ("vertex_groups", "vertex_group_names")


def recognise(path: Path) -> bool:
    """Whether it is an npz with GNM's template in it."""
    return "template_vertex_positions" in members(path)


def load(path: Path) -> MorphableModel:
    """Reads shape and expressions, and from the groups what is eye, mouth and teeth."""
    optional = [name for name in (*_GROUPS, "expression_names") if name in members(path)]
    arrays = arrays_of(path, (*_ARRAYS, *optional))
    expressions = _MM_PER_UNIT * arrays["expression_basis"].astype(np.float32)
    identity = _MM_PER_UNIT * arrays["vertex_identity_basis"].astype(np.float32)
    own = arrays.get("expression_names")
    return MorphableModel(
        name="gnm-head",
        licence="Apache-2.0 (GNM Head, Google)",
        mean=_MM_PER_UNIT * arrays["template_vertex_positions"].astype(np.float32),
        basis=identity,
        faces=arrays["triangles"].astype(np.int32),
        mode_names=names("identity", len(identity)),
        fields={},
        expression_basis=expressions,
        expression_names=names("expression", len(expressions))
        if own is None
        else tuple(str(name) for name in own),
        expression_signed=True,
        parts=_parts(arrays) if set(_GROUPS) <= set(arrays) else {},
    )


def _parts(arrays: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.int64]]:
    """Vertex indices by what they are; the visible shell of an eye is its exterior."""
    weights = np.asarray(arrays["vertex_groups"], dtype=np.float32)
    groups: dict[str, NDArray[np.bool_]] = {
        str(name): row > 0.5
        for name, row in zip(arrays["vertex_group_names"], weights, strict=True)
    }
    none = np.zeros(weights.shape[1], dtype=np.bool_)

    def group(name: str) -> NDArray[np.bool_]:
        return groups.get(name, none)

    teeth = group("teeth")
    inside = group("mouth_sock") | group("gums") | group("tongue")
    shell = group("eye_exteriors")
    parts = {
        "left_eye": group("left_eye") & shell,
        "right_eye": group("right_eye") & shell,
        "hidden": group("eye_interiors") & ~shell,
        "teeth": teeth,
        "mouth": inside & ~teeth,
    }
    return {name: np.flatnonzero(part) for name, part in parts.items() if part.any()}
