"""Damaged, mixed-up and hostile data sets are refused, never read as if they were right."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from fakes import make_dataset, make_groups, make_header

from facegen.errors import UserError
from facegen.guard import ForeignShardError, check_content, open_shard
from facegen.layout import LIBVER, attributes, row_shapes
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
    refused = 0
    for mutant in _mutations(path.read_bytes(), 400):
        path.write_bytes(mutant)
        try:
            entry = check_content(tmp_path, header, SLOT)
        except UserError:
            refused += 1
        else:
            assert entry.pixels_sha256 == right.pixels_sha256
            with h5py.File(path) as file:
                np.testing.assert_array_equal(file["labels"], groups.labels.reshape(40, 3))
                np.testing.assert_array_equal(file["identity"], groups.identity.reshape(40, 4))
    assert refused > 350


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


Spoil = Callable[[Path, dict[str, Any]], None]
"""Writes a hostile file at a path from the datasets' proper values."""


def _file(path: Path, values: dict[str, Any], without: str) -> h5py.File:
    """A shard that would be right if `without` were added."""
    file = h5py.File(path, "w", libver=LIBVER)
    for name, value in attributes(make_header(8), SLOT).items():
        file.attrs[name] = value
    for name, value in values.items():
        if name != without:
            chunks = (20, *value.shape[1:])
            file.create_dataset(name, data=value, chunks=chunks, fletcher32=True)
    return file


def external_link(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        file["images"] = h5py.ExternalLink("/etc/hostname", "/images")


def soft_link_loop(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        file["images"] = h5py.SoftLink("/images")


def soft_link_to_labels(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "identity") as file:
        file["identity"] = h5py.SoftLink("/labels")


def external_storage(path: Path, values: dict[str, Any]) -> None:
    secret = path.with_name("secret")
    secret.write_bytes(b"s" * values["images"].nbytes)
    with _file(path, values, "images") as file:
        file.create_dataset("images", (40, 8, 8), "u1", external=[(str(secret), 0, 2560)])


def virtual_dataset(path: Path, values: dict[str, Any]) -> None:
    layout = h5py.VirtualLayout((40, 8, 8), "u1")
    layout[:] = h5py.VirtualSource("missing.h5", "images", (40, 8, 8))
    with _file(path, values, "images") as file:
        file.create_virtual_dataset("images", layout)


def shape_bomb(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        shape = (10**6, 4000, 4000)
        file.create_dataset("images", shape, "u1", chunks=(20, 8, 8), fletcher32=True)


def chunk_bomb(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        chunks = (40, 8000, 8000)
        file.create_dataset("images", (40, 8, 8), "u1", maxshape=(None,) * 3, chunks=chunks)


def inflating_chunk(path: Path, values: dict[str, Any]) -> None:
    import zlib

    with _file(path, values, "images") as file:
        options = {"chunks": (20, 8, 8), "compression": 1, "fletcher32": True}
        data = file.create_dataset("images", (40, 8, 8), "u1", **options)
        for row in (0, 20):
            data.id.write_direct_chunk((row, 0, 0), zlib.compress(bytes(10**7)))


def wrong_type(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        data = values["images"].astype(np.float32)
        file.create_dataset("images", data=data, chunks=(20, 8, 8), fletcher32=True)


def no_checksums(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        file.create_dataset("images", data=values["images"], chunks=(20, 8, 8))


def contiguous(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        file.create_dataset("images", data=values["images"])


def never_written(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        file.create_dataset("images", (40, 8, 8), "u1", chunks=(20, 8, 8), fletcher32=True)


def a_group(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "images") as file:
        file.create_group("images")


def one_name_more(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "") as file:
        file["more"] = h5py.ExternalLink("/etc/hostname", "/")


def attribute_bomb(path: Path, values: dict[str, Any]) -> None:
    with _file(path, values, "") as file:
        del file.attrs["seed"]
        file.attrs.create("seed", np.zeros(8000, dtype=np.int64))


def text_file(path: Path, values: dict[str, Any]) -> None:
    path.write_text("not a shard")


def foreign_hdf5(path: Path, values: dict[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        file["images"] = values["images"]


def a_folder(path: Path, values: dict[str, Any]) -> None:
    path.mkdir()


HOSTILE: tuple[Spoil, ...] = (
    external_link, soft_link_loop, soft_link_to_labels, external_storage, virtual_dataset,
    shape_bomb, chunk_bomb, inflating_chunk, wrong_type, no_checksums, contiguous, never_written,
    a_group, one_name_more, attribute_bomb, text_file, foreign_hdf5, a_folder,
)  # fmt: skip


@pytest.mark.parametrize("spoil", HOSTILE, ids=lambda spoil: spoil.__name__)
def test_a_hostile_file_is_refused_unread(tmp_path: Path, spoil: Spoil) -> None:
    header, groups = make_header(8), make_groups("train", 0, 2, 8)
    values = {
        name: (np.repeat(value, 20) if name.endswith("_id") else value.reshape(40, *shape))
        for name, (_, shape) in row_shapes(header).items()
        for value in [getattr(groups, name)]
    }
    spoil(tmp_path / SLOT.file, values)
    with pytest.raises(UserError, match=r"train-00000\.h5: .*generate") as caught:
        open_shard(tmp_path, header, SLOT)
    assert "\n" not in str(caught.value)


def test_the_file_that_hostile_ones_start_from_is_sound(tmp_path: Path) -> None:
    header, groups = make_header(8), make_groups("train", 0, 2, 8)
    write_shard(tmp_path, header, SLOT, groups)
    open_shard(tmp_path, header, SLOT).close()


def _edit(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tree: tree.update(changes)


@pytest.mark.parametrize(
    "edit",
    [
        _edit(schema=2),
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


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 10**5, b"{}" * 2])
def test_a_file_that_is_no_manifest_is_refused(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(UserError, match=r"manifest\.json: not a manifest"):
        Manifest.load(folder)


@pytest.mark.parametrize("name", ["nothing", "nul\0"])
def test_no_data_set_says_how_to_make_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no data set here.*generate"):
        Dataset(tmp_path / name)
