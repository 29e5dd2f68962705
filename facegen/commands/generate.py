"""generate: render a data set."""

import contextlib
import dataclasses
import datetime
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facegen.console import (
    COUNT,
    FACE_MODEL,
    INTERRUPTED,
    NAMES,
    PATH,
    SEED,
    SIZE,
    progress_bar,
    say,
    say_if_cold,
)
from facegen.files import make_folder
from facegen.latents import ALL_FACTORS, FACTORS
from facegen.presets import COMPRESSIONS, PRESETS, folder

if TYPE_CHECKING:
    from facegen.generate import Generation


_SIZES = "; ".join(
    f"{name}: {c.train} + {c.test} mini-batches of each kind at {c.size}x{c.size}"
    for name, c in PRESETS.items()
)


@click.command("generate")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="paper",
    show_default=True,
    help=f"{_SIZES}.",
)
@click.option("--out", type=PATH, help="Folder.  [default: data/faces, data/faces-small, ...]")
@click.option("--seed", type=SEED, help="Other faces.  [default: 0]")
@click.option("--size", type=SIZE, help="Pixels a side.  [default: preset's]")
@click.option("--shadows/--no-shadows", default=None, help="Cast shadows.  [default: shadows]")
@click.option(
    "--latents",
    type=NAMES,
    help=f"What varies, one kind of mini-batch each, as azimuth,expression; of "
    f"{', '.join(ALL_FACTORS)}.  [default: {','.join(FACTORS)}]",
)
@click.option("--colour", is_flag=True, default=None, help="RGB; gray otherwise.")
@click.option("--truth", is_flag=True, help="Keep landmarks, depth, normals and more, too.")
@click.option(
    "--compression", type=click.Choice(COMPRESSIONS), help="Of the shards.  [default: none]"
)
@FACE_MODEL
@click.option("--workers", type=COUNT, help="Processes.  [default: one per processor]")
@click.option("--dry-run", is_flag=True, help="Say what would be made and what it costs.")
def command(
    preset: str,
    out: Path | None,
    latents: tuple[str, ...] | None,
    truth: bool,
    face_model: Path | None,
    workers: int | None,
    dry_run: bool,
    **overrides: Any,
) -> None:
    """Render a data set; again, to go on where it stopped or to check a finished one."""
    from facegen.generate import Generation

    given = {name: value for name, value in overrides.items() if value is not None}
    if latents:
        given["factors"] = latents
    # A shard is built in memory: in colour rows are three times as large, with the truth sixteen.
    smaller = 10 if truth else 3 if given.get("colour") else 1
    given |= {"truth": truth, "per_shard": PRESETS[preset].per_shard // smaller}
    config = dataclasses.replace(PRESETS[preset], **given)
    work = Generation(config, out or folder(preset, config), face_model, workers)
    click.echo(f"{work.out}: {work.images:,} images in {len(work)} shards, {work.workers} workers")
    click.echo(f"configuration: {json.dumps(work.header.config)}")
    click.echo(f"face model: {work.header.face_model}, {work.header.licence}")
    if work.missing():
        work.check_room()
        room = f"to render: {work.bytes_needed() / 1e6:,.0f} MB"
        if dry_run:
            seconds = datetime.timedelta(seconds=round(work.seconds_needed()))
            click.echo(f"{room}, in about {seconds}")
        else:
            make_folder(work.out)
            # How long it takes would take seconds to find out; the bar tells it soon.
            click.echo(room)
            say_if_cold()
    else:
        click.echo("all shards are there; checking them")
    if not dry_run:
        _run(work)


def _run(work: "Generation") -> None:
    """Make a data set under a progress bar."""
    start, rendered = time.monotonic(), 0
    try:
        with contextlib.closing(iter(work)) as shards, progress_bar() as progress:
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
        say(f"interrupted; {kept} of {len(work)} shards are kept, the same command goes on")
        sys.exit(INTERRUPTED)
    click.echo(f"{work.out}: finished in {time.monotonic() - start:.0f} s")
