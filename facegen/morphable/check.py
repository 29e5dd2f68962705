"""What every face model must satisfy, whichever file it came from."""

import numpy as np

from facegen.errors import UserError
from facegen.morphable.model import MorphableModel


def check(model: MorphableModel, what: str, remedy: str) -> None:
    """Raises UserError, worded `what (the rule broken); remedy`, for a model nobody can render."""
    broken = _first_broken_rule(model)
    if broken:
        raise UserError(f"{what} ({broken}); {remedy}")


def _first_broken_rule(model: MorphableModel) -> str:
    vertex = len(model.mean)
    shapes = {
        "mean": (model.mean, (vertex, 3)),
        "basis": (model.basis, (len(model.mode_names), vertex, 3)),
        "expressions": (model.expression_basis, (len(model.expression_names), vertex, 3)),
        "faces": (model.faces, (len(model.faces), 3)),
        **{name: (field, (vertex,)) for name, field in model.fields.items()},
    }
    if model.canonical is not None:
        shapes["canonical"] = (model.canonical, (vertex, 3))
    if model.albedo is not None:
        shapes["albedo mean"] = (model.albedo.mean, (vertex, 3))
        shapes["albedo basis"] = (model.albedo.basis, (len(model.albedo.basis), vertex, 3))
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            return f"{name} has the shape {array.shape} and should have {shape}"
        if not np.isfinite(array).all():
            return f"{name} holds a number that is not finite"
    if not len(model.faces):
        return "it has no triangles"
    if not 0 <= model.faces.min() <= model.faces.max() < vertex:
        return f"a triangle names a vertex outside 0..{vertex - 1}"
    return ""
