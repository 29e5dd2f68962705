"""ablate: what each change to the paper's method does."""

from pathlib import Path

import click

from dcign.console import DEVICE, run_study
from facegen.console import COUNT, PATH


@click.command("ablate")
@click.option(
    "--towards",
    type=click.Choice(["released", "best"]),
    default="released",
    show_default=True,
    help="Where the ladder leads.",
)
@click.option("--seeds", type=COUNT, default=1, show_default=True, help="Trainings of each rung.")
@click.option("--steps", type=COUNT, help="Updates of the weights.  [default: those of `small`]")
@click.option("--data", type=PATH, help="Data set.  [default: what `make dataset` made]")
@click.option("--out", type=PATH, help="Folder.  [default: runs/ablate-TOWARDS]")
@DEVICE
def command(
    towards: str, seeds: int, steps: int | None, data: Path | None, out: Path | None, device: str
) -> None:
    """Walk from the paper's method to another, one change after the other; again, to go on.

    At the size of the preset `small`. Each rung keeps the changes above it. Writes table.md,
    table.json and curves.png.
    """
    from dcign.console import RUNS
    from dcign.variants import ladder

    run_study(ladder(towards, steps), seeds, data, out or RUNS / f"ablate-{towards}", device)
