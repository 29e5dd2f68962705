"""verify: whether a data set is sound."""

import sys
from pathlib import Path

import click

from facegen.console import PATH, progress_bar


@click.command("verify")
@click.argument("path", type=PATH)
def command(path: Path) -> None:
    """Check every byte of the data set in the folder PATH; exit with 1 if any is wrong."""
    from facegen.shards import Verification

    work, problems = Verification(path), 0
    with progress_bar() as progress:
        for _, problem in progress.track(work, description="shards"):
            if problem:
                problems += 1
                progress.console.print(problem, markup=False, soft_wrap=True)
    click.echo(f"{path}: {len(work) - problems} of {len(work)} files are sound")
    sys.exit(1 if problems else 0)
