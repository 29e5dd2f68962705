"""Points in frames beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facegen.plot import COLOURS, FAINT, panels, styled


@dataclass(frozen=True)
class Panel:
    """One frame: points (point,) of x and y, and a line through some of its own.

    title; notes: a line of small print below the title. x_title, y_title. x_range, y_range: of the
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


@styled()
def draw_panels(wanted: Sequence[Panel]) -> Figure:
    """The panels in a row."""
    figure, frames = panels(len(wanted))
    for frame, panel in zip(frames, wanted, strict=True):
        frame.scatter(panel.x, panel.y, s=2.5, color=COLOURS[0], linewidths=0)
        frame.plot(*panel.line, color=COLOURS[1])
        frame.set(xlim=panel.x_range, ylim=panel.y_range or _common(panel.y))
        frame.set(xlabel=panel.x_title, ylabel=panel.y_title)
        frame.set_title(panel.title, pad=20)
        frame.annotate(
            panel.notes,
            (0.5, 1.0),
            xytext=(0, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            color=FAINT,
            fontsize="small",
        )
    return figure


def _common(values: NDArray[np.floating]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.005, 0.995])
    margin = 0.06 * max(high - low, 1e-6)
    return float(low - margin), float(high + margin)
