"""Making a data set: the same bytes however it is made."""

import contextlib
import errno
import re
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from fakes import CONFIG, FakeModel, digests, generation, open_dying, open_failing, open_fake

from facegen.errors import UserError
from facegen.files import PARTIAL, locked
from facegen.generate import Generation
from facegen.guard import ForeignShardError
from facegen.maker import Source
from facegen.manifest import MANIFEST
from facegen.presets import PRESETS, GenerateConfig
from facegen.shards import Dataset, Verification


@pytest.fixture
def finished(made: Path, tmp_path: Path) -> Path:
    """A copy of `made` to spoil."""
    shutil.copytree(made, tmp_path / "faces")
    return tmp_path / "faces"


def test_a_data_set_is_whole(made: Path) -> None:
    assert {problem for _, problem in Verification(made)} == {""}
    dataset = Dataset(made)
    assert (dataset.group_count("train"), dataset.group_count("test")) == (40, 8)
    assert [int((dataset.factor_ids("train") == i).sum()) for i in range(4)] == [10] * 4
    assert not list(made.glob(f".*{PARTIAL}"))
    assert len(list(made.glob("*.h5"))) == len(generation(made)) == 17


def test_four_workers_write_what_one_does(made: Path, tmp_path: Path) -> None:
    names = [shard.entry.file for shard in generation(tmp_path / "faces", workers=4)]
    assert len(names) == len(set(names)) == 17
    assert digests(tmp_path / "faces") == digests(made)


def test_a_finished_data_set_is_left_alone(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.iterdir()}
    work = generation(finished)
    assert (work.missing(), work.bytes_needed(), work.seconds_needed()) == ([], 0, 0.0)
    assert not any(shard.rendered for shard in work)
    assert {path: path.stat().st_mtime_ns for path in finished.iterdir()} == before


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_damaged_shard_is_rendered_again(made: Path, finished: Path, with_manifest: bool) -> None:
    victim = finished / "train-00003.h5"
    data = bytearray(victim.read_bytes())
    data[9000] ^= 4
    victim.write_bytes(data)
    if not with_manifest:
        (finished / MANIFEST).unlink()
    again = [shard for shard in generation(finished) if shard.rendered]
    assert [shard.entry.file for shard in again] == [victim.name]
    assert "damaged" in again[0].damage
    assert digests(finished) == digests(made)


def test_a_shard_that_may_not_be_read_is_not_rendered_over(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Unable to open")

    monkeypatch.setattr("h5py.File", denied)
    problems = [problem for _, problem in Verification(finished)]
    assert problems[0] == f"{finished}/train-00000.h5: Permission denied; check who may read it"
    with pytest.raises(PermissionError, match=r"Permission denied: .*train-00000\.h5"):
        generation(finished)


def test_leaving_early_keeps_finished_shards(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    with contextlib.closing(iter(generation(out))) as shards:
        first = next(shards).entry.file
    kept = digests(out)
    assert first in kept
    assert kept.items() <= digests(made).items()
    assert first not in [shard.entry.file for shard in generation(out) if shard.rendered]
    assert digests(out) == digests(made)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"size": 24}, {"train": 11}, {"per_shard": 4}, {"compression": "gzip"}]
)
@pytest.mark.parametrize("with_manifest", [True, False])
def test_another_configuration_is_refused(
    finished: Path, change: dict[str, int], with_manifest: bool
) -> None:
    if not with_manifest:
        (finished / MANIFEST).unlink()
    before = digests(finished)
    with pytest.raises(UserError, match=r"holds another data set .*choose another --out") as caught:
        generation(finished, replace(CONFIG, **change))
    assert digests(finished) == before
    # One remedy; and a manifest says what differs.
    assert "same `generate` command" not in str(caught.value)
    if with_manifest:
        assert "was asked for" in str(caught.value)


def test_shards_with_more_in_them_are_refused(finished: Path) -> None:
    (finished / MANIFEST).unlink()
    with pytest.raises(UserError, match=r"train-00000\.h5 belongs elsewhere \(other attributes"):
        generation(finished, replace(CONFIG, truth=True))


