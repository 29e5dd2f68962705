"""evaluate: judge a trained network."""

import json
from pathlib import Path

import click

from dcign.console import find
from facegen.console import PATH, print_table, track


@click.command("evaluate")
@click.argument("run", type=PATH)
@click.option("--json", "target", type=PATH, help="Also write the figures to this file.")
@click.option("--data", type=PATH, help="Data set.  [default: the one the run was trained on]")
def command(run: Path, target: Path | None, data: Path | None) -> None:
    """Judge RUN, a folder in runs/ or elsewhere, on people it has never seen."""
    from dcign.calibration import dataset_of
    from dcign.evaluate import evaluate, factor_table, picture_table
    from facegen.files import write_atomic
    from facegen.shards import Dataset

    found = find(run)
    assert found, "a run that is named is loaded, or complained about"
    dataset = Dataset(data) if data else dataset_of(found)
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
    report = evaluate(found, dataset, track)
    click.echo(f"{report.run} at step {report.step:,} on {report.data}")
    print_table(factor_table(report))
    print_table(picture_table(report))
    click.echo(
        f"{report.test_images:,} test images, read-outs fitted on {report.train_images:,} training "
        f"images. {report.protocol}"
    )
    if target:
        write_atomic(target, (json.dumps(report.to_json(), indent=1) + "\n").encode())
        click.echo(f"{target}: written")
