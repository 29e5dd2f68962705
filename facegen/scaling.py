"""How cost grows: with triangles, with pixels and with images; measured, and drawn."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from facegen.benchmark import one_thread
from facegen.geometry import Camera
from facegen.preview import FAINT, INK, PAPER, write_text
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
                f"{_FIXED_TRIANGLES} triangles",
                SIZES,
                [(_FIXED_TRIANGLES, size, 1) for size in SIZES],
            ),
            _curve(
                "images",
                f"{_FIXED_TRIANGLES} triangles, {_FIXED_SIZE} pixels a side",
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


def draw(curves: list[Curve], side: int = 300) -> Image.Image:
    """The curves side by side, both axes logarithmic; grey is growth in proportion."""
    margin = 56
    page = Image.new("RGB", (len(curves) * (side + margin) + margin // 2, side + 2 * margin), PAPER)
    pen = ImageDraw.Draw(page)
    for number, curve in enumerate(curves):
        _panel(pen, curve, (margin + number * (side + margin), margin), side)
    return page


def _panel(pen: ImageDraw.ImageDraw, curve: Curve, corner: tuple[int, int], side: int) -> None:
    left, top = corner
    times = (*curve.milliseconds, *curve.with_gradient)
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    first, last = math.log10(curve.values[0]), math.log10(curve.values[-1])

    def place(value: float, time: float) -> tuple[float, float]:
        across = (math.log10(value) - first) / (last - first)
        up = (math.log10(time) - low) / (high - low)
        return left + across * side, top + (1 - up) * side

    for power in range(low, high + 1):
        x, y = place(curve.values[0], 10.0**power)
        pen.line([(x, y), (x + side, y)], fill="#dddddd")
        write_text(pen, (left - 6, int(y) - 7), f"{10.0**power:g} ms", 12, fill=FAINT, anchor="ra")
    for value in curve.values:
        x, _ = place(value, 10.0**low)
        pen.line([(x, top + side), (x, top + side - 5)], fill=INK)
        label = f"{value // 1000}k" if value >= 2000 else str(value)
        write_text(pen, (int(x), top + side + 6), label, 12, fill=FAINT, anchor="ma")
    power = 2 if curve.quantity == "pixels a side" else 1
    reach = [curve.milliseconds[-1] * (v / curve.values[-1]) ** power for v in curve.values]
    shown = [place(v, t) for v, t in zip(curve.values, reach, strict=True) if t >= 10.0**low]
    pen.line(shown, fill="#bbbbbb")
    for series, colour in ((curve.milliseconds, "#1f4e9c"), (curve.with_gradient, "#b5482a")):
        points = [place(v, t) for v, t in zip(curve.values, series, strict=True)]
        pen.line(points, fill=colour, width=2)
        for x, y in points:
            pen.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour)
    write_text(pen, (left, top - 40), curve.quantity, 15, fill=INK)
    write_text(pen, (left, top - 20), f"{curve.fixed}; grey: in proportion", 12, fill=FAINT)
    middle = left + side // 2
    write_text(pen, (middle, top + side + 26), "blue: a picture", 12, fill="#1f4e9c", anchor="ra")
    write_text(pen, (middle + 8, top + side + 26), "red: and its gradient", 12, fill="#b5482a")
