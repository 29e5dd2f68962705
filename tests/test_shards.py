"""The data set on disk: what is written is what is read, whoever reads it and however."""

import errno
import json
import multiprocessing
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from fakes import digests, make_dataset, make_groups, make_header

from facegen.errors import UserError
from facegen.files import PARTIAL, check_target, locked, make_folder, write_atomic
from facegen.layout import max_bytes, pack
from facegen.manifest import Manifest, Slot
from facegen.shards import Dataset, Groups, Verification


def assert_same(left: Groups, right: Groups) -> None:
    assert left.truth == right.truth == {}
    for name, value in vars(left).items():
        if name == "truth":
            continue
        other = getattr(right, name)
        assert value.dtype == other.dtype
        np.testing.assert_array_equal(value, other, err_msg=name)


def test_plain_h5py_reads_a_shard(synthetic_dataset: Path) -> None:
    with h5py.File(synthetic_dataset / "train-00001.h5") as file:
        assert file["images"].shape == (100, 16, 16)
        assert file["images"].chunks == (20, 16, 16)
        assert file["labels"].shape == (100, 3)
        assert file["identity"].shape == (100, 4)
        assert file["factor_id"].dtype == np.uint8
        assert file["group_id"].dtype == np.int32
        assert len({len(file[name]) for name in file}) == 1
        assert list(file.attrs["factors"]) == [b"azimuth", b"elevation", b"light", b"identity"]
        assert list(file.attrs["labels"]) == [b"azimuth", b"elevation", b"light_azimuth"]
        assert list(file.attrs["units"]) == [b"degree"] * 3
        assert (file.attrs["split"], file.attrs["first_group"]) == (b"train", 5)
        assert json.loads(file.attrs["config"]) == {"size": 16, "seed": 0}
        assert all(file[name].fletcher32 for name in file)


def test_plain_h5py_reads_a_shard_beside_an_open_data_set(synthetic_dataset: Path) -> None:
    """HDF5 refuses to open a file that the process holds open under other rules of locking."""
    dataset = Dataset(synthetic_dataset)
    dataset.read("train", [0])
    with h5py.File(synthetic_dataset / "train-00000.h5") as file:
        assert np.array_equal(file["images"][:20], dataset.read("train", [0]).images[0])


def test_locks_that_a_file_system_refuses_are_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of its own: a file that is still open with locks is not opened without.
    make_dataset(tmp_path)
    plain = h5py.File

    def refusing(path: Path, mode: str, locking: bool | str, **options: Any) -> h5py.File:
        if locking:
            raise OSError(errno.ENOLCK, "unable to lock file")
        return plain(path, mode, locking=locking, **options)

    monkeypatch.setattr("facegen.guard.h5py.File", refusing)
    assert len(Dataset(tmp_path).read("train", [0]).images) == 1


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_read_returns_what_was_written(tmp_path: Path, compression: str) -> None:
    make_dataset(tmp_path, compression=compression)
    dataset = Dataset(tmp_path)
    assert (dataset.group_count("train"), dataset.group_count("test")) == (12, 4)
    assert_same(dataset.read("train", range(12)), make_groups("train", 0, 12))
    assert_same(dataset.read("test", [2]), make_groups("test", 2, 1))
    order = [11, 4, 5, 4, 0, 9, 10]
    all_groups = make_groups("train", 0, 12)
    arrays = {name: value for name, value in vars(all_groups).items() if name != "truth"}
    wanted = Groups(**{name: value[order] for name, value in arrays.items()})
    assert_same(dataset.read("train", order), wanted)
    np.testing.assert_array_equal(dataset.factor_ids("train"), all_groups.factor_id)
    assert dataset.read("train", []).images.shape == (0, 20, 16, 16)


def test_compression_changes_the_file_and_not_the_pixels(tmp_path: Path) -> None:
    plain = make_dataset(tmp_path / "plain")
    small = make_dataset(tmp_path / "small", compression="gzip")
    for left, right in zip(plain.entries, small.entries, strict=True):
        assert left.pixels_sha256 == right.pixels_sha256
        assert left.bytes > right.bytes


@pytest.mark.parametrize(("size", "groups"), [(8, 1), (64, 3)])
def test_bytes_are_a_pure_function_of_the_content(size: int, groups: int) -> None:
    header, slot = make_header(size), Slot("test", 0, 0, groups)
    first = pack(header, slot, make_groups("test", 0, groups, size))
    assert first == pack(header, slot, make_groups("test", 0, groups, size))
    assert len(first) <= max_bytes(header, slot) <= len(first) + 2**15


