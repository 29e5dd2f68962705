"""fit: the face, pose and light behind a picture."""

from pathlib import Path

import click

from facegen.console import FACE_MODEL, PATH, SIZE, progress_bar, say, say_if_cold
from facegen.errors import UserError
from facegen.files import check_target

_POOR = 0.13
"""Errors, root mean square and of 1, that a fit leaves where it took something else for a face."""


@click.command("fit")
@click.argument("image", type=PATH)
@click.option("--out", type=PATH, default=Path("fits"), show_default=True, help="Folder.")
@click.option(
    "--eyes",
    type=float,
    nargs=4,
    metavar="X Y X Y",
    help="Pupils in the photograph, the left one first, pixels from its top left.  [default: found "
    "by scikit-image]",
)
@click.option("--rendered", is_flag=True, help="facegen made the picture: its camera is known.")
@click.option(
    "--steps",
    type=click.IntRange(min=8),
    default=115,
    show_default=True,
    help="About so many gradients, those of starts that are given up not counted.",
)
@click.option("--size", type=SIZE, default=256, show_default=True, help="Pixels of a new view.")
@FACE_MODEL
def command(
    image: Path,
    out: Path,
    eyes: tuple[float, float, float, float] | None,
    rendered: bool,
    steps: int,
    size: int,
    face_model: Path | None,
) -> None:
    """Fit the face model to the face in the picture IMAGE, and show it in new poses and lights."""
    from facegen.benchmark import one_thread
    from facegen.fit import Fitter, find_pupils, read_picture
    from facegen.fit.report import outputs, write_fit
    from facegen.morphable import load

    if rendered and eyes:
        raise UserError(
            "--eyes crops a photograph, and --rendered says that facegen framed it: leave one out"
        )
    files = outputs(out, image.stem)
    if image.resolve() in {path.resolve() for path in files}:
        raise UserError(f"--out {out}: would overwrite {image}; choose another folder")
    for path in files:
        check_target(path)
    if not (rendered or eyes):
        eyes = find_pupils(image)
        click.echo(f"pupils at {' '.join(f'{value:.1f}' for value in eyes)}")
    picture = read_picture(image, eyes)
    model = load(face_model)
    say_if_cold()
    # One picture gives two threads nothing to share: on a busy machine they wait for each other.
    with one_thread():
        fitter = Fitter(model, rendered)
        with progress_bar() as progress:
            bar = progress.add_task("fitting", total=steps)
            fits = list(progress.track(fitter.fit(picture, steps), task_id=bar))
            # A stage that no longer improves ends before its time.
            progress.update(bar, completed=steps)
        write_fit(files, fitter, picture, fits, size)
    for name, value in fitter.unknowns.scalars(fits[-1].vector).items():
        click.echo(f"{name} {value:.4g}")
    left = fits[-1].error
    click.echo(f"{', '.join(map(str, files))}: written; root mean square error {left:.4f} of 1")
    if left > _POOR:
        say(
            f"warning: {image}: a poor fit: of photographs an error of about 0.1 is left, of "
            "rendered pictures 0.02; give the pupils by --eyes, or --rendered if facegen made it"
        )
