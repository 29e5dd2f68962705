"""info: what a data set holds."""

from pathlib import Path

import click

from facegen.console import PATH


@click.command("info")
@click.argument("path", type=PATH)
def command(path: Path) -> None:
    """Say what the data set in the folder PATH holds."""
    from facegen.describe import describe
    from facegen.shards import Dataset

    click.echo(describe(Dataset(path)))