def test_many_names_are_counted_in_a_shard_s_room() -> None:
    names = tuple(f"{number:032}" for number in range(5000))
    header = replace(make_header(8), identity_size=len(names), identity_names=names)
    made = make_groups("test", 0, 1, 8)
    wide = np.zeros((1, header.group_size, len(names)), np.float32)
    slot = Slot("test", 0, 0, 1)
    data = pack(header, slot, replace(made, identity=wide))
    assert len(data) <= max_bytes(header, slot) <= len(data) + 2**15


@pytest.mark.parametrize("numbers", [[-1], [12], [0, 400]])
def test_a_number_out_of_range_is_refused(synthetic_dataset: Path, numbers: list[int]) -> None:
    with pytest.raises(IndexError, match="'train' has 12 mini-batches"):
        Dataset(synthetic_dataset).read("train", numbers)
    with pytest.raises(IndexError, match="'validation' has 0"):
        Dataset(synthetic_dataset).read("validation", [0])


def _pixel_sum(dataset: Dataset) -> int:
    return int(dataset.read("train", [3, 11]).images.sum())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_other_processes_may_use_an_open_dataset(synthetic_dataset: Path, method: str) -> None:
    dataset = Dataset(synthetic_dataset)
    expected = _pixel_sum(dataset)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_pixel_sum, [dataset] * 4) == [expected] * 4
    assert _pixel_sum(dataset) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_its_own_files(synthetic_dataset: Path) -> None:
    dataset = Dataset(synthetic_dataset)
    expected = _pixel_sum(dataset)
    child = os.fork()
    if child == 0:
        os._exit(0 if _pixel_sum(dataset) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert _pixel_sum(dataset) == expected


def test_pickling_drops_the_open_files(synthetic_dataset: Path) -> None:
    dataset = Dataset(synthetic_dataset)
    expected = dataset.read("test", [1])
    assert_same(pickle.loads(pickle.dumps(dataset)).read("test", [1]), expected)


def test_many_shards_do_not_need_many_open_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegen.shards.MAX_OPEN", 2)
    make_dataset(tmp_path, per_shard=1)
    dataset = Dataset(tmp_path)
    order = [0, 7, 3, 0, 11, 7]
    assert list(dataset.read("train", order).group_id) == order
    assert len(dataset._files) == 2


def test_verify_names_what_is_wrong(tmp_path: Path) -> None:
    make_dataset(tmp_path)
    assert {problem for _, problem in Verification(tmp_path)} == {""}
    victim = tmp_path / "train-00001.h5"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    shutil.copy(victim, tmp_path / "other.h5")
    work = Verification(tmp_path)
    found = dict(work)
    assert len(found) == len(work) == 5
    assert [name for name, problem in found.items() if problem] == ["train-00001.h5", "other.h5"]
    assert "SHA-256" in found["train-00001.h5"]
    assert "not in the manifest" in found["other.h5"]


def test_the_manifest_is_the_same_text_again(synthetic_dataset: Path) -> None:
    text = (synthetic_dataset / "manifest.json").read_text()
    assert Manifest.loads(text).dumps() == text
    assert str(synthetic_dataset) not in text
    # As data sets have it that were made before coefficients had names.
    assert "identity_names" not in text


def test_names_of_coefficients_are_as_many(synthetic_dataset: Path) -> None:
    header = Manifest.load(synthetic_dataset).header
    with pytest.raises(ValueError, match="names of"):
        replace(header, identity_names=("one",))


def test_an_atomic_write_that_fails_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device while writing 3 bytes") as caught:
        write_atomic(path, b"new")
    assert (caught.value.errno, caught.value.filename) == (28, str(path))
    assert list(digests(tmp_path)) == ["file"]
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob(f"*{PARTIAL}"))


def test_a_disk_that_becomes_read_only_is_named_by_the_file_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by the temporary file, which can then not be removed either."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", "hidden")

    for name in ("os.fsync", "pathlib.Path.unlink"):
        monkeypatch.setattr(name, read_only)
    with pytest.raises(OSError, match="Read-only") as caught:
        write_atomic(tmp_path / "file", b"new")
    assert caught.value.filename == str(tmp_path / "file")


def test_a_folder_that_takes_no_files_is_found_out_at_once(tmp_path: Path) -> None:
    check_target(tmp_path / "new" / "sheet.png")
    assert not list((tmp_path / "new").iterdir())
    for check, target in ((check_target, "/proc/self/sheet.png"), (make_folder, "/proc/self")):
        with pytest.raises(OSError, match="nothing can be written") as caught:
            check(Path(target))
        assert caught.value.filename == "/proc/self"


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError, match="another process"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
