"""How fast a data set is made: all the work by all workers, and where one worker's time goes."""

import contextlib
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegen.benchmark import compare, one_thread
from facegen.generate import Generation
from facegen.geometry import project
from facegen.latents import FACTORS
from facegen.layout import write_shard
from facegen.manifest import Slot
from facegen.morphable import load
from facegen.people import distinct
from facegen.pool import map_unordered
from facegen.presets import GenerateConfig
from facegen.raster import rasterize
from facegen.raster.composite import composite
from facegen.render import POSES_AT_ONCE, Renderer, RenderSettings
from facegen.scene import SPLITS, MiniBatch, Variables, mini_batch
from facegen.subjects import front, heads


class _Worker:
    """Renders and writes mini-batches of every kind for so many seconds; picklable."""

    def __init__(self, config: GenerateConfig, model_path: Path | None, seconds: float) -> None:
        self._config = config
        self._model_path = model_path
        self._seconds = seconds

    def __call__(self, number: int) -> float:
        """Images a second; number keeps the workers at different mini-batches."""
        kinds = len(FACTORS)
        slot = Slot(SPLITS[0], number, kinds * number, kinds)
        with tempfile.TemporaryDirectory() as name:
            work = Generation(self._config, Path(name), self._model_path)
            # Once uncounted: it compiles and fills caches.
            write_shard(work.out, work.header, slot, work.maker.render(slot))
            images, start = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - start) < self._seconds:
                write_shard(work.out, work.header, slot, work.maker.render(slot))
                images += slot.groups * work.header.group_size
        return images / elapsed


def report(
    size: int,
    model_path: Path | None,
    workers: int,
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Everything that is measured, as JSON can hold it; seconds for each of some measurements.

    tell: is called with the name of what is measured next.
    """
    # Broken, it shows before there are workers.
    model = load(model_path)
    kinds = {
        name: GenerateConfig(size=size, shadows=name == "with shadows")
        for name in ("without shadows", "with shadows")
    }
    rates: dict[str, float] = {}
    times: dict[str, dict[str, float]] = {}
    alone: dict[str, float] = {}
    for name, config in kinds.items():
        tell(f"a data set {name}, by {workers} workers")
        rates[name] = images_per_second(config, model_path, workers, seconds)
        tell(f"a data set {name}, by one")
        alone[name] = images_per_second(config, model_path, 1, seconds)
        tell(f"a data set {name}, stage by stage")
        times[name] = milliseconds_per_image(config, model_path)
    return {
        "size": size,
        "samples_per_pixel": RenderSettings().samples_per_axis ** 2,
        "workers": workers,
        "images_per_second": rates,
        "images_per_second_of_one_worker": alone,
        "milliseconds_per_image": times,
        "rivals": [
            asdict(compare(*subject, size, budget=seconds, tell=tell))
            for subject in (front(heads(model), model.faces), (heads(model), model.faces))
        ],
    }


def summary(found: dict[str, Any]) -> str:
    """A report in a few lines."""
    lines = []
    for shadows, rate in found["images_per_second"].items():
        stages = found["milliseconds_per_image"][shadows].items()
        parts = ", ".join(f"{stage} {time:.2f}" for stage, time in stages)
        factor = rate / found["images_per_second_of_one_worker"][shadows]
        lines.append(
            f"{shadows}: {rate:.0f} images/s by {found['workers']} workers, {factor:.2f} times "
            f"one's; milliseconds of a core and image: {parts}"
        )
    for found_by_mesh in found["rivals"]:
        rate = found_by_mesh["ours"]["pictures_per_second"]
        slow = found_by_mesh["ours_with_gradient"]["pictures_per_second"]
        lines.append(
            f"one thread, {found_by_mesh['triangles']} triangles to a shaded picture, one sample: "
            f"{rate:.0f} images/s, {slow:.0f} with gradients"
        )
        for rival in found_by_mesh["rivals"]:
            factor, other = (
                rival[key] for key in ("ours_is_faster_by", "ours_is_faster_with_gradient_by")
            )
            told = f"{factor:.2f} times our time" if factor else rival["verdict"]
            told += f", {other:.2f} with gradients" if other else ""
            told += f" ({rival['install']})" if not factor else ""
            lines.append(f"  {rival['name']}: {told}")
    return "\n".join(lines)


def images_per_second(
    config: GenerateConfig, model_path: Path | None, workers: int, seconds: float
) -> float:
    """What so many workers render and write together, as `generate` would."""
    task = _Worker(config, model_path, seconds)
    return sum(map_unordered(task, range(workers), workers))


def milliseconds_per_image(
    config: GenerateConfig, model_path: Path | None, rounds: int = 3
) -> dict[str, float]:
    """Where one thread's time goes, averaged over mini-batches of every kind.

    morph: identity to shape, skin and hair, once a person. raster: projection, visibility,
    interpolation and averaging samples, the first two once where only the light moves. shade: pose,
    light, shadow. write: HDF5, checksums, disk.
    """
    spent = defaultdict[str, float](float)
    with tempfile.TemporaryDirectory() as name, one_thread(), torch.no_grad():
        work = Generation(config, Path(name), model_path)
        renderer = Renderer(
            load(model_path), RenderSettings(size=config.size, shadows=config.shadows)
        )
        variables = Variables(work.header.identity_size)
        for number in range(rounds + 1):
            if number == 1:
                # The first round compiled and filled caches.
                spent.clear()
            slot = Slot(SPLITS[0], number, number * len(FACTORS), len(FACTORS))
            groups = range(slot.first_group, slot.first_group + slot.groups)
            _draw(renderer, [mini_batch(slot.split, 0, k, variables) for k in groups], spent)
            made = work.maker.render(slot)
            with _clock(spent, "write"):
                write_shard(work.out, work.header, slot, made)
    images = rounds * len(FACTORS) * work.header.group_size
    spent["shade"] = spent["render"] - spent["raster"]
    return {stage: 1e3 * spent[stage] / images for stage in ("morph", "raster", "shade", "write")}


def _draw(renderer: Renderer, batches: list[MiniBatch], spent: dict[str, float]) -> None:
    """Render mini-batches as Renderer.images does, and their rasterization once more, timed."""
    labels = torch.from_numpy(np.concatenate([batch.labels for batch in batches]))
    identity = np.concatenate([batch.identity for batch in batches])
    everyone, _, which = distinct(identity, None)
    with _clock(spent, "morph"):
        people = renderer.people(torch.from_numpy(everyone))
    for rows, who, view in renderer.view(labels).grouped(which, POSES_AT_ONCE):
        some = people.some(who)
        with _clock(spent, "render"):
            renderer.render(some, view)
        posed = renderer.pose(some.vertices, view.turn)
        with _clock(spent, "raster"):
            _raster(renderer, posed, len(rows))


def _raster(renderer: Renderer, vertices: Tensor, pictures: int) -> None:
    """What Renderer.render does from vertices (1 or batch, 3, vertex) to so many pictures."""
    settings = renderer.settings
    samples = settings.size * settings.samples_per_axis
    screen = project(vertices, settings.camera, samples)
    fragments = rasterize(screen, renderer.faces, samples, samples)
    layers = torch.ones(pictures, screen.shape[1], 3)
    background = torch.ones(1)
    composite(layers, screen, renderer.faces, fragments, background, settings.samples_per_axis)


@contextlib.contextmanager
def _clock(spent: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    spent[stage] += time.perf_counter() - start
