"""Hostile HDF5 files are refused before any pixel is read."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from fakes import make_groups, make_header

from facegen.errors import UserError
from facegen.guard import open_shard
from facegen.layout import LIBVER, attributes, row_shapes
from facegen.manifest import Slot
from facegen.shards import write_shard

SLOT = Slot("train", 0, 0, 2)

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
