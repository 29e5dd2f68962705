"""How fast we render, stage by stage and beside other renderers measured in the same way."""

import contextlib
import itertools
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from facegen.geometry import Camera
from facegen.rivals import BACKGROUND, Differentiable, Facegen, Renderer, View
from facegen.rivals_forward import RIVALS

TOLERANCE = 0.02
"""Gray difference, of 1, below which two pixels agree."""


@dataclass(frozen=True)
class Timing:
    """Rendering one picture: the median over so many pictures, the first ones not counted."""

    pictures: int
    milliseconds: float
    pictures_per_second: float


@dataclass(frozen=True)
class RivalReport:
    """What became of one rival.

    verdict: "measured", "not installed" (see install) or "draws another picture".
    agreement: the share of pixels that differ from ours by less than TOLERANCE, over all meshes.
    ours_is_faster_by: its time divided by ours, where it was measured.
    with_gradient, ours_is_faster_with_gradient_by: the same of a picture and the derivative of a
        weighted sum of its pixels by all vertices, for those that can.
    gradients_cosine: of the angle between its derivative and ours, for the first mesh.
    """

    name: str
    verdict: str
    install: str
    agreement: float | None = None
    timing: Timing | None = None
    ours_is_faster_by: float | None = None
    with_gradient: Timing | None = None
    ours_is_faster_with_gradient_by: float | None = None
    gradients_cosine: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Ours and the rivals on the same vertices, from the camera's frame to a gray picture.

    covered: the share of pixels that show the mesh.
    """

    processor: str
    threads: int
    triangles: int
    vertices: int
    size: int
    samples_per_pixel: int
    vertex_sets: int
    covered: float
    ours: Timing
    ours_with_gradient: Timing
    rivals: tuple[RivalReport, ...]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold torch and numba to one thread."""
    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


def compare(
    vertex_sets: NDArray[np.float32],
    faces: NDArray[np.int32],
    size: int,
    *,
    camera: Camera | None = None,
    budget: float = 10.0,
    rivals: tuple[type[Renderer], ...] = RIVALS,
    tell: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Time our renderer and every rival that is installed, each on one thread.

    Times are the processor's: with one thread, what a clock shows on a machine with nothing else to
    do; and a rival that starts threads of its own pays for them.
    vertex_sets: (set, vertex, 3), mm in the camera's frame. faces: (face, 3).
    budget: seconds for each renderer; a slow one draws three pictures even so.
    tell: is called with the name of each renderer before its turn.
    """
    view = View(faces, vertex_sets.shape[1], size, camera or Camera())
    with one_thread():
        tell(f"facegen, {len(faces):,} triangles")
        ours = Facegen(view)
        pictures = np.stack([ours(vertices) for vertices in vertex_sets])
        timing, _ = _repeat(ours, vertex_sets, budget)
        gradient, slope = _differentiate(ours, vertex_sets, size, budget)
        reports = []
        for rival in rivals:
            tell(f"{rival.name}, {len(faces):,} triangles")
            forward = _report_forward(rival, view, vertex_sets, pictures, timing, budget)
            reports.append(_report(forward, rival, view, vertex_sets, (gradient, slope), budget))
    return Comparison(
        processor=_processor(),
        threads=1,
        triangles=len(faces),
        vertices=view.vertex_count,
        size=size,
        samples_per_pixel=1,
        vertex_sets=len(vertex_sets),
        covered=float((pictures < BACKGROUND).mean()),
        ours=timing,
        ours_with_gradient=gradient,
        rivals=tuple(reports),
    )


def _report(
    forward: RivalReport,
    rival: type[Renderer],
    view: View,
    vertex_sets: NDArray[np.float32],
    ours: tuple[Timing, NDArray[np.float32]],
    budget: float,
) -> RivalReport:
    """The report of the forward pass, and what the derivatives add to it."""
    if forward.verdict != "measured" or not hasattr(rival, "gradient"):
        return forward
    renderer = cast(Differentiable, rival(view))
    timing, slope = _differentiate(renderer, vertex_sets, view.size, budget)
    cosine = (slope * ours[1]).sum() / (np.linalg.norm(slope) * np.linalg.norm(ours[1]))
    return replace(
        forward,
        with_gradient=timing,
        ours_is_faster_with_gradient_by=timing.milliseconds / ours[0].milliseconds,
        gradients_cosine=float(cosine),
    )


def _report_forward(
    rival: type[Renderer],
    view: View,
    vertex_sets: NDArray[np.float32],
    ours: NDArray[np.float32],
    our_timing: Timing,
    budget: float,
) -> RivalReport:
    try:
        renderer = rival(view)
    except ModuleNotFoundError:
        return RivalReport(rival.name, "not installed", rival.install)
    timing, drawn = _repeat(renderer, vertex_sets, budget)
    agrees = [abs(picture - ours[number]) < TOLERANCE for number, picture in drawn.items()]
    agreement = float(np.mean(agrees))
    if agreement < rival.agreement:
        return RivalReport(rival.name, "draws another picture", rival.install, agreement)
    factor = timing.milliseconds / our_timing.milliseconds
    return RivalReport(rival.name, "measured", rival.install, agreement, timing, factor)


def _repeat(
    renderer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    vertex_sets: NDArray[np.float32],
    budget: float,
) -> tuple[Timing, dict[int, NDArray[np.float32]]]:
    """The time of a mesh, and what was made of the vertex sets whose turn came."""
    renderer(vertex_sets[-1])  # compiles, fills caches
    seconds: list[float] = []
    pictures = {}
    for number in itertools.cycle(range(len(vertex_sets))):
        start = time.process_time()
        pictures[number] = renderer(vertex_sets[number])
        seconds.append(time.process_time() - start)
        if sum(seconds) > budget and len(seconds) >= 3:
            break
    return _timing(seconds), pictures


def _differentiate(
    renderer: Differentiable, vertex_sets: NDArray[np.float32], size: int, budget: float
) -> tuple[Timing, NDArray[np.float32]]:
    """The time of a picture and its derivative, and the derivative for the first mesh."""
    weights = np.random.default_rng(0).uniform(size=(size, size)).astype(np.float32)
    timing, _ = _repeat(lambda vertices: renderer.gradient(vertices, weights), vertex_sets, budget)
    return timing, renderer.gradient(vertex_sets[0], weights)


def _timing(seconds: list[float]) -> Timing:
    median = statistics.median(seconds)
    return Timing(len(seconds), 1e3 * median, 1 / median)


def _processor() -> str:
    """The processor's name as its maker gives it, where the system tells."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
