"""preview: a contact sheet of a data set."""

from pathlib import Path

import click

from facegen.console import PATH


@click.command("preview")
@click.argument("path", type=PATH)
@click.option("--out", type=PATH, help="PNG file.  [default: PATH/preview.png]")
def command(path: Path, out: Path | None) -> None:
    """Draw a contact sheet of the data set in the folder PATH."""
    from facegen.files import check_target, write_atomic
    from facegen.pictures import png_bytes
    from facegen.preview import contact_sheet
    from facegen.shards import Dataset

    dataset, target = Dataset(path), out or path / "preview.png"
    check_target(target, ".png")
    write_atomic(target, png_bytes(contact_sheet(dataset), small=True))
    click.echo(f"{target}: written")
