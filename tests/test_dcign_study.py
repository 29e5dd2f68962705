"""Studies: trainings side by side, tables, resuming."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fakes import make_dataset
from PIL import Image
from trainings import TINY, train

import cli
import dcign.study as study_module
from dcign import methods, variants
from dcign.board import trim
from dcign.checkpoint import Run, load_run
from dcign.comparison import at, markdown, measured, table
from dcign.config import TrainConfig
from dcign.evaluate import Extras, Report, evaluate
from dcign.study import Study, curves
from facegen.errors import UserError
from facegen.latents import LATENTS
from facegen.shards import Dataset


def tiny(name: str) -> TrainConfig:
    return replace(TINY, samples=4, method=methods.make(name))


@pytest.fixture(scope="module")
def report(synthetic_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A real evaluation, which takes far longer than such a training."""
    folder = tmp_path_factory.mktemp("report") / "run"
    train(folder, synthetic_dataset, samples=4)
    return evaluate(load_run(folder), Dataset(synthetic_dataset))


@pytest.fixture
def judged(report: Report, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Everything is judged alike, and noted."""
    asked: list[Path] = []

    def alike(run: Run, dataset: Dataset, extras: Extras) -> Report:
        asked.append(run.path)
        return report

    monkeypatch.setattr(study_module, "evaluate", alike)
    return asked


def test_a_study_goes_on_and_never_does_a_thing_twice(
    synthetic_dataset: Path, tmp_path: Path, judged: list[Path]
) -> None:
    setups = {"plain": tiny("vae"), "told": tiny("best")}
    study = Study(setups, 2, Dataset(synthetic_dataset), tmp_path, torch.device("cpu"))
    assert [job.folder.name for job in study.jobs] == ["plain-s0", "told-s0", "plain-s1", "told-s1"]
    job = study.jobs[0]
    work = study.training(job)
    for record in study.train(job, work):
        if record.step == 5:
            work.stop.signal = 2
    assert job.figures() is None
    assert [point.step for point in job.curve()] == [1, 2, 3, 4, 5, 6]
    figures = []
    for each in study.jobs:
        list(study.train(each, study.training(each)))
        assert [point.step for point in each.curve()] == list(range(1, 13))
        seconds = [point.seconds for point in each.curve()]
        assert seconds == sorted(seconds)
        assert seconds[0] > 0
        figures.append(study.judge(each))
        assert each.figures() == json.loads(json.dumps(figures[-1]))
    rows = table(figures)
    assert rows[:2] == [("", "plain", "told"), ("told", "none", "which factor varies")]
    assert judged == [job.folder for job in study.jobs]
    assert all("\N{PLUS-MINUS SIGN}" in cell for row in rows[2:-1] for cell in row[1:])
    assert rows[-1] == ("seeds", "2", "2")
    assert {len(row) for row in rows} == {3}
    lines = markdown(rows).splitlines()
    assert len(lines) == len(rows) + 1
    # Every line has as many cells; a title's own bars are none.
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(rows[0]) + 1}
    found = [f["evaluation"]["factors"][1]["spearman"] for f in figures if f["variant"] == "told"]
    (shown,) = (row[2] for row in rows if row[0] == "|Spearman| of elevation")
    assert shown.startswith(f"{np.mean(np.abs(found)):.3f}")
    longer = replace(job, config=replace(job.config, steps=13))
    assert longer.figures() is None


def test_others_know_what_any_probe_finds(report: Report) -> None:
    """Trees see no linear trace that is spread over all units, a line no curve and no product."""
    paths = [path for title, path, _ in measured() if title.startswith("R")]
    assert len(paths) == len(LATENTS)
    tree = json.loads(json.dumps(report.to_json()))
    for probe, wanted in (
        ({"linear": 0.4, "quadratic": 0.2, "trees": -0.1}, 0.4),
        ({"linear": 0.0, "quadratic": 0.3, "trees": 0.7}, 0.7),
        ({"linear": 0.0, "quadratic": 0.6, "trees": -0.1}, 0.6),
    ):
        for factor in tree["factors"]:
            factor["leak_sampled"] = probe
        assert [at(tree, path) for path in paths] == [wanted] * len(paths)


def plain(dataset: Path, folder: Path) -> Study:
    return Study({"vae": tiny("vae")}, 1, Dataset(dataset), folder, torch.device("cpu"))


def test_glances_read_their_images_once(
    synthetic_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset(synthetic_dataset)
    study = Study({"vae": tiny("vae")}, 2, dataset, tmp_path, torch.device("cpu"))
    first, second = study.jobs
    list(study.train(first, study.training(first)))
    splits, read = [], dataset.read
    monkeypatch.setattr(dataset, "read", lambda *what: splits.append(what[0]) or read(*what))
    list(study.train(second, study.training(second)))
    assert len(second.curve()) > 1
    # That of the pictures that a run leaves.
    assert splits.count("test") == 1


def test_minutes_count_the_steps_of_a_killed_process(
    synthetic_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was done behind the last point counts at the pace of what follows."""
    monkeypatch.setattr(study_module, "POINTS", 2)
    study = Study(
        {"vae": tiny("vae")}, 1, Dataset(synthetic_dataset), tmp_path, torch.device("cpu")
    )
    (job,) = study.jobs
    for stop in (4, 8, None):
        work = study.training(job)
        # A clock that goes on by ten seconds a step.
        clock = SimpleNamespace(monotonic=lambda work=work: 10.0 * work.step)
        monkeypatch.setattr(study_module, "time", clock)
        for record in study.train(job, work):
            if stop and record.step == stop - 1:
                work.stop.signal = 2
    assert [(point.step, point.seconds) for point in job.curve()] == [(6, 60.0), (12, 120.0)]


@pytest.mark.parametrize("damage", ["{", "[]", "5", '{"step": 12}', "\xff"])
def test_damaged_files_of_a_study_are_made_anew(
    synthetic_dataset: Path, tmp_path: Path, judged: list[Path], damage: str
) -> None:
    study = Study(
        {"vae": tiny("vae")}, 1, Dataset(synthetic_dataset), tmp_path, torch.device("cpu")
    )
    (job,) = study.jobs
    list(study.train(job, study.training(job)))
    study.judge(job)
    assert job.figures()
    (job.folder / "figures.json").write_text(damage, "latin-1")
    assert job.figures() is None
    curve = job.folder / "curve.jsonl"
    lines = curve.read_text().splitlines()
    curve.write_text("\n".join([*lines[:3], damage]), "latin-1")
    assert [point.step for point in job.curve()] == [1, 2, 3]
    trim(curve, 12)
    # A line that is whole, if with too little in it, is no torn one.
    kept = [damage] if damage == '{"step": 12}' else []
    assert curve.read_text().splitlines() == [*lines[:3], *kept]


def test_the_commands(
    synthetic_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    judged: list[Path],
) -> None:
    """Both write their table and curves; the second time nothing is trained or judged."""
    monkeypatch.setattr(
        variants,
        "peers",
        lambda chosen, steps, *_: {name: replace(tiny(name), steps=steps) for name, _ in chosen},
    )
    monkeypatch.setattr(
        variants, "ladder", lambda towards, steps: {towards: replace(tiny("gvae"), steps=steps)}
    )
    common = ["--data", str(synthetic_dataset), "--seeds", "1", "--steps", "2", "--device", "cpu"]
    for options, folder, count in (
        (["compare", "--methods", "gvae,vae"], "compare", 2),
        (["ablate", "--towards", "best"], "ablate", 1),
    ):
        out = tmp_path / folder
        for _ in range(2):
            result = CliRunner().invoke(cli.cli, [*options, *common, "--out", str(out)])
            assert result.exit_code == 0, result.output
        header = (out / "table.md").read_text().splitlines()[0]
        assert header.count("|") == 2 + count
        assert len(json.loads((out / "table.json").read_text())["runs"]) == count
        with Image.open(out / "curves.png") as picture:
            assert picture.width > 3 * picture.height
        assert not list(out.glob("*/.*"))
    assert len(judged) == 3


def test_a_narrower_command_keeps_the_rest_of_the_table(
    synthetic_dataset: Path, tmp_path: Path, judged: list[Path]
) -> None:
    """What was trained as long on the same data stays in it; nothing else comes in."""
    dataset, device = Dataset(synthetic_dataset), torch.device("cpu")

    def study(**setups: TrainConfig) -> Study:
        return Study(setups, 1, dataset, tmp_path, device)

    for wide in (
        study(vae=tiny("vae"), gvae=tiny("gvae")),
        study(long=replace(tiny("vae"), steps=13)),
    ):
        for job in wide.jobs:
            list(wide.train(job, wide.training(job)))
            wide.judge(job)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "figures.json").write_text("mine")
    shutil.copytree(tmp_path / "vae-s0", tmp_path / "other")
    settings = json.loads((tmp_path / "other" / "config.json").read_text())
    settings["data_fingerprint"] = "0" * 16
    (tmp_path / "other" / "config.json").write_text(json.dumps(settings))
    shutil.copytree(tmp_path / "gvae-s0", tmp_path / "gvae-s0.bak")
    jobs, figures = zip(*study(gvae=tiny("gvae")).finished(), strict=True)
    assert [job.folder.name for job in jobs] == ["gvae-s0", "vae-s0"]
    assert table(figures)[:2] == [("", "gvae", "vae"), ("told", "which factor varies", "none")]
    for unit, frame in enumerate(curves(jobs).axes):
        assert [line.get_label() for line in frame.lines] == ["gvae", "vae"]
        seen = [1 - point.spearman[unit] for point in jobs[0].curve()]
        assert frame.lines[0].get_ydata() == pytest.approx(seen)


