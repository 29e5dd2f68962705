"""Points in frames beside each other, as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SHARP = 2
"""Drawn so many times as large and reduced, for smooth lines."""

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 380, 300, 62, 58, 62, 16
INK, FAINT, DOT, LINE, GRID = "#1f2328", "#6e7178", "#3b6ea5", "#c8401f", "#e6e6e3"


@dataclass(frozen=True)
class Panel:
    """One frame: points (point,) of x and y, and a line through some of its own.

    title; notes: lines of small print below the title. x_title, y_title. x_range, y_range: of the
    axes; None for y: what holds all but one point in a hundred.
    """

    title: str
    notes: str
    x_title: str
    y_title: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    line: tuple[Sequence[float], Sequence[float]]
    x_range: tuple[float, float]
    y_range: tuple[float, float] | None = None


def draw_panels(panels: Sequence[Panel]) -> Image.Image:
    """The panels in a row."""
    side = LEFT + WIDTH + GAP
    size = (len(panels) * side * SHARP, (TOP + HEIGHT + BOTTOM) * SHARP)
    sheet = Image.new("RGB", size, "white")
    for place, panel in enumerate(panels):
        _draw(ImageDraw.Draw(sheet), panel, place * side)
    return sheet.resize((size[0] // SHARP, size[1] // SHARP), Image.Resampling.LANCZOS)


def _draw(draw: ImageDraw.ImageDraw, panel: Panel, left: int) -> None:
    x_low, x_high = panel.x_range
    y_low, y_high = panel.y_range or _common(panel.y)

    def at(x: float, y: float) -> tuple[float, float]:
        across, up = (x - x_low) / (x_high - x_low), (y - y_low) / (y_high - y_low)
        return (left + LEFT + across * WIDTH) * SHARP, (TOP + (1 - up) * HEIGHT) * SHARP

    def write(x: float, y: float, text: str, size: int, anchor: str, fill: str = INK) -> None:
        font = ImageFont.load_default(size * SHARP)
        draw.text((x, y), text, fill=fill, font=font, anchor=anchor)

    frame = (*at(x_low, y_high), *at(x_high, y_low))
    for value in ticks(x_low, x_high):
        draw.line((*at(value, y_low), *at(value, y_high)), fill=GRID, width=SHARP)
        x, y = at(value, y_low)
        write(x, y + 6 * SHARP, f"{value:g}", 12, "ma")
    for value in ticks(y_low, y_high):
        draw.line((*at(x_low, value), *at(x_high, value)), fill=GRID, width=SHARP)
        x, y = at(x_low, value)
        write(x - 6 * SHARP, y, f"{value:g}", 12, "rm")
    for x_value, y_value in zip(panel.x.tolist(), panel.y.tolist(), strict=True):
        if y_low <= y_value <= y_high:
            x, y = at(x_value, y_value)
            draw.ellipse((x - SHARP, y - SHARP, x + SHARP, y + SHARP), fill=DOT)
    inside = [at(x, min(max(y, y_low), y_high)) for x, y in zip(*panel.line, strict=True)]
    draw.line(inside, fill=LINE, width=2 * SHARP, joint="curve")
    draw.rectangle(frame, outline=INK, width=SHARP)
    middle = (frame[0] + frame[2]) / 2
    write(middle, 8 * SHARP, panel.title, 16, "ma")
    write(middle, 34 * SHARP, panel.notes, 12, "ma", FAINT)
    write(middle, frame[3] + 26 * SHARP, panel.x_title, 13, "ma")
    write((left + 8) * SHARP, frame[1] - 8 * SHARP, panel.y_title, 12, "ld", FAINT)


def ticks(low: float, high: float) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten) within a range, four to ten of them."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * part for part in (1, 2, 5, 10) if power * part >= 0.8 * rough)
    return [
        float(round(step * i, 10)) for i in range(int(np.ceil(low / step)), int(high / step) + 1)
    ]


def _common(values: NDArray[np.floating]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.005, 0.995])
    margin = 0.06 * max(high - low, 1e-6)
    return float(low - margin), float(high + margin)
