"""render: one face at any size, of a data set or a new one, and the truth about it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facegen.console import FACE_MODEL, PATH, SEED, SIZE, WEIGHTS, say, say_if_cold
from facegen.errors import UserError
from facegen.files import check_target, write_atomic
from facegen.latents import COEFFICIENT_LIMIT, IDENTITY_SIGMA, LATENTS, OPTIONAL, PORTRAIT

if TYPE_CHECKING:
    from facegen.rerender import Scene

NEW_SIZE = 512

Command = Callable[..., None]


def scene_variables(command: Command) -> Command:
    """An option for every row of the table of scene variables."""
    for latent in reversed((*LATENTS, *OPTIONAL)):
        flag = "--" + latent.name.replace("_", "-")
        low, high = latent.allowed
        text = (
            f"In {latent.unit}, {low:g} to {high:g}; as it grows, {latent.positive}.  "
            f"[default: {PORTRAIT.get(latent.name, latent.rest):.3g}]"
        )
        command = click.option(flag, latent.name, type=float, help=text)(command)
    return command


@click.command("render")
@click.option("--from", "source", type=PATH, help="Data set: render one of its images again.")
@click.option("--split", type=click.Choice(("train", "test")), help="Of --from.  [default: train]")
@click.option("--index", type=click.IntRange(min=0), help="Which image of the split, from 0.")
@click.option("--seed", type=SEED, help="Without --from: which person.  [default: 0]")
@scene_variables
@click.option(
    "--expression",
    type=WEIGHTS,
    help="As jawOpen=0.8,mouthSmile_L=1; `face-model info PATH` names them; meant "
    f"for 0 to 1, each {-COEFFICIENT_LIMIT:g} to {COEFFICIENT_LIMIT:g}, the others 0.",
)
@click.option(
    "--identity",
    type=WEIGHTS,
    help="As sex=-1.5,age=1,hair_length=2: coefficients that say who it is; `face-model info PATH` "
    f"names them; each {-COEFFICIENT_LIMIT:g} to {COEFFICIENT_LIMIT:g}, the others drawn by --seed "
    f"from N(0, {IDENTITY_SIGMA:g}^2).",
)
@click.option(
    "--environment",
    type=PATH,
    help="Panorama, twice as wide as high and its middle straight behind the face, that lights a "
    "new one; the key light stays on beside it only with --light-azimuth or --light-elevation.",
)
@click.option("--size", type=SIZE, help=f"Pixels a side.  [default: the data set's, or {NEW_SIZE}]")
@click.option(
    "--colour/--gray", default=None, help="RGB or gray.  [default: the data set's, or gray]"
)
@click.option("--truth", is_flag=True, help="Write landmarks, depth, normals, albedo, parts, mask.")
@FACE_MODEL
@click.option("--out", type=PATH, default=Path("face.png"), show_default=True, help="PNG file.")
def command(
    source: Path | None,
    split: str | None,
    index: int | None,
    size: int | None,
    colour: bool | None,
    truth: bool,
    face_model: Path | None,
    out: Path,
    **given: Any,
) -> None:
    """Render one face: an image of a data set at any size, or a new person as described.

    With --truth, OUT.npz holds the truth about the picture and OUT-truth.png shows it.
    """
    from facegen.benchmark import one_thread

    check_target(out, ".png")
    if truth:
        for path in _beside(out):
            check_target(path)
    described = {name: value for name, value in given.items() if value is not None}
    if source is not None:
        if described:
            name = min(described).replace("_", "-")
            raise UserError(f"--{name} describes a new face; leave it or --from out")
        if index is None:
            raise UserError(f"--from {source} needs --index: which of its images")
        scene = _stored(source, split or "train", index, size, face_model)
    else:
        if index is not None or split is not None:
            raise UserError(
                "--index and --split say which image of a data set; name it with --from"
            )
        scene = _new(described, size or NEW_SIZE, face_model)
    say_if_cold()
    # One picture gives two threads nothing to share: on a busy machine they wait for each other.
    with one_thread():
        _write(scene, scene.is_coloured if colour is None else colour, truth, out)


def _beside(out: Path) -> tuple[Path, Path]:
    """Where the truth about a picture goes: as numbers, and as pictures."""
    return out.with_suffix(".npz"), out.with_name(f"{out.stem}-truth.png")


def _stored(
    source: Path, split: str, index: int, size: int | None, face_model: Path | None
) -> "Scene":
    from facegen.rerender import stored_scene
    from facegen.shards import Dataset

    return stored_scene(Dataset(source), split, index, size, face_model)


def _new(described: dict[str, Any], size: int, face_model: Path | None) -> "Scene":
    from facegen.morphable import load
    from facegen.render import RenderSettings
    from facegen.rerender import lit_by, new_scene

    seed, expression = described.pop("seed", 0), described.pop("expression", {})
    identity = described.pop("identity", {})
    panorama, settings = described.pop("environment", None), RenderSettings(size=size)
    if panorama is not None:
        key = bool(described.keys() & {"light_azimuth", "light_elevation"})
        settings = lit_by(settings, panorama, key=key)
    return new_scene(load(face_model), settings, seed, described, expression, identity)


def _write(scene: "Scene", colour: bool, truth: bool, out: Path) -> None:
    import numpy as np

    from facegen.chart import arrays, draw, npz_bytes
    from facegen.pictures import png_bytes

    picture = scene.picture(colour=colour)
    write_atomic(out, png_bytes(picture))
    click.echo(f"{out}: written")
    if scene.stored is not None and scene.stored.shape == picture.shape:
        apart = int(np.abs(scene.stored.astype(int) - picture).max())
        if apart:
            say(
                f"warning: it differs from the stored picture by up to {apart} of 255: the data "
                "set was rendered by another version"
            )
    if truth:
        found = scene.truth()
        kept, shown = _beside(out)
        write_atomic(kept, npz_bytes(arrays(found)))
        write_atomic(shown, png_bytes(draw(picture, found)))
        click.echo(f"{kept}, {shown}: written")
