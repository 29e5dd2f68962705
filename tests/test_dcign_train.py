"""The loop: it learns, resumes bit by bit, heeds signals and stops before a NaN does harm."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import CONFIG, make_dataset, open_fake
from trainings import TINY, same, state, train, training

import dcign.train as train_module
from dcign import sources
from dcign.calibration import dataset_of
from dcign.checkpoint import load_run, sealed
from dcign.methods import dcign, released
from dcign.optimisers import Optimiser
from dcign.settings import load_settings
from dcign.sources import open_data
from dcign.stopping import STOPPING
from dcign.train import Training
from facegen.errors import UserError
from facegen.live import LiveDataset
from facegen.shards import Dataset

# ---- learning ------------------------------------------------------------------------------------


def test_the_loss_falls(synthetic_dataset: Path, tmp_path: Path) -> None:
    records = train(tmp_path / "run", synthetic_dataset, steps=120)
    bound = [record.reconstruction + record.kl for record in records]
    assert np.mean(bound[-20:]) < 0.7 * np.mean(bound[:20])
    assert records[-1].psnr > records[0].psnr
    assert [record.step for record in records] == list(range(1, 121))
    assert all(record.reconstruction > 0 and record.kl > 0 for record in records)


def test_the_first_update_is_one_learning_rate_in_every_weight(
    synthetic_dataset: Path, tmp_path: Path
) -> None:
    work = training(tmp_path / "run", synthetic_dataset, learning_rate=1e-3)
    before = state(work)
    next(iter(work))
    for name, parameter in work.network.named_parameters():
        moved = (parameter.detach() - before[name]).abs()
        assert moved.max() <= 1.001e-3, name
        assert moved.max() > 0.99e-3, name


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_bfloat16_learns_as_float32_does(
    synthetic_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    optimiser: Optimiser,
) -> None:
    """Whichever of them this CPU is fast at; they differ by rounding, and are not the same."""
    losses = []
    for precision in ("float32", "bfloat16"):
        monkeypatch.setattr(train_module, "fastest", lambda device, p=precision: p)
        records = train(tmp_path / precision, synthetic_dataset, optimiser=optimiser)
        losses.append([record.reconstruction for record in records])
    single, half_sized = losses
    assert single != half_sized
    assert half_sized == pytest.approx(single, rel=0.02)


def test_the_released_codes_rule_trains(synthetic_dataset: Path, tmp_path: Path) -> None:
    records = train(tmp_path / "run", synthetic_dataset, method=released.Method(), samples=7)
    assert len(records) == 12


def test_what_a_run_leaves(synthetic_dataset: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", synthetic_dataset, steps=40)
    lines = (tmp_path / "run" / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [20, 40]
    samples = {path.name for path in (tmp_path / "run" / "samples").iterdir()}
    assert {"reconstruction-00000040.png", "traversal-00000040.png"} <= samples
    assert any((tmp_path / "run" / "board").iterdir())
    assert not list((tmp_path / "run").glob(".*"))


# ---- going on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stops", [(1,), (2, 3), (7,), (11,), (5, 1, 1)])
def test_a_resumed_run_equals_one_never_stopped(
    synthetic_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stops: tuple[int, ...],
) -> None:
    monkeypatch.setattr(train_module, "LOG_STEPS", 2)
    whole = training(tmp_path / "whole", synthetic_dataset)
    expected = list(whole)
    records = []
    for stop in stops:
        records += train(tmp_path / "run", synthetic_dataset, stop)
    # A killed run has got further than its last checkpoint.
    list(islice(training(tmp_path / "run", synthetic_dataset), min(3, 11 - sum(stops))))
    work = training(tmp_path / "run", synthetic_dataset)
    assert len(work) == 12 - sum(stops)
    records += list(work)
    assert records == expected
    assert same(state(work), state(whole))
    stats = [(tmp_path / name / "stats.jsonl").read_bytes() for name in ("run", "whole")]
    assert stats[0] == stats[1]


@pytest.mark.parametrize("begun", ["float32", "bfloat16"])
def test_a_run_keeps_the_precision_that_it_began_with(
    synthetic_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    """Whatever is fastest where it goes on."""
    monkeypatch.setattr(train_module, "fastest", lambda device: begun)
    whole = train(tmp_path / "whole", synthetic_dataset)
    first = train(tmp_path / "run", synthetic_dataset, 5)
    other = "bfloat16" if begun == "float32" else "float32"
    monkeypatch.setattr(train_module, "fastest", lambda device: other)
    assert first + train(tmp_path / "run", synthetic_dataset) == whole
    assert load_run(tmp_path / "run").precision == begun
    assert load_settings(tmp_path / "run").precision == begun


def test_a_finished_run_ends_at_once_and_more_steps_go_on(
    synthetic_dataset: Path, tmp_path: Path
) -> None:
    train(tmp_path / "run", synthetic_dataset)
    assert train(tmp_path / "run", synthetic_dataset) == []
    more = train(tmp_path / "run", synthetic_dataset, steps=15)
    assert [record.step for record in more] == [13, 14, 15]
    assert load_run(tmp_path / "run").config.steps == 15
    assert train(tmp_path / "run", synthetic_dataset) == []


def test_a_continued_run_says_so(synthetic_dataset: Path, tmp_path: Path) -> None:
    """Rates go by the number of steps, so the same one reached in stretches is another run."""
    run = tmp_path / "run"
    train(run, synthetic_dataset, steps=3)
    assert load_run(run).continued_from == ()
    # Stopped and resumed it is no other; with more steps it is, and stays so.
    for stop, steps, before in ((1, 6, (3,)), (None, 6, (3,)), (None, 8, (3, 6))):
        train(run, synthetic_dataset, stop, steps=steps)
        assert load_run(run).continued_from == before
        assert json.loads((run / "config.json").read_text())["continued_from"] == list(before)
    whole = training(tmp_path / "whole", synthetic_dataset, steps=8)
    list(whole)
    assert not same(state(training(run, synthetic_dataset, steps=8)), state(whole))


def test_a_run_from_before_continuations_and_precisions_were_kept_goes_on(
    synthetic_dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(run, synthetic_dataset, steps=3)
    for path in (run / "config.json", *run.glob("step-*.json")):
        tree = json.loads(path.read_text())
        sealed_by = tree.pop("sha256", None)
        settings = tree if sealed_by is None else tree["settings"]
        del settings["continued_from"], settings["precision"]
        path.write_text(json.dumps(tree) if sealed_by is None else sealed(tree))
    assert (load_run(run).continued_from, load_run(run).precision) == ((), None)
    train(run, synthetic_dataset, steps=5)
    assert load_run(run).continued_from == (3,)


def test_training_without_a_disk(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights as from the data set that the same configuration writes."""
    rendered = partial(LiveDataset, open_source=open_fake)
    monkeypatch.setattr(sources, "LiveDataset", rendered)
    monkeypatch.setattr(sources, "PRESETS", {"paper": CONFIG})
    live = open_data(Path("generate"), CONFIG.size)
    trained = []
    for name, data in (("disk", Dataset(made)), ("live", live)):
        work = Training(TINY, data, tmp_path / name, torch.device("cpu"))
        list(work)
        trained.append(state(work))
    assert same(*trained)
    assert dataset_of(load_run(tmp_path / "live")).fingerprint == live.fingerprint


