"""Runs, as the command line names them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dcign.train import Run

RUNS = Path("runs")


class RunName(click.types.StringParamType):
    """The name of a folder in runs/."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("", ".", "..") or not set("/\0").isdisjoint(value):
            self.fail(f"{value!r} is no name; runs are folders in {RUNS}/", param, ctx)
        return str(value)


def find(name: Path | None) -> "Run | None":
    """Load a run by its name or path, else the newest, on the fastest device; None without one."""
    from dcign.show import find_run
    from dcign.train import choose_device, load_run

    folder = find_run(str(name) if name else None, RUNS)
    if folder is None:
        return None
    run = load_run(folder)
    run.network.to(choose_device("auto"))
    return run
