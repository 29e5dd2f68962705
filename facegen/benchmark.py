"""How fast we render, stage by stage and beside other renderers measured in the same way."""

import contextlib
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
Draw = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_TURN = 0.1
"""Seconds after which the other one draws: a shared machine is now faster, now slower."""


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
    timing, ours, ours_is_faster_by: its time, ours in turns with it, and the former divided by the
        latter, where it was measured.
    with_gradient, ours_with_gradient, ours_is_faster_with_gradient_by: the same of a picture and
        the derivative of a weighted sum of its pixels by all vertices, for those that can.
    gradients_cosine: of the angle between its derivative and ours, for the first mesh.
    """

    name: str
    verdict: str
    install: str
    agreement: float | None = None
    timing: Timing | None = None
    ours: Timing | None = None
    ours_is_faster_by: float | None = None
    with_gradient: Timing | None = None
    ours_with_gradient: Timing | None = None
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

    Each rival and ours draw in turns of a tenth of a second. Times are the processor's: with one
    thread, what a clock shows on a machine with nothing else to do; and a rival that starts threads
    of its own pays for them.
    vertex_sets: (set, vertex, 3), mm in the camera's frame. faces: (face, 3).
    budget: seconds for each pair; a slow one draws three pictures even so.
    tell: is called with the name of each renderer before its turn.
    """
    view = View(faces, vertex_sets.shape[1], size, camera or Camera())
    with one_thread():
        tell(f"facegen, {len(faces):,} triangles")
        ours = Facegen(view)
        pictures = np.stack([ours(vertices) for vertices in vertex_sets])
        (timing,), _ = _in_turns((ours,), vertex_sets, budget)
        (gradient,), _ = _in_turns((_gradient(ours, size),), vertex_sets, budget)
        reports = []
        for rival in rivals:
            tell(f"{rival.name}, {len(faces):,} triangles")
            reports.append(_report(rival, ours, view, vertex_sets, pictures, budget))
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
    rival: type[Renderer],
    ours: Facegen,
    view: View,
    vertex_sets: NDArray[np.float32],
    pictures: NDArray[np.float32],
    budget: float,
) -> RivalReport:
    """What becomes of a rival; pictures: ours."""
    try:
        renderer = rival(view)
    except ModuleNotFoundError:
        return RivalReport(rival.name, "not installed", rival.install)
    (theirs, timing), drawn = _in_turns((renderer, ours), vertex_sets, budget)
    agrees = [abs(picture - pictures[number]) < TOLERANCE for number, picture in drawn.items()]
    agreement = float(np.mean(agrees))
    if agreement < rival.agreement:
        return RivalReport(rival.name, "draws another picture", rival.install, agreement)
    report = RivalReport(
        rival.name,
        "measured",
        rival.install,
        agreement,
        timing=theirs,
        ours=timing,
        ours_is_faster_by=theirs.milliseconds / timing.milliseconds,
    )
    if not hasattr(rival, "gradient"):
        return report
    both = tuple(_gradient(one, view.size) for one in (cast(Differentiable, renderer), ours))
    (theirs, timing), _ = _in_turns(both, vertex_sets, budget)
    slope, our_slope = (gradient(vertex_sets[0]) for gradient in both)
    cosine = (slope * our_slope).sum() / (np.linalg.norm(slope) * np.linalg.norm(our_slope))
    return replace(
        report,
        with_gradient=theirs,
        ours_with_gradient=timing,
        ours_is_faster_with_gradient_by=theirs.milliseconds / timing.milliseconds,
        gradients_cosine=float(cosine),
    )


def _gradient(renderer: Differentiable, size: int) -> Draw:
    """A picture and the derivative of one weighted sum of its pixels."""
    weights = np.random.default_rng(0).uniform(size=(size, size)).astype(np.float32)
    return lambda vertices: renderer.gradient(vertices, weights)


def _in_turns(
    renderers: tuple[Draw, ...], vertex_sets: NDArray[np.float32], budget: float
) -> tuple[list[Timing], dict[int, NDArray[np.float32]]]:
    """Each renderer's time of a mesh; and what the first made of the sets whose turn came.

    budget: seconds for all of them.
    """
    seconds: list[list[float]] = [[] for _ in renderers]
    drawn: list[dict[int, NDArray[np.float32]]] = [{} for _ in renderers]
    for renderer in renderers:
        renderer(vertex_sets[-1])  # compiles, fills caches
    total = 0.0
    while total < budget or min(map(len, seconds)) < 3:
        for renderer, spent, pictures in zip(renderers, seconds, drawn, strict=True):
            total += _turn(renderer, vertex_sets, spent, pictures)
    return [_timing(one) for one in seconds], drawn[0]


def _turn(
    renderer: Draw,
    vertex_sets: NDArray[np.float32],
    seconds: list[float],
    pictures: dict[int, NDArray[np.float32]],
) -> float:
    """The seconds of one turn; adds those of its pictures, which go on with the vertex sets."""
    total = 0.0
    while total < _TURN:
        number = len(seconds) % len(vertex_sets)
        start = time.process_time()
        pictures[number] = renderer(vertex_sets[number])
        seconds.append(time.process_time() - start)
        total += seconds[-1]
    return total


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
