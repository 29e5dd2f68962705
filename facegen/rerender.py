"""One scene on its own: one of a data set's again, at any size, or one that is described anew."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.errors import UserError
from facegen.geometry import Camera
from facegen.harmonics import exposed, of_panorama
from facegen.latents import (
    EXPRESSION,
    EXPRESSION_LIMIT,
    LATENTS,
    OPTIONAL,
    PORTRAIT,
    draw_identity,
)
from facegen.morphable import MorphableModel, load
from facegen.own_albedo import linear
from facegen.pictures import read_colours
from facegen.render import Renderer, RenderSettings
from facegen.shading import Lights
from facegen.shards import Dataset
from facegen.truth import GroundTruth, Truth

_SPLIT = "portrait"
"""Its people are in no data set."""

_ROWS = 128
"""Of a panorama from which light is taken: light this soft needs no more."""


@dataclass(frozen=True)
class Scene:
    """Everything that a picture depends on; see Renderer.images for the arrays.

    names (latent,), labels (scene, latent), identity (scene, mode), expression (scene, mode).
    row: the scene that is meant. What else a data set's mini-batch held comes with it, since a
        face decoded alone differs in the last bits from one decoded among others.
    stored: the data set's own picture of it, if it has one.
    """

    model: MorphableModel
    settings: RenderSettings
    names: tuple[str, ...]
    labels: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32] | None
    row: int = 0
    stored: NDArray[np.uint8] | None = None

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self.model, self.settings)

    def alone(self) -> "Scene":
        """The scene without the others."""
        rows = slice(self.row, self.row + 1)
        return replace(
            self,
            labels=self.labels[rows],
            identity=self.identity[rows],
            expression=None if self.expression is None else self.expression[rows],
            row=0,
        )

    def picture(self, *, colour: bool = False) -> NDArray[np.uint8]:
        """The picture (size, size), or (size, size, 3) in colour."""
        again = self.stored is not None and len(self.stored) == self.settings.size and not colour
        scene = self if again else self.alone()
        pictures: NDArray[np.uint8] = self._renderer.images(
            scene.labels, scene.identity, scene.expression, names=self.names, colour=colour
        )
        one: NDArray[np.uint8] = pictures[scene.row]
        return one

    def truth(self) -> Truth:
        """The truth about the picture, as a batch of one."""
        renderer, one = self._renderer, self.alone()
        expression = None if one.expression is None else torch.from_numpy(one.expression)
        with torch.no_grad():
            people = renderer.people(torch.from_numpy(one.identity), expression)
            view = renderer.view(torch.from_numpy(one.labels), self.names)
        return GroundTruth(renderer)(people, view)


def stored_scene(
    dataset: Dataset, split: str, index: int, size: int | None, face_model: Path | None
) -> Scene:
    """Image number `index` of a split, to be rendered `size` pixels wide (None: as it is stored).

    Raises UserError when there is no such image, or face_model is not what it was rendered from.
    """
    images = dataset.group_count(split) * dataset.group_size
    if not 0 <= index < images:
        raise UserError(
            f"{dataset.path}: no image {index} in split {split!r}, which has {images:,}, "
            "counted from 0"
        )
    header, model = dataset.manifest.header, load(face_model)
    if model.fingerprint != header.fingerprint:
        raise UserError(
            f"{dataset.path}: rendered from the face model {header.face_model} "
            f"({header.fingerprint}), and not from {model.name} ({model.fingerprint}); name the "
            "right one with --face-model, or generate the data set anew"
        )
    settings = read_settings(dataset)
    group, row = divmod(index, dataset.group_size)
    together = dataset.rendered_together(split, group)
    found = dataset.read(split, together)
    return Scene(
        model=model,
        settings=replace(settings, size=size or dataset.size),
        names=dataset.labels,
        labels=np.concatenate(found.labels),
        identity=np.concatenate(found.identity),
        expression=np.concatenate(found.expression) if dataset.expression_size else None,
        row=(group - together.start) * dataset.group_size + row,
        stored=found.images[group - together.start, row],
    )


def read_settings(dataset: Dataset) -> RenderSettings:
    """The settings that a data set was rendered with.

    Raises UserError when a version of facegen wrote them that had other settings.
    """
    try:
        kept = dataset.config["render"]
        settings = RenderSettings(
            **{
                **kept,
                "neck": tuple(kept["neck"]),
                "camera": Camera(**kept["camera"]),
                "lights": Lights(**kept["lights"]),
                "environment": tuple(map(tuple, kept.get("environment", ()))),
            }
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{dataset.path}: rendered with settings that this version does not know "
            f"({' '.join(str(error).split())}); generate the data set anew"
        ) from error
    if not _same_kinds(json.loads(json.dumps(asdict(RenderSettings()))), kept):
        raise UserError(f"{dataset.path}: its render settings are not numbers where they should be")
    return settings


def _same_kinds(expected: Any, found: Any) -> bool:
    """Whether JSON has numbers, truth values and lists of numbers where they are expected."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(_same_kinds(expected[name], value) for name, value in found.items())
    if isinstance(expected, list) and isinstance(found, list):
        if not expected:
            return all(
                isinstance(row, list) and _same_kinds([0.0] * len(row), row) for row in found
            )
        return len(expected) == len(found) and all(map(_same_kinds, expected, found))
    numbers = (int, float)
    return type(expected) is type(found) or (
        type(expected) in numbers and type(found) in numbers and math.isfinite(found)
    )


