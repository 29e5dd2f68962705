"""The command `train`: what it says, how it is stopped, and mistakes in one line."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner
from fakes import make_dataset

import cli
import dcign.device
import dcign.sources
import dcign.train
from dcign.checkpoint import load_run
from dcign.data import Batch

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set at the size of the preset `small`; not to be written to."""
    folder = tmp_path_factory.mktemp("faces") / "faces64"
    make_dataset(folder, size=64, groups=(8, 4))
    return folder


@contextlib.contextmanager
def running(folder: Path, data: Path) -> Iterator[subprocess.Popen[str]]:
    """`train` at work in a folder."""
    command = [
        sys.executable,
        str(ROOT / "cli.py"),
        "train",
        "--data",
        str(data),
        "--device",
        "cpu",
    ]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_saves_when_it_is_told_to_stop(
    faces: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    run = tmp_path / "runs" / "best"
    with running(tmp_path, faces) as process:
        deadline = time.monotonic() + 60
        while not (run / "stats.jsonl").exists():
            assert time.monotonic() < deadline, "waited a minute"
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert "the same command goes on" in errors
    assert load_run(run).step > 0


def test_the_command_trains_says_what_and_goes_on(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["train", "--data", str(faces), "--device", "cpu", "--run", "mine", "--steps"]
    dry = CliRunner().invoke(cli.cli, [*options, "1", "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert not (tmp_path / "runs").exists()
    for steps, text in (
        ("1", "finished in"),
        ("1", "finished at step 1"),
        ("2", "from step 1 to 2"),
    ):
        result = CliRunner().invoke(cli.cli, [*options, steps])
        assert result.exit_code == 0, result.output
        assert "preset best, since training runs on the CPU" in result.output
        assert '"learning_rate"' in result.output
        assert text in result.output


@pytest.mark.parametrize(
    ("place", "size", "preset"),
    [("cuda", 64, "best"), ("cuda", 150, "paper"), ("cpu", 150, "best")],
)
def test_the_preset_suits_the_device_and_the_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, size: int, preset: str
) -> None:
    """None that the data set at hand cannot train: a GPU alone does not make images larger."""
    monkeypatch.chdir(tmp_path)
    make_dataset(tmp_path / "faces", size=size, groups=(8, 4))
    on_cpu = dcign.train.Training
    monkeypatch.setattr(dcign.device, "choose_device", lambda _: SimpleNamespace(type=place))
    monkeypatch.setattr(
        dcign.train, "Training", lambda *rest: on_cpu(*rest[:-1], torch.device("cpu"))
    )
    result = CliRunner().invoke(cli.cli, ["train", "--data", "faces", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"preset {preset}, since ")
    assert f"runs/{preset}: from step 0" in result.output


def test_a_signal_in_the_last_step_stops_nothing(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    update = dcign.train.Training._update

    def stopped(work: dcign.train.Training, batch: Batch) -> dcign.train.Record:
        work.stop.signal = signal.SIGTERM
        return update(work, batch)

    monkeypatch.setattr(dcign.train.Training, "_update", stopped)
    options = ["train", "--data", str(faces), "--device", "cpu", "--steps"]
    last = CliRunner().invoke(cli.cli, [*options, "1"])
    assert last.exit_code == 0, last.output
    assert "runs/best: finished in" in last.output
    assert CliRunner().invoke(cli.cli, [*options, "3"]).exit_code == 128 + signal.SIGTERM


def test_a_full_gpu_is_one_line(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee ...")

    monkeypatch.setattr(dcign.train.Training, "_update", full)
    result = CliRunner().invoke(cli.cli, ["train", "--data", str(faces), "--device", "cpu"])
    assert result.exit_code == 2
    assert "error: the GPU's memory is full" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("in_the_way", ["runs", "runs/mine"])
def test_a_file_in_the_way_is_found_before_the_data_are_read(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_the_way: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(in_the_way).parent.mkdir(exist_ok=True)
    Path(in_the_way).write_text("mine")
    monkeypatch.setattr(dcign.sources, "open_data", None)
    options = ["train", "--data", str(faces), "--device", "cpu", "--preset", "best"]
    result = CliRunner().invoke(cli.cli, [*options, "--run", "mine"])
    assert (result.exit_code, result.stderr) == (
        2,
        f"error: {in_the_way}: not a folder; choose another place\n",
    )
    assert Path(in_the_way).read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--data", "nowhere"], "no data set here"),
        ([], "make dataset"),
        (["--preset", "huge"], "huge"),
        (["--run", "../up"], "no name"),
        (["--run", ""], "no name"),
        (["--steps", "0"], "--steps"),
        (["--seed", "nan"], "--seed"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.cli, ["train", *options])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert text in line
