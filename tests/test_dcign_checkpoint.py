"""Checkpoints: whole or not there, never silently another's or damaged."""

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from trainings import DAMAGES, TINY, same, state, train, training

import dcign.commands.train
from dcign.checkpoint import Checkpoint, load_run, save_checkpoint
from dcign.config import PRESETS, TrainConfig
from dcign.models.network import Network
from facegen.errors import UserError

OLDER, NEWER = "step-00000004", "step-00000008"


@pytest.fixture(scope="module")
def finished(synthetic_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with checkpoints of steps 4 and 8; not to be written to."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    for stop in (2, 2, 4):
        train(folder, synthetic_dataset, stop)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


# ---- configurations ------------------------------------------------------------------------------


def test_the_papers_network() -> None:
    network = Network(PRESETS["paper"].network)
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_131_137
    assert PRESETS["released"].network == PRESETS["paper"].network


@pytest.mark.parametrize("config", [*PRESETS.values(), TINY], ids=lambda c: c.preset)
def test_a_configuration_survives_json(config: TrainConfig) -> None:
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_presets_are_named_once() -> None:
    assert tuple(PRESETS) == dcign.commands.train.PRESETS
    assert all(config.preset == name for name, config in PRESETS.items())


def test_rates_over_a_training() -> None:
    config = replace(
        TINY, steps=100, decay=0.3, learning_rate=1.0, kl_weight=2.0, kl_start=6.0, kl_anneal=0.2
    )
    assert [config.rate_at(step) for step in (0, 70)] == [1.0, 1.0]
    assert config.rate_at(85) == pytest.approx(0.5)
    assert config.rate_at(99) == pytest.approx(1 / 30)
    assert [config.kl_weight_at(step) for step in (0, 10, 20, 50)] == [6.0, 4.0, 2.0, 2.0]
    assert replace(config, decay=0.0).rate_at(99) == 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"seed": -1},
        {"ratio": (1.0, 1.0)},
        {"ratio": (0.0, 0.0, 0.0, 0.0)},
        {"learning_rate": float("nan")},
        {"beta1": 1.0},
        {"decay": 2.0},
        {"groups": 0},
        {"samples": 0},
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UserError):
        replace(TINY, **changes)  # type: ignore[arg-type]


# ---- whole ---------------------------------------------------------------------------------------


def test_a_run_is_loaded_as_it_was_left(run: Path, synthetic_dataset: Path) -> None:
    loaded = load_run(run)
    assert (loaded.step, loaded.config, loaded.path) == (8, TINY, run)
    assert Path(loaded.data_path) == synthetic_dataset
    assert not loaded.network.training
    work = training(run, synthetic_dataset)
    assert work.step == 8
    assert same(loaded.network.state_dict(), work.network.state_dict())


def test_the_newest_two_are_kept(run: Path) -> None:
    names = {path.name for path in run.glob("step-*")}
    assert names == {f"{stem}{end}" for stem in (OLDER, NEWER) for end in (".json", ".safetensors")}