def lit_by(settings: RenderSettings, panorama: Path, *, key: bool) -> RenderSettings:
    """Settings with a panorama's light in place of sky and fill, and of the key light unless `key`.

    Beside a key light both are halved, as either alone exposes the picture.
    panorama: a picture of everything around the head; see facegen.harmonics.of_panorama. Its values
    are taken as sRGB. Raises UserError when it cannot be read, or is black and the only light.
    """
    picture = read_colours(panorama)
    if not (key or picture.any()):
        raise UserError(
            f"{panorama}: all black, so it lights nothing; give a panorama with light in it, or a "
            "key light beside it with --light-azimuth"
        )
    light = (0.5 if key else 1.0) * exposed(of_panorama(_radiance(picture)))
    lights = replace(settings.lights, key=0.5 * settings.lights.key if key else 0.0)
    rows = tuple(tuple(row) for row in light.tolist())
    return replace(settings, lights=lights, environment=rows)


def _radiance(picture: NDArray[np.uint8]) -> Tensor:
    """A picture (height, width, 3) in sRGB to linear values (_ROWS, 2 * _ROWS, 3), averaged."""
    height, rows = len(picture), []
    # Band by band: as floats, a large panorama takes gigabytes. Averaged before it is linear, a sun
    # would lose most of its light.
    for row in range(_ROWS):
        band = picture[row * height // _ROWS : -(-(row + 1) * height // _ROWS)]
        values = linear(torch.from_numpy(band.astype(np.float32) / 255)).movedim(-1, 0)
        rows.append(torch.nn.functional.adaptive_avg_pool2d(values, (1, 2 * _ROWS)))
    return torch.cat(rows, dim=1).movedim(0, -1)


def new_scene(
    model: MorphableModel,
    settings: RenderSettings,
    seed: int,
    values: Mapping[str, float],
    expression: Mapping[str, float],
) -> Scene:
    """A person drawn by the seed, in a three-quarter portrait but for the scene variables given.

    expression: weights of some of the model's expressions. Raises UserError for a value out of
    range and for an expression that the model lacks.
    """
    table = {latent.name: latent for latent in (*LATENTS, *OPTIONAL)}
    for name, value in values.items():
        latent = table[name]
        low, high = latent.allowed
        if not low <= value <= high:
            raise UserError(f"{name} must lie in {low:g} .. {high:g} {latent.unit}, not {value:g}")
    weights = np.zeros((1, len(model.expression_names)), np.float32)
    for name, value in expression.items():
        if name not in model.expression_names:
            known = ", ".join(model.expression_names) or "none"
            raise UserError(f"{model.name} has no {EXPRESSION} {name!r}; it has: {known}")
        if not abs(value) <= EXPRESSION_LIMIT:
            raise UserError(
                f"{EXPRESSION} {name} must lie in {-EXPRESSION_LIMIT:g} .. {EXPRESSION_LIMIT:g}, "
                f"not {value:g}"
            )
        weights[0, model.expression_names.index(name)] = value
    chosen = {**PORTRAIT, **values}
    return Scene(
        model=model,
        settings=settings,
        names=tuple(chosen),
        labels=np.array([list(chosen.values())], np.float32),
        identity=draw_identity(model.identity_size, seed, _SPLIT, 0)[None],
        expression=weights if expression else None,
    )
