"""What commands share: types of arguments, progress bars, tables."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress


INTERRUPTED = 130
"""What a command exits with after Ctrl-C."""

_SOON = 0.05
"""Seconds."""


def say(message: str) -> None:
    """Print one line to stderr, whatever characters a path in it has."""
    line = " ".join(message.split())
    click.echo("".join(c if c.isprintable() else repr(c)[1:-1] for c in line), err=True)


def say_if_cold() -> None:
    """Say why nothing is to be seen for a while, before the first run of all."""
    from facegen.raster.jit import is_cold

    if is_cold():
        say("compiling for this machine, which takes half a minute or so, once")


def heed_ctrl_c() -> None:
    """Have Ctrl-C end the process even where Python throws its exception away: it comes again.

    That is in what C calls back, as LLVM does all the time while kernels are compiled.
    """

    def hook(thrown_away: "sys.UnraisableHookArgs") -> None:
        if not issubclass(thrown_away.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(thrown_away)
            return
        again = threading.Timer(_SOON, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()

    sys.unraisablehook = hook


class PathType(click.Path):
    """A path that can exist."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value) or "\0" in str(value):
            self.fail(f"{str(value)!r} cannot be a path", param, ctx)
        return super().convert(value, param, ctx)


class NamesType(click.types.StringParamType):
    """Names with commas between them."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        if not all(names):
            self.fail(f"{value!r} has an empty name between its commas", param, ctx)
        return names


class WeightsType(click.types.StringParamType):
    """Names with numbers, as jawOpen=0.8,cheekPuff=1."""

    name = "weights"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        weights: dict[str, float] = {}
        for part in str(value).split(","):
            name, _, number = (piece.strip() for piece in part.partition("="))
            if name in weights:
                self.fail(f"{name!r} is named twice; name each once", param, ctx)
            try:
                weights[name] = float(number)
            except ValueError:
                self.fail(f"{part!r} is not like NAME=0.8", param, ctx)
        return weights


NAMES = NamesType()
WEIGHTS = WeightsType()
PATH = PathType(path_type=Path)
COUNT = click.IntRange(min=1)
SIZE = click.IntRange(8, 4096)
SEED = click.IntRange(0, 2**63 - 1)
FACE_MODEL = click.option("--face-model", type=PATH, help="Face model.  [default: `make model`'s]")


def progress_bar() -> "Progress":
    """Make a progress bar with an estimate of the time left, on stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        speed_estimate_period=120.0,
    )


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows of text under a header; those that start with spaces belong to the one above."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for number, head in enumerate(rows[0]):
        table.add_column(head, justify="right" if number else "left")
    for row in rows[1:]:
        table.add_row(*map(Text, row), style="dim" if row[0].startswith(" ") else "")
    Console().print(table)