@pytest.mark.parametrize("calls", [0, 1])
def test_a_save_cut_short_leaves_the_one_before(
    run: Path, synthetic_dataset: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    work = training(run, synthetic_dataset)
    records = iter(work)
    next(records)
    replace_file = os.replace

    def full(source: Path, target: Path) -> None:
        if len(list(run.glob("step-00000009.*"))) == calls:
            raise OSError(28, "No space left on device")
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        work.save()
    monkeypatch.undo()
    assert load_run(run).step == 8
    del records
    train(run, synthetic_dataset)
    assert load_run(run).step == 12
    assert len(list(run.glob("step-*"))) == 4


# ---- damaged -------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_damage_is_never_silent(
    run: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path, int], None],
    suffix: str,
) -> None:
    older, newer = run / f"{OLDER}{suffix}", run / f"{NEWER}{suffix}"
    whole = newer.read_bytes()
    for offset in range(0, len(whole), max(1, len(whole) // 50)):
        newer.write_bytes(whole)
        damage(newer, offset)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert load_run(run).step == 4
        assert NEWER in caplog.text
    damage(older, len(whole) // 2)
    with pytest.raises(UserError, match="damaged"):
        load_run(run)


def test_training_goes_on_from_the_one_before_a_damaged_one(
    run: Path, synthetic_dataset: Path, tmp_path: Path
) -> None:
    (run / f"{NEWER}.safetensors").write_bytes(b"")
    work = training(run, synthetic_dataset)
    assert work.step == 4
    list(work)
    whole = training(tmp_path / "whole", synthetic_dataset)
    list(whole)
    assert same(state(work), state(whole))
    assert load_run(run).step == 12


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"config": 1}', "[" * 100_000, "\xff"])
def test_a_foreign_config_is_refused(run: Path, synthetic_dataset: Path, text: str) -> None:
    (run / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"config\.json"):
        load_run(run)
    with pytest.raises(UserError, match=r"config\.json"):
        training(run, synthetic_dataset)


def test_a_config_of_another_version_says_what_is_unknown(run: Path) -> None:
    tree = json.loads((run / "config.json").read_text())
    tree["config"]["method"]["together"] = 1.0
    (run / "config.json").write_text(json.dumps(tree))
    with pytest.raises(UserError, match=r"another version's \(.*has no option together"):
        load_run(run)


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"preset": "other", "groups": 1}, {"learning_rate": 1e-3}]
)
def test_a_checkpoint_of_another_run_is_refused(
    run: Path, synthetic_dataset: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    train(tmp_path / "other", synthetic_dataset, 9, **changes)
    for foreign in (tmp_path / "other").glob("step-*"):
        shutil.copy(foreign, run)
    for open_run in (lambda: load_run(run), lambda: training(run, synthetic_dataset)):
        with pytest.raises(UserError, match="of another run"):
            open_run()


@pytest.mark.parametrize(
    ("part", "name", "value", "words"),
    [
        ("config", "learning_rate", 0.01, "learning_rate 0.003, not 0.01"),
        ("network", "code_size", 9, "code_size 8, not 9"),
        ("method", "invariance", 0.5, "invariance 0.01, not 0.5"),
    ],
)
def test_what_was_edited_in_a_configuration_is_named(
    run: Path, part: str, name: str, value: float, words: str
) -> None:
    tree = json.loads((run / "config.json").read_text())
    {**tree, **tree["config"]}[part][name] = value
    (run / "config.json").write_text(json.dumps(tree))
    with pytest.raises(UserError, match=rf"{NEWER}.*with {words} as config\.json.*restore that"):
        load_run(run)


def test_weights_of_another_network_are_refused(run: Path, synthetic_dataset: Path) -> None:
    work = training(run, synthetic_dataset)
    weights = Network(replace(TINY.network, code_size=9)).state_dict()
    save_checkpoint(run, Checkpoint(9, work.settings, weights, {}))
    with pytest.raises(UserError, match=r"step-00000009.*of another network"):
        load_run(run)


def test_a_missing_run_says_what_to_do(tmp_path: Path, run: Path) -> None:
    with pytest.raises(UserError, match=r"no run here.*cli.py train"):
        load_run(tmp_path / "nothing")
    for path in run.glob("step-*"):
        path.unlink()
    with pytest.raises(UserError, match="no checkpoint yet; if it trains, wait"):
        load_run(run)


def test_checkpoints_without_a_config_are_not_overwritten(
    run: Path, synthetic_dataset: Path
) -> None:
    (run / "config.json").unlink()
    with pytest.raises(UserError, match=r"no config\.json"):
        training(run, synthetic_dataset)


def test_no_pickle_is_read(run: Path) -> None:
    pickled = run / "step-00000009.safetensors"
    torch.save({"a": torch.zeros(1)}, pickled)
    shutil.copy(run / f"{NEWER}.json", pickled.with_suffix(".json"))
    assert load_run(run).step == 8