def test_a_file_of_the_user_s_own_is_not_rendered_over(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "train-00000.h5", "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(UserError, match=r"train-00000\.h5 belongs elsewhere"):
        generation(tmp_path)


def test_a_folder_called_like_a_shard_is_told_at_once(finished: Path) -> None:
    (finished / "test-00000.h5").unlink()
    (finished / "test-00000.h5").mkdir()
    with pytest.raises(UserError, match=r"test-00000\.h5.* belongs elsewhere \(not a regular file"):
        generation(finished)


@pytest.mark.parametrize("with_manifest", [True, False])
@pytest.mark.parametrize("name", ["train-00001.h5", "weights.h5"])
def test_one_foreign_file_is_told_alone(finished: Path, name: str, with_manifest: bool) -> None:
    """Nobody is told to remove the whole folder for it."""
    shutil.copy(finished / "train-00000.h5", finished / name)
    if not with_manifest:
        (finished / MANIFEST).unlink()
    with pytest.raises(ForeignShardError, match=rf"{name}: belongs elsewhere.*; move it away"):
        generation(finished)


def test_a_file_that_comes_later_is_not_rendered_over(tmp_path: Path) -> None:
    with contextlib.closing(iter(generation(tmp_path, workers=1))) as shards:
        next(shards)
        with h5py.File(tmp_path / "train-00007.h5", "w") as file:
            file["weights"] = np.zeros(3)
        with pytest.raises(ForeignShardError, match="train-00007"):
            list(shards)


def test_another_face_model_is_refused(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeModel, "__init__", lambda self: None)
    monkeypatch.setattr(FakeModel, "fingerprint", "fedcba9876543210")
    asked = r"its face model's fingerprint is '0123.* 'fedc.* asked for\); choose another --out"
    with pytest.raises(UserError, match=asked):
        generation(finished)


def test_what_was_asked_for_is_told_and_not_what_follows_from_it(finished: Path) -> None:
    # As --truth does.
    asked = replace(CONFIG, truth=True, per_shard=1)
    with pytest.raises(UserError, match="its truth is False, and True was asked for"):
        generation(finished, asked)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError, match="another process is writing"):
        list(generation(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_disk_without_room_is_refused_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**6, 10**6 - 1000, 1000))
    out = tmp_path / "deep" / "faces"
    with pytest.raises(UserError, match=r"needs \d+ MB and 0 MB are free"):
        list(generation(out))
    assert not list(out.iterdir())


def test_a_disk_that_lacks_one_byte_is_told_in_numbers_that_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, usage = generation(tmp_path / "faces"), namedtuple("usage", "total used free")
    free = work.bytes_needed() - 1
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(free, 0, free))
    with pytest.raises(UserError) as caught:
        work.check_room()
    needed, left = re.findall(r"(\d+) MB", str(caught.value))
    assert int(needed) > int(left)


def test_a_file_is_no_place_for_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "faces").write_text("a file")
    with pytest.raises(UserError, match="faces: not a folder; choose another --out"):
        generation(tmp_path / "faces")


def test_a_worker_that_dies_ends_the_work(tmp_path: Path) -> None:
    work = Generation(CONFIG, tmp_path, None, 2, open_dying)
    with pytest.raises(UserError, match=r"worker process died \(killed by SIGKILL\).*same command"):
        list(work)


def test_a_bug_in_a_worker_shows_its_traceback(tmp_path: Path) -> None:
    work = Generation(CONFIG, tmp_path, None, 2, open_failing)
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*ZeroDivisionError: a bug"):
        list(work)


def test_the_estimate_comes_from_the_renderer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DELAY", "0.01")
    work = generation(tmp_path / "faces", workers=1)
    assert work.seconds_needed() >= 48 * 0.01
    assert not (tmp_path / "faces").exists()


@pytest.mark.parametrize("bad", [{"size": 0}, {"train": -1}, {"seed": -1}, {"seed": 2**63}])
def test_a_configuration_that_cannot_be_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(UserError, match=next(iter(bad))):
        GenerateConfig(**bad)


def test_presets_are_the_paper_s() -> None:
    assert (PRESETS["paper"].train, PRESETS["paper"].test, PRESETS["paper"].size) == (
        3000,
        350,
        150,
    )
    assert (PRESETS["small"].train, PRESETS["small"].test, PRESETS["small"].size) == (300, 35, 64)


def test_other_factors_have_columns_of_their_own(tmp_path: Path) -> None:
    config = replace(CONFIG, factors=("expression", "roll"))
    list(generation(tmp_path / "faces", config))
    dataset = Dataset(tmp_path / "faces")
    assert dataset.factors == ("expression", "roll")
    assert dataset.labels == ("azimuth", "elevation", "light_azimuth", "roll")
    groups = dataset.read("train", range(dataset.group_count("train")))
    assert groups.expression.shape == (20, 20, 2)
    for factor_id, labels, expression in zip(
        groups.factor_id, groups.labels, groups.expression, strict=True
    ):
        varies = [np.ptp(expression, axis=0).any(), np.ptp(labels, axis=0).any()]
        assert varies == [factor_id == 0, factor_id == 1]


def test_a_face_model_without_expressions_is_refused(tmp_path: Path) -> None:
    def neutral(config: GenerateConfig, model_path: Path | None) -> Source:
        return replace(open_fake(config, model_path), model=FakeModel(expression_names=()))

    config = replace(CONFIG, factors=("expression",))
    with pytest.raises(UserError, match="no expressions"):
        Generation(config, tmp_path / "faces", open_source=neutral)
