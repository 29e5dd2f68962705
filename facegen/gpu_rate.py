"""How fast a GPU draws, beside what its memory would allow and beside PyTorch3D's rasterizer."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from facegen.errors import UserError
from facegen.geometry import project
from facegen.latents import GROUP_SIZE
from facegen.morphable import MorphableModel
from facegen.people import People, distinct
from facegen.raster import rasterize
from facegen.render import Renderer, RenderSettings
from facegen.scene import SPLITS, Variables, mini_batch
from facegen.view import View

log = logging.getLogger(__name__)

_COPIES = 20

_VIEWS = ("aten::_unsafe_view", "aten::empty", "aten::empty_strided")
"""What moves nothing, though its schema does not say so."""


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what torch does on a device while it is entered.

    operations: those that compute, whose every one is a kernel to be launched. bytes: what they
    read and write, each of them once. Kernels of our own are not seen.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = self.bytes = 0
        self._kind = device.type

    def __torch_dispatch__(
        self, function: Any, kinds: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        result = function(*arguments, **(options or {}))
        made = [x for x in tree_leaves(result) if isinstance(x, Tensor)]
        own = any(x.device.type == self._kind for x in made)
        aliases = [x.alias_info for x in function._schema.returns]
        is_view = any(alias is not None and not alias.is_write for alias in aliases)
        if own and not is_view and function._schema.name not in _VIEWS:
            given = [x for x in tree_leaves((arguments, options)) if isinstance(x, Tensor)]
            self.operations += 1
            self.bytes += sum(map(_size, made)) + _read(function._schema.name, given, made)
        return result


def _size(tensor: Tensor) -> int:
    """Bytes of memory that a tensor covers: what is expanded is there once."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    counts = [count for count, stride in pairs if stride]
    return int(np.prod(counts, dtype=np.int64)) * tensor.element_size()


def _read(name: str, given: list[Tensor], made: list[Tensor]) -> int:
    """Bytes that an operation reads: of what it looks things up in, only what it finds."""
    if not any(part in name for part in ("index", "gather")):
        return sum(map(_size, given))
    whole = [tensor for tensor in given if not tensor.is_floating_point()]
    return sum(map(_size, whole)) + sum(map(_size, made))


class Scenes:
    """Pictures of mini-batches of every kind, for a renderer to draw where it is."""

    def __init__(self, renderer: Renderer, pictures: int):
        variables = Variables(renderer.model.identity_size)
        groups = range(-(-pictures // GROUP_SIZE))
        batches = [mini_batch(SPLITS[0], 0, number, variables) for number in groups]
        labels = np.concatenate([batch.labels for batch in batches])[:pictures]
        identity = np.concatenate([batch.identity for batch in batches])[:pictures]
        self._renderer = renderer
        self._everyone, _, self._which = distinct(identity, None)
        self._labels = torch.from_numpy(labels).to(renderer.device)

    def _scenes(self) -> Iterator[tuple[People, View]]:
        view = self._renderer.view(self._labels)
        for _, people, some in self._renderer.scenes(self._everyone, self._which, view):
            yield people, some

    @torch.no_grad()
    def draw(self) -> None:
        """From coefficients to pictures on the device."""
        for people, view in self._scenes():
            self._renderer.render(people, view)

    @torch.no_grad()
    def screens(self) -> list[Tensor]:
        """Where the vertices are (picture, vertex, 3), in samples, of what is drawn together."""
        samples = self._renderer.settings.size * self._renderer.settings.samples_per_axis
        return [
            project(self._renderer.pose(people.vertices, view.turn), view.camera, samples)
            for people, view in self._scenes()
        ]


def report(
    model: MorphableModel, size: int, device: torch.device, seconds: float
) -> dict[str, Any]:
    """What is measured, as JSON can hold it; seconds for each of some measurements."""
    renderer = Renderer(model, RenderSettings(size=size)).to(device)
    pictures = renderer.pictures_at_once
    scenes = Scenes(renderer, pictures)
    each = _seconds(scenes.draw, device, seconds) / pictures
    with Traffic(device) as traffic:
        scenes.draw()
    screens, samples = scenes.screens(), size * renderer.settings.samples_per_axis

    def raster(backend: str | None) -> float:
        def draw() -> None:
            for screen in screens:
                rasterize(screen, renderer.faces, samples, samples, backend=backend)

        return 1e3 * _seconds(draw, device, seconds) / pictures

    rasterizers = {"ours": raster(None)}
    try:
        rasterizers["pytorch3d"] = raster("pytorch3d")
    except (UserError, ImportError, RuntimeError) as error:
        # Not there, built for another torch, or without CUDA: what else was measured is kept.
        log.warning("PyTorch3D is not measured: %s", error)
        rasterizers["pytorch3d"] = float("nan")
    speed = _copying(device, seconds)
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "size": size,
        "samples_per_pixel": renderer.settings.samples_per_axis**2,
        "triangles": len(renderer.faces),
        "pictures_at_a_time": pictures,
        "images_per_second": 1 / each,
        "operations": traffic.operations,
        "megabytes_per_image": traffic.bytes / 1e6 / pictures,
        "gigabytes_per_second": speed / 1e9,
        "images_per_second_of_memory": speed * pictures / traffic.bytes,
        "raster_milliseconds_per_image": {
            name: None if np.isnan(time) else time for name, time in rasterizers.items()
        },
    }


def summary(found: dict[str, Any]) -> str:
    """A report in a few lines."""
    rate, most = found["images_per_second"], found["images_per_second_of_memory"]
    ours, other = (found["raster_milliseconds_per_image"][name] for name in ("ours", "pytorch3d"))
    beside = f"{other / ours:.1f} times ours" if other else "not installed"
    return "\n".join(
        [
            f"{found['device']}, {found['triangles']} triangles, {found['size']} pixels a side, "
            f"{found['samples_per_pixel']} samples a pixel: {rate:.0f} images/s from coefficients "
            f"to a tensor, {found['pictures_at_a_time']} at a time",
            f"  {found['operations']} operations a batch move {found['megabytes_per_image']:.0f} "
            f"MB an image; its memory copies {found['gigabytes_per_second']:.0f} GB/s, which is "
            f"enough for {most:.0f} images/s: {rate / most:.2f} of that",
            f"  rasterizing: {ours:.3f} ms an image; PyTorch3D: {beside}",
        ]
    )


def _copying(device: torch.device, seconds: float) -> float:
    """Bytes a second that a copy reads and writes."""
    here = torch.zeros(2**26, device=device)
    there = torch.empty_like(here)

    def copy() -> None:
        # Many, so that launches and waiting are not what is measured.
        for _ in range(_COPIES):
            there.copy_(here)

    return _COPIES * 2 * here.nbytes / _seconds(copy, device, seconds)


def _seconds(work: Callable[[], object], device: torch.device, budget: float) -> float:
    """How long something takes on a device, on average over so many seconds."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    # Compiles, and fills caches.
    work()
    wait()
    start, count = time.perf_counter(), 0
    while not count or time.perf_counter() - start < budget:
        work()
        count += 1
        # Of what is only queued, the clock knows nothing.
        wait()
    return (time.perf_counter() - start) / count
