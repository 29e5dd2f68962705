"""evaluate: judge a trained network."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcign.console import DEVICE, RUNS, find, track
from facegen.console import FACE_MODEL, PATH, print_table, say
from facegen.errors import UserError
from facegen.files import check_target, write_atomic

if TYPE_CHECKING:
    from dcign.checkpoint import Run


@click.command("evaluate")
@click.argument("run", type=PATH)
@click.option("--json", "target", type=PATH, help="Also write the figures to this .json file.")
@click.option(
    "--report", "html", type=PATH, help="Also write this .html page, and its figures beside."
)
@click.option("--data", type=PATH, help="Data set.  [default: the one the run was trained on]")
@click.option(
    "--ceiling",
    type=PATH,
    help="A run told the true values, to be redrawn with beside it; `compare --methods supervised` "
    "trains one.",
)
@click.option(
    "--baseline",
    type=PATH,
    help="A run told nothing, to be compared with; `compare --methods vae` trains one.",
)
@click.option("--perceptual", is_flag=True, help="Also a distance learned from the data: minutes.")
@click.option("--quick", is_flag=True, help="10,000 test images, no MIG, DCI and the like.")
@FACE_MODEL
@DEVICE
def command(
    run: Path,
    target: Path | None,
    html: Path | None,
    data: Path | None,
    ceiling: Path | None,
    baseline: Path | None,
    perceptual: bool,
    quick: bool,
    face_model: Path | None,
    device: str,
) -> None:
    """Judge RUN, a folder in runs/ or elsewhere, on people it has never seen."""
    from dcign.calibration import dataset_of
    from dcign.evaluate import Extras, Sights, judge
    from dcign.evaluation.figures import figures
    from dcign.evaluation.page import page, png
    from dcign.evaluation.studio import Studio
    from dcign.evaluation.tables import steps, tables
    from dcign.perceptual import perceptual as learned
    from dcign.sources import open_data

    found = _named(run, device)
    top = _rival("--ceiling", ceiling, "supervised", device)
    plain = _rival("--baseline", baseline, "vae", device)
    size = found.network.config.image_size
    dataset = open_data(data, size, found.device.type) if data else dataset_of(found)
    for path, ending in ((target, ".json"), (html, ".html")):
        if path:
            check_target(path, ending)
            _check_not_part(path)
    studio, missing = None, ""
    try:
        studio = Studio.open(dataset, face_model)
    except UserError as error:
        # Named, it must be there; by default, what needs it is skipped.
        if face_model:
            raise
        missing = str(error)
    extras = Extras(
        test_groups=500 if quick else None,
        scores=not quick,
        studio=studio,
        no_studio=missing,
        ceiling=top,
        baseline=plain,
    )
    sights = Sights.of(found, dataset, extras, track)
    if perceptual:
        extras = replace(extras, distance=learned(dataset, size, RUNS, track))
    report = judge(sights, extras, say)
    click.echo(f"{report.run} at {steps(report)} on {report.data}")
    told = "" if report.named_units else "; units assigned to factors by mutual information"
    click.echo(f"method {report.method}, told {report.supervision}{told}")
    for title, table in tables(report).items():
        click.echo(f"\n{title}")
        print_table(table)
    click.echo(
        f"{report.test_images:,} test images, read-outs fitted on {report.train_images:,} training "
        f"images. {report.protocol}"
    )
    for line in report.skipped:
        click.echo(f"skipped: {line}")
    if target:
        write_atomic(target, (json.dumps(report.to_json(), indent=1) + "\n").encode())
        click.echo(f"{target}: written")
    if html:
        say("drawing the figures")
        drawn = figures(report, sights, studio)
        for figure in drawn:
            write_atomic(html.parent / f"{html.stem}-{figure.name}.png", png(figure))
        # A path may hold bytes that are no text.
        write_atomic(html, page(report, drawn).encode(errors="backslashreplace"))
        click.echo(f"{html}: written, {len(drawn)} figures beside it")


def _check_not_part(path: Path) -> None:
    """Raise UserError for a file that a run or a data set is made of."""
    from dcign.calibration import CALIBRATION
    from dcign.settings import CONFIG
    from dcign.study import FIGURES
    from facegen.shards import MANIFEST

    ours = path.name in (CONFIG, CALIBRATION, FIGURES) or path.match("step-*.json")
    of_run = ours and (path.parent / CONFIG).exists()
    if of_run or (path.name == MANIFEST and path.exists()):
        raise UserError(f"{path}: part of a run or a data set; choose another name")


def _named(path: Path, device: str) -> "Run":
    run = find(path, device)
    assert run, "a run that is named is loaded, or complained about"
    return run


def _rival(option: str, path: Path | None, method: str, device: str) -> "Run | None":
    """The run named by an option; raises UserError unless it was told as much as that method is."""
    from dcign.methods import make

    if path is None:
        return None
    run = _named(path, device)
    was, told = run.config.method.supervision, make(method).supervision
    if was != told:
        raise UserError(
            f"{option} {path}: its method was told {was!r}, and this one is to be told {told!r}; "
            f"`python cli.py compare --methods {method}` trains one"
        )
    return run
