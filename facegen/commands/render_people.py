"""render-people: a sheet of random people."""

from pathlib import Path

import click

from facegen.console import FACE_MODEL, PATH, SEED, SIZE, say_if_cold
from facegen.errors import UserError
from facegen.files import check_target, write_atomic


@click.command("render-people")
@click.option(
    "--count", type=click.IntRange(1, 1000), default=18, show_default=True, help="How many people."
)
@click.option(
    "--columns", type=click.IntRange(1, 40), default=6, show_default=True, help="People in a row."
)
@click.option("--size", type=SIZE, default=256, show_default=True, help="Pixels a side, of each.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Which people.")
@click.option("--gray", is_flag=True, help="As in data sets; RGB otherwise.")
@FACE_MODEL
@click.option("--out", type=PATH, default=Path("people.png"), show_default=True, help="PNG file.")
def command(
    count: int,
    columns: int,
    size: int,
    seed: int,
    gray: bool,
    face_model: Path | None,
    out: Path,
) -> None:
    """Render a sheet of random people, to see whom a face model and facegen make."""
    from facegen.benchmark import one_thread
    from facegen.crowd import crowd
    from facegen.morphable import load
    from facegen.pictures import MOST_PIXELS, png_bytes
    from facegen.render import Renderer, RenderSettings

    if count * size**2 > MOST_PIXELS:
        raise UserError(
            f"{count} people of {size} x {size} pixels: more than {MOST_PIXELS // 10**6} million "
            "pixels on one sheet; choose a smaller --count or --size"
        )
    check_target(out, ".png")
    renderer = Renderer(load(face_model), RenderSettings(size=size))
    say_if_cold()
    # People are drawn one by one: two threads would have nothing to share.
    with one_thread():
        sheet = crowd(renderer, count, min(columns, count), seed, colour=not gray)
    write_atomic(out, png_bytes(sheet))
    click.echo(f"{out}: written")
