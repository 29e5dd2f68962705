"""What a face model's file holds, in a few lines."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facegen.listing import in_runs
from facegen.morphable.formats import loader_of
from facegen.morphable.model import MorphableModel

_COUNTS = (1, 5, 10, 20, 50, 100, 200)


def summarise(path: Path, model: MorphableModel) -> str:
    """Describes a model as its format has it (facegen.morphable.formats.read)."""
    loader = loader_of(path)
    assert loader is not None and loader.__doc__ is not None
    low, high = model.mean.min(axis=0), model.mean.max(axis=0)
    extents = ", ".join(
        f"{axis} {start:.0f} to {stop:.0f}"
        for axis, start, stop in zip("xyz", low, high, strict=True)
    )
    albedo = "none of its own; facegen paints the skin"
    if model.albedo is not None:
        albedo = f"its own, {model.albedo.encoding}, {len(model.albedo.basis)} modes"
    lines = [
        f"{path}: {model.name}, {loader.__doc__.splitlines()[0].rstrip('.')}",
        f"licence: {model.licence}",
        f"mesh: {len(model.mean):,} vertices, {len(model.faces):,} triangles",
        f"extents, mm: {extents} (x the subject's left, y up, z out of the nose)",
        f"identity: {len(model.basis)} modes of shape; with looks {model.identity_size} "
        f"coefficients, {in_runs(model.identity_names)}",
        f"variance in the first modes: {_energy(model.basis)}",
        f"expressions: {_expressions(model)}",
        f"albedo: {albedo}",
    ]
    if model.parts:
        sizes = ", ".join(f"{name} {len(part):,}" for name, part in sorted(model.parts.items()))
        lines.append(f"parts, vertices: {sizes}")
    return "\n".join(lines)


def _expressions(model: MorphableModel) -> str:
    if not model.expression_names:
        return "none"
    kind = "coefficients N(0, 1)" if model.expression_signed else "blend shapes, weights 0 to 1"
    return f"{len(model.expression_names)} ({kind}), {in_runs(model.expression_names)}"


def _energy(basis: NDArray[np.float32]) -> str:
    """The share of the summed squared displacements that the first so many modes hold."""
    energy = np.array([float((mode.astype(np.float64) ** 2).sum()) for mode in basis])
    share = np.cumsum(energy) / max(energy.sum(), 1e-12)
    counts = [count for count in _COUNTS if count < len(basis)]
    return ", ".join(f"{count}: {100 * share[count - 1]:.0f} %" for count in (*counts, len(basis)))
