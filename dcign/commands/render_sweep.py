"""render-sweep: one latent varies, truth and hallucination."""

from pathlib import Path

import click

from dcign.console import DEVICE, RUNS, check_folder, find, track
from facegen.console import FACE_MODEL, PATH, SEED, SIZE, say
from facegen.errors import UserError
from facegen.latents import ALL_FACTORS, FACTORS


@click.command("render-sweep")
@click.option("--latent", type=click.Choice(ALL_FACTORS), required=True, help="What varies.")
@click.option("--run", "name", type=PATH, help="Name in runs/, or path.  [default: the newest]")
@click.option("--image", type=PATH, help="Picture of a face to start from.  [default: a new face]")
@click.option(
    "--frames",
    type=click.IntRange(2, 1000),
    default=41,
    show_default=True,
    help="Of the animation.",
)
@click.option("--out", type=PATH, default=Path("sweeps"), show_default=True, help="Folder.")
@click.option("--seed", type=SEED, help="Another person.  [default: 0]")
@click.option(
    "--size", type=SIZE, help="Of each picture, without a network; pixels a side.  [default: 150]"
)
@click.option("--colour", is_flag=True, help="RGB, without a network; gray otherwise.")
@FACE_MODEL
@DEVICE
def command(
    latent: str,
    name: Path | None,
    image: Path | None,
    frames: int,
    out: Path,
    seed: int | None,
    size: int | None,
    colour: bool,
    face_model: Path | None,
    device: str,
) -> None:
    """Vary one latent of one face: the renderer's truth, and what a trained network makes of it."""
    from dcign.show import SIDE, rendered, show_picture, show_run, show_truth
    from facegen.files import make_folder, write_atomic
    from facegen.film import animation, draw_strip
    from facegen.pictures import MOST_PIXELS, png_bytes

    given = [option for option, path in (("--run", name), ("--image", image)) if path]
    if latent not in FACTORS and given:
        raise UserError(
            f"--latent {latent}: networks know {', '.join(FACTORS)} alone; "
            f"leave {' and '.join(given)} out"
        )
    if image and (seed is not None or face_model):
        raise UserError("--image is the face to start from; leave --seed and --face-model out")
    alone = [option for option, on in (("--size", size), ("--colour", colour)) if on]
    if alone and given:
        raise UserError(
            f"{' and '.join(alone)}: networks have their own size, and are gray; "
            f"leave {' and '.join(given)} out"
        )
    if frames * (size or SIDE) ** 2 > MOST_PIXELS:
        raise UserError(
            f"{frames} pictures of {size} x {size} pixels: more than {MOST_PIXELS // 10**6} "
            "million pixels in one animation; choose fewer --frames or a smaller --size"
        )
    run = find(name, device) if latent in FACTORS and not alone else None
    if run is None and image:
        raise UserError("--image needs a trained network; run `python cli.py train` first")
    check_folder(out)
    if run and image:
        show = show_picture(run, latent, frames, image, track)
    else:
        truth = rendered(latent, frames, seed or 0, face_model, size or SIDE, colour=colour)
        show = show_run(run, *truth, track) if run else show_truth(*truth)
    for note in show.notes:
        say(f"warning: {note}")
    if run is None and latent in FACTORS and not alone:
        say(f"no trained run in {RUNS}/, so this is the truth alone; run `python cli.py train`")
    strip = draw_strip(show.strip, show.captions)
    make_folder(out)
    write_atomic(out / f"{latent}.png", png_bytes(strip, small=True))
    write_atomic(out / f"{latent}.gif", animation(show.film, show.captions))
    click.echo(f"{out / latent}.png and .gif: written{f' with {run.path}' if run else ''}")
