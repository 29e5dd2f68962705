"""What a fit leaves on disk: the parameters, the fit beside the picture, its way, new views."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.appearance import APPEARANCE
from facegen.files import write_atomic
from facegen.film import Row, animation, draw_strip
from facegen.fit.picture import Picture
from facegen.fit.solve import Fit, Fitter
from facegen.morphable import MorphableModel
from facegen.pictures import png_bytes
from facegen.render import Renderer, RenderSettings

_FRAMES = 40
_VIEWS = ((-60.0, 0.0), (-25.0, -50.0), (0.0, 0.0), (0.0, 60.0), (25.0, -10.0), (60.0, 40.0))
"""Azimuth of the head and of the light in the pictures of new views, degrees."""


@torch.no_grad()
def write_fit(
    folder: Path, name: str, fitter: Fitter, picture: Picture, path: list[Fit], size: int
) -> list[Path]:
    """Write a fit's files into a folder; path: the fits on the way, the last one being the result.

    NAME.json: every parameter. NAME.png: the picture, the fit, their difference. NAME.gif: the way
    there. NAME-views.png: the face in new poses and lights, `size` pixels a side.
    """
    objective, last = fitter.objective(picture), path[-1]
    folder.mkdir(parents=True, exist_ok=True)

    def panels(fit: Fit) -> list[NDArray[np.uint8]]:
        model = objective.pictures(fit.vector[None])[0]
        counts = objective.region(fit.vector)
        placed = picture.gray + counts * (model - picture.gray)
        difference = 0.5 + placed - picture.gray
        return [_bytes(values) for values in (picture.gray, model, placed, difference)]

    titles = ["picture", "fit", "fit in the picture", "difference"]
    steps = np.linspace(0, len(path) - 1, min(_FRAMES, len(path))).round().astype(int)
    frames = [panels(path[step]) for step in steps]
    rows = [Row(title, np.stack([f[k] for f in frames])) for k, title in enumerate(titles)]
    whole = [Row("", np.stack(panels(last)))]
    write_atomic(folder / f"{name}.png", png_bytes(draw_strip(whole, titles), small=True))
    write_atomic(folder / f"{name}.gif", animation(rows, [str(step) for step in steps]))
    views = _new_views(fitter, last, size)
    write_atomic(folder / f"{name}-views.png", png_bytes(views, small=True))
    text = json.dumps(_parameters(fitter, last), indent=1)
    write_atomic(folder / f"{name}.json", (text + "\n").encode())
    return [folder / f"{name}{end}" for end in (".png", ".gif", "-views.png", ".json")]


def _new_views(fitter: Fitter, fit: Fit, size: int) -> NDArray[np.uint8]:
    renderer = Renderer(fitter.model, RenderSettings(size=size))
    people = fitter.unknowns.people(renderer, fit.vector[None])
    views = renderer.view(torch.tensor(_VIEWS), ("azimuth", "light_azimuth"))
    pictures = [renderer.render(people, views.one(k))[0, ..., 0] for k in range(len(_VIEWS))]
    return _bytes(torch.cat(pictures, dim=1))


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
        "identity_names": _names(model),
        "expression": dict(zip(model.expression_names, expression, strict=False)),
    }


def _names(model: MorphableModel) -> list[str]:
    """Of the identity coefficients; those after the shape's are counted where they have no name."""
    rest = model.identity_size - len(model.mode_names)
    known = APPEARANCE if rest == len(APPEARANCE) else [f"further_{k + 1}" for k in range(rest)]
    return [*model.mode_names, *known]


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    return (values * 255 + 0.5).clamp(0, 255).to(torch.uint8).numpy()
