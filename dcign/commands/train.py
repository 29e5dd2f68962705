"""train: teach a network."""

import contextlib
import dataclasses
import datetime
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcign.console import DEVICE, RUNS, RunName, check_folder
from facegen.console import COUNT, PATH, SEED, progress_bar, say

if TYPE_CHECKING:
    from dcign.train import Training

PRESETS = ("paper", "released", "small", "best")
"""Those of dcign.config, whose import would load torch."""

_MEASURED_STEPS = 10
"""Steps of a training that tell how long it will take at most: later ones find their images in
memory."""


@click.command("train")
@click.option(
    "--data",
    type=PATH,
    help="Data set; `generate` renders while training, and needs no disk.  [default: what "
    "`make dataset` made]",
)
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    help="Method and sizes.  [default: paper on a GPU, if images are as large; else best]",
)
@click.option(
    "--run", "name", type=RunName(), help="Folder in runs/.  [default: the preset's name]"
)
@click.option("--steps", type=COUNT, help="Updates of the weights.  [default: preset's]")
@click.option("--seed", type=SEED, help="Other weights.  [default: 0]")
@DEVICE
@click.option("--dry-run", is_flag=True, help="Say what would be trained.")
def command(
    data: Path | None,
    preset: str | None,
    name: str | None,
    device: str,
    dry_run: bool,
    **overrides: int | None,
) -> None:
    """Train a network; again, to go on where it stopped, or further with more --steps."""
    from dcign.sources import stored_data
    from facegen.presets import LIVE, default_folder

    source = data or default_folder()
    # What is missing shows before torch has been loaded.
    stored = None if str(source) == LIVE else stored_data(source)

    from dcign.config import PRESETS as CONFIGS
    from dcign.device import choose_device
    from dcign.sources import open_data
    from dcign.train import Training

    place = choose_device(device)
    large = stored is None or stored.size >= CONFIGS["paper"].network.image_size
    chosen = preset or ("paper" if place.type == "cuda" and large else "best")
    if preset is None:
        why = "there is a GPU" if chosen == "paper" else "training runs on the CPU"
        if place.type == "cuda" and not large:
            why = "the images are smaller than those of preset paper"
        click.echo(f"preset {chosen}, since {why}; --preset takes another")
    given: dict[str, Any] = {k: value for k, value in overrides.items() if value is not None}
    config = dataclasses.replace(CONFIGS[chosen], **given)
    folder = RUNS / (name or chosen)
    check_folder(folder)
    dataset = open_data(source, config.network.image_size, place.type)
    work = Training(config, dataset, folder, place)
    where = f"on {place.type} in {work.settings.precision}"
    click.echo(f"{work.folder}: from step {work.step:,} to {config.steps:,} {where}")
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
    with contextlib.closing(iter(work)) as records, progress_bar() as progress:
        bar = progress.add_task("starting", total=work.config.steps, completed=work.step)
        for done, record in enumerate(records):
            terms = f"above floor {record.reconstruction:.0f} + kl {record.kl:.1f} nats"
            text = f"{terms}, {record.psnr:.1f} dB"
            progress.update(bar, completed=record.step, description=text)
            # The first step is slow, and the next ones read images that none has read before.
            if done == 0:
                timed = time.monotonic()
            elif done == _MEASURED_STEPS:
                seconds = round((left - done) * (time.monotonic() - timed) / done)
                note = f"it will take at most about {datetime.timedelta(seconds=seconds)}"
                progress.console.print(note, markup=False)
    if work.stop.signal is not None and len(work):
        say(f"stopped; step {work.step:,} is saved, the same command goes on")
        sys.exit(128 + work.stop.signal)
    click.echo(f"{work.folder}: finished in {time.monotonic() - start:.0f} s")
