"""Runs and studies, as the command line names and shows them."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facegen.console import print_table, progress_bar, say
from facegen.files import make_folder

if TYPE_CHECKING:
    from dcign.checkpoint import Run
    from dcign.config import TrainConfig
    from dcign.study import Job, Study

RUNS = Path("runs")


DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="What the network runs on; auto takes a GPU where there is one.",
)


class RunName(click.types.StringParamType):
    """The name of a folder in runs/."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("", ".", "..") or not set("/\0").isdisjoint(value):
            self.fail(f"{value!r} is no name; runs are folders in {RUNS}/", param, ctx)
        return str(value)


def check_folder(path: Path) -> None:
    """Make sure, before the long part, that files can be made in a folder; makes none.

    Raises as make_folder does.
    """
    make_folder(next(place for place in (path, *path.parents) if os.path.lexists(place)))


def find(name: Path | None, device: str) -> "Run | None":
    """Load a run by its name or path, else the newest, onto a device; None without one."""
    from dcign.checkpoint import load_run
    from dcign.device import choose_device
    from dcign.show import find_run

    folder = find_run(str(name) if name else None, RUNS)
    if folder is None:
        return None
    run = load_run(folder)
    run.network.to(choose_device(device))
    return run


def track(work: Sequence[Any]) -> Iterator[Any]:
    """Pass images through a network under a progress bar."""
    with progress_bar() as progress:
        yield from progress.track(work, description="encoding")


def run_study(
    variants: "Mapping[str, TrainConfig]",
    seeds: int,
    data: Path | None,
    out: Path,
    device: str,
) -> None:
    """Train and judge all of a study's jobs that are not done; print and write what came out."""
    from dcign.device import choose_device
    from dcign.sources import open_data
    from dcign.study import Study
    from facegen.presets import default_folder

    size = next(iter(variants.values())).network.image_size
    place = choose_device(device)
    dataset = open_data(data or default_folder(), size, place.type)
    study = Study(variants, seeds, dataset, out, place)
    study.check()
    check_folder(out)
    for number, job in enumerate(study.jobs, start=1):
        title = f"{job.folder.name}, {number} of {len(study.jobs)}"
        if not job.figures():
            _train_job(study, job, title)
        # Written behind each, so that there is something to see before the last.
        rows = _write_study(study)
    print_table(rows)
    click.echo(f"{out}: table.md, table.json and curves.png written")


def _train_job(study: "Study", job: "Job", title: str) -> None:
    """Train one under a progress bar; exit with 128 + its number when a signal ends it."""
    work = study.training(job)
    with contextlib.closing(study.train(job, work)) as records, progress_bar() as progress:
        bar = progress.add_task(title, total=job.config.steps, completed=work.step)
        for record in records:
            progress.update(bar, completed=record.step)
    if work.stop.signal is not None:
        say(f"stopped; {job.folder} at step {work.step:,} is saved, the same command goes on")
        sys.exit(128 + work.stop.signal)
    say(f"judging {title}")
    study.judge(job)


def _write_study(study: "Study") -> list[tuple[str, ...]]:
    """Write the table as Markdown and JSON, and the curves; returns the table."""
    from dcign.comparison import markdown, table
    from dcign.study import curves
    from facegen.files import write_atomic
    from facegen.pictures import png_bytes
    from facegen.plot import picture

    finished = study.finished()
    figures = [judged for _, judged in finished]
    rows = table(figures)
    write_atomic(study.folder / "table.md", markdown(rows).encode())
    tree = {"table": rows, "runs": figures}
    write_atomic(study.folder / "table.json", (json.dumps(tree, indent=1) + "\n").encode())
    drawn = picture(curves([job for job, _ in finished]))
    write_atomic(study.folder / "curves.png", png_bytes(drawn))
    return rows