def test_a_study_finds_out_first_that_it_cannot_be_written(
    synthetic_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "peers", lambda *_: {"vae": tiny("vae")})
    (tmp_path / "file").write_text("mine")
    options = ["compare", "--data", str(synthetic_dataset), "--out", str(tmp_path / "file")]
    result = CliRunner().invoke(cli.cli, options)
    assert result.exit_code == 2, result.output
    assert f"{tmp_path / 'file'}: not a folder" in result.stderr.splitlines()[-1]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_study_finds_out_first_that_it_cannot_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "peers", lambda *_: {"vae": tiny("vae")})
    make_dataset(tmp_path / "faces", groups=(12, 0))
    options = ["compare", "--data", str(tmp_path / "faces"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.cli, options)
    assert result.exit_code == 2, result.output
    assert "faces: no test images; make a data set that has some" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", ["vae,magic", "", "vae,"])
def test_unknown_methods_are_one_line(names: str) -> None:
    result = CliRunner().invoke(cli.cli, ["compare", "--methods", names])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "is no method; there are ada-gvae, best" in line


@pytest.mark.parametrize("option", ["invariance", "=3", "invariance=", "invariance=nan", ""])
def test_options_that_are_none_are_one_line(option: str) -> None:
    result = CliRunner().invoke(cli.cli, ["compare", "--methods", f"vae,dcign:{option}"])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "is no option with a number, as in dcign:invariance=30" in line


@pytest.mark.parametrize("weights", ["0", "-1", "nan", "inf", "much", "", "1,"])
def test_strengths_that_are_none_are_one_line(weights: str) -> None:
    result = CliRunner().invoke(cli.cli, ["compare", "--kl-weights", weights])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "is no factor above 0, as in 0.5,1,2" in line


def test_another_studys_folder_is_refused(synthetic_dataset: Path, tmp_path: Path) -> None:
    def study(steps: int) -> Study:
        variants = {"vae": replace(tiny("vae"), steps=steps)}
        return Study(variants, 1, Dataset(synthetic_dataset), tmp_path, torch.device("cpu"))

    (job,) = study(3).jobs
    list(study(3).train(job, study(3).training(job)))
    study(3).check()
    with pytest.raises(UserError, match="number of steps"):
        study(6).check()
