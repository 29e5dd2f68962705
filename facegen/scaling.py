"""How cost grows: with triangles, with pixels and with images; measured, and drawn."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from facegen.benchmark import one_thread
from facegen.geometry import Camera
from facegen.plot import COLOURS, logarithmic, panels, styled
from facegen.rivals import Facegen, View
from facegen.subjects import bumpy_spheres

TRIANGLES = (5_000, 10_000, 20_000, 50_000, 100_000)
SIZES = (64, 128, 256, 512, 1024)
IMAGES = (1, 2, 4, 8, 16, 32)
_FIXED_TRIANGLES, _FIXED_SIZE = 22_000, 150
_REPEATS = 15


@dataclass(frozen=True)
class Curve:
    """Milliseconds of one thread at some values of one quantity, everything else fixed.

    with_gradient: the same with the derivative of a sum of the pixels by all vertices.
    """

    quantity: str
    fixed: str
    values: tuple[int, ...]
    milliseconds: tuple[float, ...]
    with_gradient: tuple[float, ...]


def measure() -> list[Curve]:
    """The curves, of bumpy spheres, from vertices to shaded gray pictures; takes a minute."""
    with one_thread():
        return [
            _curve(
                "triangles",
                f"{_FIXED_SIZE} pixels a side",
                TRIANGLES,
                [(count, _FIXED_SIZE, 1) for count in TRIANGLES],
            ),
            _curve(
                "pixels a side",
                f"{_FIXED_TRIANGLES:,} triangles",
                SIZES,
                [(_FIXED_TRIANGLES, size, 1) for size in SIZES],
            ),
            _curve(
                "images",
                f"{_FIXED_TRIANGLES:,} triangles, {_FIXED_SIZE} pixels a side",
                IMAGES,
                [(_FIXED_TRIANGLES, _FIXED_SIZE, images) for images in IMAGES],
            ),
        ]


def _curve(
    quantity: str, fixed: str, values: tuple[int, ...], cases: Sequence[tuple[int, int, int]]
) -> Curve:
    times = [_milliseconds(*case) for case in cases]
    plain, gradient = (tuple(column) for column in zip(*times, strict=True))
    return Curve(quantity, fixed, values, plain, gradient)


def _milliseconds(triangles: int, size: int, images: int) -> tuple[float, float]:
    """The processor's time for pictures of different meshes, without and with derivatives."""
    meshes, faces = bumpy_spheres(triangles, count=4)
    renderer = Facegen(View(faces, meshes.shape[1], size, Camera()))
    weights = np.ones((size, size), dtype=np.float32)
    found = []
    for draw in (renderer, lambda mesh: renderer.gradient(mesh, weights)):
        draw(meshes[0])
        seconds = []
        for _ in range(_REPEATS):
            start = time.process_time()
            for number in range(images):
                draw(meshes[number % len(meshes)])
            seconds.append(time.process_time() - start)
        # The least: what others on the machine do only ever adds.
        found.append(1e3 * min(seconds))
    return found[0], found[1]


def as_json(curves: list[Curve]) -> dict[str, Any]:
    """What was measured, as JSON can hold it."""
    return {"threads": 1, "torch": torch.__version__, "curves": [asdict(c) for c in curves]}


@styled()
def draw(curves: list[Curve]) -> Figure:
    """The curves side by side, both axes logarithmic; grey is growth in proportion."""
    figure, frames = panels(len(curves))
    for frame, curve in zip(frames, curves, strict=True):
        power = 2 if curve.quantity == "pixels a side" else 1
        last = curve.milliseconds[-1]
        reach = [last * (value / curve.values[-1]) ** power for value in curve.values]
        frame.plot(curve.values, reach, color="#bbbbbb", linewidth=1, label="in proportion")
        frame.plot(curve.values, curve.milliseconds, "o-", color=COLOURS[0], label="a picture")
        frame.plot(
            curve.values, curve.with_gradient, "o-", color=COLOURS[1], label="and its gradient"
        )
        frame.set(xscale="log", xlabel=curve.quantity, title=curve.fixed)
        frame.set_xticks(curve.values, [_short(value) for value in curve.values], minor=False)
        frame.set_xticks([], minor=True)
        logarithmic(frame, " ms")
        # What grows in proportion from nothing leaves the frame at its bottom.
        frame.set_ylim(bottom=0.5 * min(curve.milliseconds))
    frames[0].legend(loc="upper left")
    return figure


def _short(value: int) -> str:
    return f"{value // 1000}k" if value >= 2000 else str(value)
