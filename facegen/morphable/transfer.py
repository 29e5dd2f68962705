"""Gives a foreign head what its skin is painted from: eyes like ours, anatomy, occlusion.

The default head is laid on the foreign one (facegen.morphable.register); each foreign vertex then
has a twin on the default head, whose anatomy it takes over. Occlusion is the foreign head's own.
"""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from facegen.morphable.cache import Arrays, cached, digest
from facegen.morphable.eyes import CONVERGENCE, eyeball, follow, measure
from facegen.morphable.model import Albedo, MorphableModel
from facegen.morphable.register import Target, register
from facegen.morphable.surface import nearest_on_surface, vertex_normals
from facegen.occlusion import ambient_occlusion, lit_teeth

_VERSION = "5"
"""Of this file's results in the cache."""

_EYES = {"left_eye": -CONVERGENCE, "right_eye": CONVERGENCE}
_INSIDE = ("left_eye", "right_eye", "mouth", "teeth", "socket")


def dress(model: MorphableModel, head: MorphableModel) -> MorphableModel:
    """The model with fields, eyes and the default head's origin.

    Raises UserError when its mean does not look like a face.
    """
    model = _with_our_eyes(_without_hidden(model))
    parts = [model.parts[name] for name in sorted(model.parts)]
    stamp = f"{_VERSION};{head.fingerprint}"
    key = digest(model.mean, model.faces, *parts)
    twins = cached(f"anatomy-{key}", stamp, lambda: _twins(model, head))
    return dataclasses.replace(
        model,
        mean=(model.mean - twins["origin"]).astype(np.float32),
        canonical=twins["canonical"].astype(np.float32),
        fields={
            name.partition("/")[2]: field.astype(np.float32)
            for name, field in twins.items()
            if name.startswith("fields/")
        },
    )


def _without_hidden(model: MorphableModel) -> MorphableModel:
    """The model without the faces of its part "hidden", and without vertices no face uses."""
    hidden = np.isin(model.faces, model.parts.get("hidden", [])).any(axis=1)
    return _kept(model, model.faces[~hidden]) if hidden.any() else model


def _kept(model: MorphableModel, faces: NDArray[np.int32]) -> MorphableModel:
    """The model with these faces only, and with the vertices that they use."""
    used = np.unique(faces)
    number = np.full(len(model.mean), -1)
    number[used] = np.arange(len(used))
    parts = {name: number[part] for name, part in model.parts.items()}
    albedo = model.albedo
    return dataclasses.replace(
        model,
        mean=model.mean[used],
        basis=model.basis[:, used],
        expression_basis=model.expression_basis[:, used],
        faces=number[faces].astype(np.int32),
        parts={name: part[part >= 0] for name, part in parts.items() if (part >= 0).any()},
        albedo=albedo and Albedo(albedo.mean[used], albedo.basis[:, used], albedo.encoding),
    )


def _with_our_eyes(model: MorphableModel) -> MorphableModel:
    """The model with its eyeballs replaced by ours, which move as they did."""
    if not set(_EYES) <= set(model.parts) or model.albedo is not None:
        return model
    balls = [model.parts[name] for name in _EYES]
    bare = _kept(model, model.faces[~np.isin(model.faces, np.concatenate(balls)).any(axis=1)])
    count, faces, parts = len(bare.mean), [bare.faces], dict(bare.parts)
    added = []
    for (name, turn), ball in zip(_EYES.items(), balls, strict=True):
        ours = eyeball(turn)
        old = model.mean[ball].astype(np.float64)
        weights = follow(old, ours.points, *measure(old)).astype(np.float32)
        added.append((ball, weights))
        faces.append((ours.faces + count).astype(np.int32))
        parts[name] = np.arange(count, count + len(ours.points))
        count += len(ours.points)

    def joined(before: NDArray[np.float32], old: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = [weights @ old[..., ball, :] for ball, weights in added]
        return np.concatenate([before, *moved], axis=-2)

    return dataclasses.replace(
        bare,
        mean=joined(bare.mean, model.mean),
        basis=joined(bare.basis, model.basis),
        expression_basis=joined(bare.expression_basis, model.expression_basis),
        faces=np.concatenate(faces),
        parts=parts,
    )


def _twins(model: MorphableModel, head: MorphableModel) -> Arrays:
    """Everything about the model's anatomy that is to be kept."""
    mean = model.mean.astype(np.float64)
    marked = {name: np.isin(np.arange(len(mean)), model.parts.get(name, [])) for name in _INSIDE}
    inside = np.logical_or.reduce(list(marked.values()))
    eyes = [mean[marked[name]].mean(axis=0) for name in _EYES if marked[name].any()]
    centres = np.array(eyes) if len(eyes) == len(_EYES) else None
    normals = vertex_normals(mean, model.faces)
    moved = register(head, Target.of(mean, model.faces, ~inside, centres))

    # Without eyeballs of its own a model's skin runs across the eye, and the eyes are painted on.
    ours = head.fields["eye_angle"] >= 0
    # Teeth and tongue come after the eyes.
    before = np.arange(len(ours)) < ours.argmax()
    seen = before if centres is not None else _outside(head)
    faces = head.faces[seen[head.faces].all(axis=1)]
    twin = nearest_on_surface(mean, normals, moved, faces)
    canonical = twin.read(head.mean)
    fields = {name: twin.read(field) for name, field in head.fields.items()}
    if centres is not None:
        fields["eye_angle"] = np.full(len(mean), -1.0)
        for name, side in zip(_EYES, (1, -1), strict=True):
            twins = np.flatnonzero(ours & (side * head.mean[:, 0] > 0))
            canonical[marked[name]] = head.mean[twins]
            fields["eye_angle"][marked[name]] = head.fields["eye_angle"][twins]
    for side in (1, -1):
        # A mask with holes for eyes: the skin nearest to each stands for it, as what is seen of it
        # last, so that whoever asks where the eyes are gets an answer.
        if not ((fields["eye_angle"] >= 0) & (side * canonical[:, 0] > 0)).any():
            pupil = head.mean[(head.fields["eye_angle"] == 0) & (side * head.mean[:, 0] > 0)][0]
            fields["eye_angle"][np.linalg.norm(canonical - pupil, axis=1).argmin()] = 85.0
    for name in ("lips", "ears", "eyelids", "inside_mouth", "neckline"):
        fields[name] = np.where(inside, 0.0, fields[name])
    inner = marked["mouth"] | marked["teeth"]
    fields["inside_mouth"] = np.where(inner, 1.0, fields["inside_mouth"])
    fields["teeth"] = marked["teeth"].astype(np.float64)
    points, outward = torch.from_numpy(mean).float(), torch.from_numpy(normals).float()
    occlusion = ambient_occlusion(points, outward, torch.from_numpy(model.faces))
    fields["occlusion"] = lit_teeth(occlusion, fields["teeth"], mean).astype(np.float64)
    front = head.fields["face"] > 0.5
    return {
        "canonical": canonical.astype(np.float32),
        "origin": (moved[front].mean(axis=0) - head.mean[front].mean(axis=0)).astype(np.float32),
        **{f"fields/{name}": field.astype(np.float32) for name, field in fields.items()},
    }


def _outside(head: MorphableModel) -> NDArray[np.bool_]:
    """The default head's vertices that can be seen from outside, eyes included."""
    return np.asarray((head.fields["occlusion"] > 0.2) & (head.fields["inside_mouth"] < 0.5))
