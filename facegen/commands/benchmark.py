"""benchmark: how fast things are."""

import json
from pathlib import Path

import click

from facegen.console import COUNT, FACE_MODEL, PATH, SIZE, print_table, progress_bar, say

_SIZE = click.option("--size", type=SIZE, default=150, show_default=True, help="Pixels a side.")
_SECONDS = click.option(
    "--seconds",
    type=click.IntRange(1, 600),
    default=10,
    show_default=True,
    help="Time for each measurement.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("benchmark")
def command() -> None:
    """Measure how fast things are on this machine."""


@command.command("render")
@_SIZE
@click.option("--workers", type=COUNT, help="Processes.  [default: one per processor]")
@FACE_MODEL
@_SECONDS
@_JSON
def render(
    size: int, workers: int | None, face_model: Path | None, seconds: int, as_json: bool
) -> None:
    """Measure making a data set, where the time goes, and every rival renderer installed."""
    from facegen.generate import cpus
    from facegen.rate import report, summary

    found = report(size, face_model, workers or cpus(), seconds, say)
    click.echo(json.dumps(found, indent=1) if as_json else summary(found))


@command.command("gpu")
@_SIZE
@FACE_MODEL
@_SECONDS
@_JSON
def gpu(size: int, face_model: Path | None, seconds: int, as_json: bool) -> None:
    """Measure drawing on the GPU, beside its memory's speed and PyTorch3D's rasterizer."""
    import torch

    from facegen.errors import UserError
    from facegen.gpu_rate import report, summary
    from facegen.morphable import load

    model = load(face_model)
    if not torch.cuda.is_available():
        raise UserError("PyTorch finds no usable GPU; measure the CPU with `benchmark render`")
    found = report(model, size, torch.device("cuda"), seconds)
    click.echo(json.dumps(found, indent=1) if as_json else summary(found))


@command.command("scaling")
@click.option(
    "--out",
    type=PATH,
    default=Path("scaling.png"),
    show_default=True,
    help="The picture; what was measured goes beside it as JSON.",
)
def scaling(out: Path) -> None:
    """Measure how cost grows with triangles, pixels and images, and draw it."""
    from facegen.files import check_target, write_atomic
    from facegen.pictures import png_bytes
    from facegen.plot import picture
    from facegen.scaling import as_json, draw, measure

    check_target(out, ".png")
    figures = out.with_suffix(".json")
    check_target(figures)
    curves = measure()
    write_atomic(out, png_bytes(picture(draw(curves))))
    write_atomic(figures, (json.dumps(as_json(curves), indent=1) + "\n").encode())
    click.echo(f"{out}, {figures}: written")


@command.command("fit")
@click.option("--count", type=COUNT, default=100, show_default=True, help="Pictures.")
@click.option("--workers", type=COUNT, help="Processes.  [default: one per processor]")
@FACE_MODEL
@_JSON
def fit(count: int, workers: int | None, face_model: Path | None, as_json: bool) -> None:
    """Measure how well fits recover the scenes of pictures that facegen renders."""
    import time

    from facegen.fit.measure import recoveries, report
    from facegen.generate import cpus
    from facegen.morphable import load

    # Broken, it shows before there are workers.
    load(face_model)
    team = min(workers or cpus(), count)
    start = time.perf_counter()
    with progress_bar() as progress:
        work = recoveries(count, face_model, team)
        found = list(progress.track(work, count, description="fitting"))
    result = report(found, team, time.perf_counter() - start)
    if as_json:
        click.echo(json.dumps(result, indent=1))
        return
    header = ("", "median", "90 %")
    rows = [
        (name, f"{result['median'][name]:.2f}", f"{result['p90'][name]:.2f}")
        for name in result["median"]
    ]
    print_table([header, *rows])
    click.echo(
        f"{count} pictures by {team} processes, {result['seconds_per_picture']:.1f} s a picture, "
        "starting included; degrees, mm and seconds"
    )
