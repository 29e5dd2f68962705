"""How well fits recover what is known: pictures of people who are in no training set."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facegen.fit.picture import SIZE, Picture
from facegen.fit.scan import face_region
from facegen.fit.solve import Fitter
from facegen.latents import LABELS, LATENTS, draw_identity, draw_scalar
from facegen.morphable import load
from facegen.pool import map_unordered
from facegen.render import Renderer, RenderSettings

_SPLIT, _SEED = "test", 0


@dataclass(frozen=True)
class Recovery:
    """How far one fit is from the truth, and the wall clock's seconds it took.

    azimuth, elevation, light_azimuth: degrees. shape: mm, the mean distance of the face's vertices,
    brows to chin, in the head's frame and without any alignment. mean_shape: the same of the mean
    face, before the fit. error: the picture's root mean square, 0..1.
    """

    number: int
    azimuth: float
    elevation: float
    light_azimuth: float
    shape: float
    mean_shape: float
    error: float
    seconds: float


class _Worker:
    """Draws a scene over the full ranges, renders it and fits it; picklable."""

    def __init__(self, model_path: Path | None) -> None:
        self._model_path = model_path
        self._opened: tuple[Fitter, Renderer] | None = None

    def __call__(self, number: int) -> Recovery:
        """Scene `number` of the test split's draws."""
        if self._opened is None:
            model = load(self._model_path)
            renderer = Renderer(model, RenderSettings(size=SIZE))
            self._opened = Fitter(model, rendered=True), renderer
        fitter, renderer = self._opened
        model = renderer.model
        labels = np.array([draw_scalar(x, _SEED, _SPLIT, number) for x in LATENTS], np.float32)
        identity = draw_identity(model.identity_size, _SEED, _SPLIT, number)
        image = renderer.images(labels[None], identity[None])[0]
        start = time.perf_counter()
        *_, fit = fitter.fit(Picture(torch.from_numpy(image / np.float32(255))))
        seconds = time.perf_counter() - start
        found = fitter.unknowns.scalars(fit.vector)
        misses = {name: abs(found[name] - float(labels[k])) for k, name in enumerate(LABELS)}
        modes = len(model.basis)
        face = face_region(model).numpy() > 0

        def distance(coefficients: Any) -> float:
            moved = np.tensordot(coefficients, model.basis[:, face], axes=1)
            return float(np.linalg.norm(moved, axis=-1).mean())

        fitted = fitter.unknowns.identity(fit.vector[None])[0].numpy()
        return Recovery(
            number=number,
            **misses,
            shape=distance(fitted[:modes] - identity[:modes]),
            mean_shape=distance(identity[:modes]),
            error=fit.error,
            seconds=seconds,
        )


def recoveries(count: int, model_path: Path | None, workers: int) -> Iterator[Recovery]:
    """Fits of the first `count` scenes of the test split, in the order in which they are done."""
    yield from map_unordered(_Worker(model_path), range(count), workers)


def report(found: list[Recovery], workers: int, seconds: float) -> dict[str, Any]:
    """Medians and 90th percentiles of recoveries, and each one, as JSON can hold them."""
    ordered = sorted(found, key=lambda one: one.number)
    names = [*LABELS, "shape", "mean_shape", "seconds"]
    columns = {name: [getattr(one, name) for one in ordered] for name in names}
    return {
        "pictures": len(found),
        "size": SIZE,
        "workers": workers,
        "median": {name: float(np.median(column)) for name, column in columns.items()},
        "p90": {name: float(np.percentile(column, 90)) for name, column in columns.items()},
        "seconds_per_picture": seconds / len(found),
        "each": [asdict(one) for one in ordered],
    }
