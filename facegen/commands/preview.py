"""preview: a contact sheet of a data set."""

from pathlib import Path

import click

from facegen.console import PATH


@click.command("preview")
@click.argument("path", type=PATH)
@click.option("--out", type=PATH, help="PNG file.  [default: PATH/preview.png]")
def command(path: Path, out: Path | None) -> None:
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
