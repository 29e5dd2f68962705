"""Damaged and mixed-up data sets are refused, never read as if they were right."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from fakes import make_dataset, make_groups, make_header

from facegen.errors import UserError
from facegen.guard import ForeignShardError, check_content
from facegen.manifest import Manifest, Slot
from facegen.shards import Dataset, write_shard

SLOT = Slot("train", 0, 0, 2)


def _mutations(data: bytes, count: int) -> list[bytes]:
    """Copies of data with flipped bits, zeroed, repeated or missing pieces; seeded."""
    rng, made = random.Random(5), []
    for i in range(count):
        mutant, place = bytearray(data), rng.randrange(len(data))
        length = rng.choice([1, 4, 64, 512])
        if i % 5 < 2:
            mutant[place] ^= 1 << rng.randrange(8)
        elif i % 5 == 2:
            mutant[place : place + length] = bytes(len(mutant[place : place + length]))
        elif i % 5 == 3:
            piece = mutant[:length]
            mutant[place : place + length] = piece[: len(mutant) - place]
        else:
            del mutant[place:]
        made.append(bytes(mutant))
    # The first kilobytes hold the metadata: every byte of some of them.
    made += [data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :] for i in range(0, 2048, 7)]
    return made


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_no_mutated_shard_is_silently_wrong(tmp_path: Path, compression: str) -> None:
    header, groups = make_header(8), make_groups("train", 0, 2, 8)
    write_shard(tmp_path, header, SLOT, groups, compression)
    path = tmp_path / SLOT.file
    right = check_content(tmp_path, header, SLOT)
    refused = []
    for mutant in _mutations(path.read_bytes(), 400):
        path.write_bytes(mutant)
        try:
            entry = check_content(tmp_path, header, SLOT)
        except UserError as error:
            refused.append(type(error))
        else:
            assert entry.pixels_sha256 == right.pixels_sha256
            with h5py.File(path) as file:
                np.testing.assert_array_equal(file["labels"], groups.labels.reshape(40, 3))
                np.testing.assert_array_equal(file["identity"], groups.identity.reshape(40, 4))
    assert len(refused) > 350
    # None is taken for another data set's, or `generate` would not render it again.
    assert set(refused) == {UserError}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set to spoil: shards train-00000 to train-00002 and test-00000."""
    make_dataset(tmp_path / "faces", size=8)
    return tmp_path / "faces"


def _read_all(folder: Path) -> None:
    dataset = Dataset(folder)
    for split in ("train", "test"):
        dataset.read(split, range(dataset.group_count(split)))


def test_a_missing_shard_is_named_before_reading(folder: Path) -> None:
    (folder / "train-00001.h5").unlink()
    with pytest.raises(UserError, match=r"train-00001\.h5: No such file.*generate"):
        Dataset(folder)


def test_a_truncated_shard_is_named_before_reading(folder: Path) -> None:
    data = (folder / "train-00001.h5").read_bytes()
    (folder / "train-00001.h5").write_bytes(data[:-1])
    with pytest.raises(UserError, match=r"train-00001\.h5: [\d,]+ bytes, and the manifest says"):
        Dataset(folder)


def test_swapped_shards_are_named(folder: Path) -> None:
    (folder / "train-00000.h5").rename(folder / "x")
    (folder / "train-00001.h5").rename(folder / "train-00000.h5")
    (folder / "x").rename(folder / "train-00001.h5")
    with pytest.raises(ForeignShardError, match=r"train-00000\.h5: belongs elsewhere.*shard"):
        _read_all(folder)


def test_a_duplicated_shard_is_named(folder: Path) -> None:
    shutil.copy(folder / "train-00000.h5", folder / "train-00001.h5")
    with pytest.raises(ForeignShardError, match=r"train-00001\.h5: belongs elsewhere.*shard"):
        _read_all(folder)


def test_a_shard_of_another_seed_is_named(folder: Path, tmp_path: Path) -> None:
    make_dataset(tmp_path / "other", size=8, seed=1)
    shutil.copy(tmp_path / "other" / "test-00000.h5", folder)
    with pytest.raises(ForeignShardError, match=r"test-00000\.h5: belongs elsewhere.*seed"):
        _read_all(folder)


def _edit(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tree: tree.update(changes)


@pytest.mark.parametrize(
    "edit",
    [
        _edit(schema=1),
        _edit(size=-1),
        _edit(size=8.0),
        _edit(size=True),
        _edit(seed=-1),
        _edit(low=[0.0]),
        _edit(low=[float("nan")] * 3),
        _edit(low=None),
        _edit(factors=[]),
        _edit(more=1),
        _edit(shards=None),
        _edit(shards=[{}]),
        lambda tree: tree.pop("units"),
        lambda tree: tree["shards"].pop(0),
        lambda tree: tree["shards"].append(tree["shards"][0]),
        lambda tree: tree["shards"].reverse(),
        lambda tree: tree["shards"][0].update(file="../../etc/passwd"),
        lambda tree: tree["shards"][0].update(split="../x"),
        lambda tree: tree["shards"][0].update(groups=-5),
        lambda tree: tree["shards"][0].update(groups=2**70),
    ],
)
def test_an_edited_manifest_is_refused(
    folder: Path, edit: Callable[[dict[str, Any]], object]
) -> None:
    path = folder / "manifest.json"
    tree = json.loads(path.read_text())
    edit(tree)
    path.write_text(json.dumps(tree, indent=1) + "\n")
    with pytest.raises(UserError, match=r"manifest\.json: not a manifest.*remove"):
        Dataset(folder)


@pytest.mark.parametrize("count", [0, 256])
def test_more_factors_than_a_byte_holds_are_refused_as_such(count: int) -> None:
    with pytest.raises(ValueError, match=f"^{count} factors"):
        replace(make_header(), factors=tuple(map(str, range(count))))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 10**5, b"{}" * 2])
def test_a_file_that_is_no_manifest_is_refused(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(UserError, match=r"manifest\.json: not a manifest"):
        Manifest.load(folder)


def test_a_shard_is_no_data_set(folder: Path) -> None:
    with pytest.raises(UserError, match=r"0\.h5: not a folder; name the one that holds manifest"):
        Dataset(folder / "test-00000.h5")


@pytest.mark.parametrize("name", ["nothing", "nul\0"])
def test_no_data_set_says_how_to_make_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no data set here.*generate"):
        Dataset(tmp_path / name)