def test_another_run_is_refused(synthetic_dataset: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", synthetic_dataset, 1)
    make_dataset(tmp_path / "other", seed=1)
    for data, changes, message in (
        (synthetic_dataset, {"seed": 1}, "seed 0, not 1"),
        (synthetic_dataset, {"preset": "other"}, "preset tiny, not other"),
        (synthetic_dataset, {"method": dcign.Method(invariance=0.5)}, "invariance 0.01, not 0.5"),
        (tmp_path / "other", {}, "data set"),
    ):
        with pytest.raises(UserError, match=message):
            training(tmp_path / "run", data, **changes)


def test_one_trains_at_a_time(synthetic_dataset: Path, tmp_path: Path) -> None:
    first = iter(training(tmp_path / "run", synthetic_dataset))
    next(first)
    with pytest.raises(UserError, match="another process"):
        train(tmp_path / "run", synthetic_dataset)
    first.close()


def test_what_another_process_trained_meanwhile_is_kept(
    synthetic_dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    late, other = (training(run, synthetic_dataset, seed=seed) for seed in (0, 1))
    train(run, synthetic_dataset, 5)
    with pytest.raises(UserError, match="trained here meanwhile, to step 5; repeat"):
        next(iter(late))
    with pytest.raises(UserError, match="seed 0, not 1"):
        next(iter(other))
    assert load_run(run).step == 5


# ---- stopping ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_nohup() -> Iterator[None]:
    """Tests may themselves run under it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_saves_and_ends(
    synthetic_dataset: Path, tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    work = training(tmp_path / "run", synthetic_dataset)
    for record in work:
        if record.step == 3:
            os.kill(os.getpid(), number)
    assert (work.stop.signal, work.step, load_run(tmp_path / "run").step) == (number, 4, 4)
    assert signal.getsignal(number) is before


def test_a_terminal_that_closes_may_say_so_twice(synthetic_dataset: Path, tmp_path: Path) -> None:
    work = training(tmp_path / "run", synthetic_dataset)
    for record in work:
        if record.step == 3:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGHUP)
    assert (work.stop.signal, load_run(tmp_path / "run").step) == (signal.SIGHUP, 4)


def test_under_nohup_a_terminal_may_close(synthetic_dataset: Path, tmp_path: Path) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    work = training(tmp_path / "run", synthetic_dataset)
    for record in work:
        if record.step == 3:
            os.kill(os.getpid(), signal.SIGHUP)
    assert (work.stop.signal, work.step) == (None, 12)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_nan_weights_stop_the_run_and_name_the_mini_batches(
    synthetic_dataset: Path, tmp_path: Path
) -> None:
    work = training(tmp_path / "run", synthetic_dataset)
    records = iter(work)
    list(islice(records, 3))
    work.save()
    with torch.no_grad():
        work.network.decoder.linear.bias[0] = float("nan")
    with pytest.raises(UserError, match=r"step 4: the loss is nan in .* \d+ \(\w+\), \d+ \(") as e:
        next(records)
    assert "step 3 is kept" in str(e.value)
    with pytest.raises(UserError, match="no longer finite"):
        work.save()
    assert load_run(tmp_path / "run").step == 3


def test_an_infinite_gradient_stops_before_the_update(
    synthetic_dataset: Path, tmp_path: Path
) -> None:
    work = training(tmp_path / "run", synthetic_dataset)
    work.network.decoder.linear.bias.register_hook(lambda gradient: gradient * float("inf"))
    before = state(work)
    with pytest.raises(UserError, match="step 1: the gradient is"):
        list(work)
    assert same(state(work), before)
    assert not list((tmp_path / "run").glob("step-*"))
