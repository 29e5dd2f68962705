"""One scene on its own: one of a data set's again, at any size, or one that is described anew."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.errors import UserError
from facegen.harmonics import exposed, of_panorama
from facegen.latents import (
    COEFFICIENT_LIMIT,
    EXPRESSION,
    IDENTITY,
    LATENTS,
    OPTIONAL,
    PORTRAIT,
    draw_identity,
)
from facegen.listing import in_runs
from facegen.morphable import MorphableModel, load
from facegen.own_albedo import linear
from facegen.pictures import read_colours
from facegen.render import Renderer, RenderSettings
from facegen.shards import Dataset
from facegen.stored_settings import read_settings
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

    @property
    def is_coloured(self) -> bool:
        """Whether the data set's own picture is."""
        return self.stored is not None and self.stored.ndim == 3

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
        again = self.stored is not None and self.stored.shape == self._shape(colour)
        scene = self if again else self.alone()
        pictures: NDArray[np.uint8] = self._renderer.images(
            scene.labels, scene.identity, scene.expression, names=self.names, colour=colour
        )
        one: NDArray[np.uint8] = pictures[scene.row]
        return one

    def _shape(self, colour: bool) -> tuple[int, ...]:
        size = self.settings.size
        return (size, size, 3) if colour else (size, size)

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
    identity: Mapping[str, float],
) -> Scene:
    """A person drawn by the seed, in a three-quarter portrait but for the scene variables given.

    expression, identity: some of the model's coefficients by name. Raises UserError for a value out
    of range and for a name that the model lacks.
    """
    table = {latent.name: latent for latent in (*LATENTS, *OPTIONAL)}
    for name, value in values.items():
        latent = table[name]
        low, high = latent.allowed
        if not low <= value <= high:
            raise UserError(f"{name} must lie in {low:g} .. {high:g} {latent.unit}, not {value:g}")
    weights = np.zeros(len(model.expression_names), np.float32)
    person = draw_identity(model.identity_size, seed, _SPLIT, 0)
    _set(weights, expression, EXPRESSION, model.expression_names, model.name)
    _set(person, identity, IDENTITY, model.identity_names, model.name)
    chosen = {**PORTRAIT, **values}
    return Scene(
        model=model,
        settings=settings,
        names=tuple(chosen),
        labels=np.array([list(chosen.values())], np.float32),
        identity=person[None],
        expression=weights[None] if expression else None,
    )


def _set(
    coefficients: NDArray[np.float32],
    values: Mapping[str, float],
    kind: str,
    names: tuple[str, ...],
    owner: str,
) -> None:
    """Set some of an owner's coefficients, called names, in place; raises UserError."""
    for name, value in values.items():
        if name not in names:
            raise UserError(f"{owner} has no {kind} {name!r}; it has: {in_runs(names) or 'none'}")
        if not abs(value) <= COEFFICIENT_LIMIT:
            raise UserError(
                f"{kind} {name} must lie in {-COEFFICIENT_LIMIT:g} .. {COEFFICIENT_LIMIT:g}, "
                f"not {value:g}"
            )
        coefficients[names.index(name)] = value
