"""What a fit leaves on disk: the parameters, the fit beside the picture, its way, new views."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from facegen.files import write_atomic
from facegen.film import Row, animation, draw_strip
from facegen.fit.picture import Picture, background_of
from facegen.fit.skin import take_skin
from facegen.fit.solve import Fit, Fitter
from facegen.levels import levels
from facegen.people import People
from facegen.pictures import LUMA, png_bytes
from facegen.render import Renderer, RenderSettings
from facegen.view import View

_FRAMES = 40
_NAMES, _TURNED = ("azimuth", "light_azimuth"), (30.0, -20.0)
_VIEWS = ((-60.0, 0.0), (-25.0, -50.0), (0.0, 0.0), (0.0, 60.0), (25.0, -10.0), (60.0, 40.0))
"""Azimuth of the head and of the light in the pictures of new views, degrees."""


class Outputs(NamedTuple):
    """The files of a fit.

    parameters: every one, as JSON. sheet: the picture, the fit, their difference; of a photograph,
    the fit as the model paints it and with the skin that the photograph shows. way: the way there,
    as an animation. views: the face in new poses and lights.
    """

    parameters: Path
    sheet: Path
    way: Path
    views: Path


def outputs(folder: Path, name: str) -> Outputs:
    """Where in a folder the files of a fit go that is called so."""
    endings = (".json", ".png", ".gif", "-views.png")
    return Outputs(*(folder / f"{name}{ending}" for ending in endings))


@torch.no_grad()
def write_fit(files: Outputs, fitter: Fitter, picture: Picture, path: list[Fit], size: int) -> None:
    """Write a fit's files; path: the fits on the way, the last one being the result.

    size: of new views, pixels a side. Raises OSError; the parameters, from which all else could be
    drawn again, are written first.
    """
    objective, last = fitter.objective(picture), path[-1]
    text = json.dumps(_parameters(fitter, last), indent=1)
    write_atomic(files.parameters, (text + "\n").encode())

    def panels(fit: Fit) -> list[NDArray[np.uint8]]:
        shown = objective.pictures(fit.vector[None])[0]
        model = shown[..., 0] if shown.shape[-1] == 1 else shown @ torch.tensor(LUMA)
        counts = objective.region(fit.vector)
        placed = picture.gray + counts * (model - picture.gray)
        difference = 0.5 + placed - picture.gray
        return [levels(values) for values in (picture.gray, model, placed, difference)]

    titles = ["picture", "fit", "fit in the picture", "difference"]
    steps = np.linspace(0, len(path) - 1, min(_FRAMES, len(path))).round().astype(int)
    frames = [panels(path[step]) for step in steps]
    rows = [Row(title, np.stack([f[k] for f in frames])) for k, title in enumerate(titles)]
    portrait = _Portrait(fitter, picture, last, size)
    whole = portrait.panels() or dict(zip(titles, panels(last), strict=True))
    sheet = draw_strip([Row("", np.stack(list(whole.values())))], list(whole))
    write_atomic(files.sheet, png_bytes(sheet, small=True))
    write_atomic(files.way, animation(rows, [str(step) for step in steps]))
    views = np.concatenate([portrait.under(*angles) for angles in _VIEWS], axis=1)
    write_atomic(files.views, png_bytes(views, small=True))


class _Portrait:
    """Whom a fit found, with the skin that a photograph shows, if the picture is one."""

    def __init__(self, fitter: Fitter, picture: Picture, fit: Fit, size: int):
        self._renderer = Renderer(fitter.model, RenderSettings(size=size))
        self._photograph = None if fitter.rendered else picture.photograph
        unknowns, vectors = fitter.unknowns, fit.vector[None]
        self._people = unknowns.people(self._renderer, vectors)
        if self._photograph is None:
            return
        self._painted = self._people
        view = unknowns.view(self._renderer, vectors, background_of(picture.gray))
        texture, self._lit, self._gain = take_skin(
            self._renderer,
            self._people,
            view,
            self._photograph,
            float(unknowns.gain(vectors)),
        )
        self._people = unknowns.people(self._renderer, vectors, texture)

    def under(self, azimuth: float, light: float) -> NDArray[np.uint8]:
        """The face turned and lit anew, degrees: gray, or in colour as the photograph is."""
        view = self._renderer.view(torch.tensor([[azimuth, light]]), _NAMES)
        return levels(self._shown(self._people, view, 1.0))

    def panels(self) -> dict[str, NDArray[np.uint8]]:
        """A photograph beside what is made of it, by title; nothing of any other picture."""
        if self._photograph is None:
            return {}
        side = self._renderer.settings.size
        photograph = Image.fromarray(levels(self._photograph))
        return {
            "picture": np.asarray(photograph.resize((side, side), Image.Resampling.LANCZOS)),
            "shape and light": levels(self._shown(self._painted, self._lit, self._gain)),
            "with the skin seen": levels(self._shown(self._people, self._lit, self._gain)),
            "under another light": self.under(0.0, 60.0),
            "turned": self.under(*_TURNED),
        }

    def _shown(self, people: People, view: View, gain: float) -> Tensor:
        colour = self._photograph is not None
        return self._renderer.render(people, view, colour=colour)[0].squeeze(-1) * gain


def _parameters(fitter: Fitter, fit: Fit) -> dict[str, Any]:
    unknowns, model = fitter.unknowns, fitter.model
    identity = unknowns.identity(fit.vector[None])[0].tolist()
    expression = unknowns.expression(fit.vector[None])[0].tolist()
    return {
        "face_model": model.name,
        "fingerprint": model.fingerprint,
        "error": fit.error,
        "scene": unknowns.scalars(fit.vector),
        "units": {unknown.name: unknown.unit for unknown in unknowns.scene},
        "identity": identity,
        "identity_names": model.identity_names,
        "expression": dict(zip(model.expression_names, expression, strict=False)),
    }
