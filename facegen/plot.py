"""Plots of numbers: how all of the project's look, and how they become pictures."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from PIL import Image

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000",
    "#e69f00", "#56b4e9", "#7f7f7f", "#8c564b",
)  # fmt: skip
"""Told apart by colour-blind readers (Okabe and Ito 2008), and three more."""

_MARKS = "osD^v"

INK, FAINT = "#1f2328", "#6e7178"
_DPI = 144
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "figure.constrained_layout.w_pad": 0.12,
    "font.size": 9.0,
    "grid.color": "#e6e6e3",
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.0,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def styled() -> Iterator[None]:
    """What every function that draws is decorated with: a user's own matplotlibrc is not for it."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def panels(count: int, width: float = 4.0, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    """A figure of axes beside each other, each with its margins so many inches.

    Made without pyplot, so that no window system is asked for and nothing is kept for the next one.
    """
    figure = Figure(figsize=(count * width, height), dpi=_DPI, layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def logarithmic(frame: Axes, unit: str = "") -> None:
    """Make y logarithmic, with ticks at 1, 2 and 5 times powers of ten as plain numbers."""
    frame.set_yscale("log")
    frame.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    frame.yaxis.set_major_formatter("{x:g}" + unit)
    frame.yaxis.set_minor_locator(NullLocator())


def picture(figure: Figure) -> Image.Image:
    """A figure as an RGB picture."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")


def style(number: int) -> dict[str, Any]:
    """Colour and mark of a curve by its number, from 0 on: all colours with one mark come first."""
    marks, colour = divmod(number, len(COLOURS))
    return {"color": COLOURS[colour], "marker": _MARKS[marks % len(_MARKS)]}
