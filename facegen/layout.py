"""One shard: an HDF5 file of whole mini-batches, built in memory and written in one piece.

Every dataset has one row per image, in chunks of one mini-batch: images (N, H, W) u1, or
(N, H, W, 3) in colour, labels (N, L) f4, factor_id (N,) u1, group_id (N,) i4, identity (N, K) f4,
and expression (N, E) f4 where faces are not neutral. Attributes hold the rest. The files carry no
times and no addresses: equal content gives equal bytes. The truth about the images, if it was asked
for, makes further datasets: see facegen.truth_columns.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from facegen.files import write_atomic
from facegen.manifest import SCHEMA, Entry, Header, Slot
from facegen.presets import COMPRESSIONS
from facegen.truth_columns import COLUMNS, PARTS

GZIP_LEVEL = 1
LIBVER = ("v110", "v110")
"""File format of HDF5 1.10: its metadata carry checksums, as fletcher32 does for the chunks."""


@dataclass(frozen=True)
class Groups:
    """Mini-batches; in each, one factor varies.

    images (group, sample, height, width): gray, 0 to 255; in colour with a last axis, RGB.
    labels (group, sample, latent): true values, columns and units as the data set's header says.
    factor_id (group,): index into the header's factors.
    group_id (group,): the mini-batch's number within its split.
    identity, expression (group, sample, mode): the face model's coefficients.
    truth: by column (group, sample, ...), if the data set keeps it and it was read.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.float32]
    factor_id: NDArray[np.uint8]
    group_id: NDArray[np.int32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    truth: dict[str, NDArray[Any]] = field(default_factory=dict)


def row_shapes(header: Header) -> dict[str, tuple[str, tuple[int, ...]]]:
    """For each dataset, but those of the truth, its type and the shape of one row."""
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {
        "images": ("|u1", header.image_shape),
        "labels": ("<f4", (len(header.labels),)),
        "factor_id": ("|u1", ()),
        "group_id": ("<i4", ()),
        "identity": ("<f4", (header.identity_size,)),
    }
    if header.expression_size:
        shapes["expression"] = ("<f4", (header.expression_size,))
    return shapes


def truth_shapes(header: Header) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The same for the datasets of the truth; none if the data set keeps none."""
    columns = COLUMNS if header.truth else ()
    return {column.name: (column.dtype, column.row_shape(header.size)) for column in columns}


def all_shapes(header: Header) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The same for every dataset of a shard."""
    return {**row_shapes(header), **truth_shapes(header)}


def attributes(header: Header, slot: Slot) -> dict[str, Any]:
    """A shard's attributes: everything needed to read it without the manifest."""
    config = json.dumps(header.config, sort_keys=True, ensure_ascii=False)
    names = {"identity_names": header.identity_names, "expression_names": header.expression_names}
    known = {name: _text(given) for name, given in names.items() if given}
    if header.truth:
        known["part_names"] = _text(PARTS)
    return {
        **known,
        "schema": np.int64(SCHEMA),
        "generator": _text(header.generator),
        "split": _text(slot.split),
        "shard": np.int64(slot.number),
        "first_group": np.int64(slot.first_group),
        "group_size": np.int64(header.group_size),
        "seed": np.int64(header.seed),
        "factors": _text(header.factors),
        "labels": _text(header.labels),
        "units": _text(header.units),
        "low": np.array(header.low, dtype="<f8"),
        "high": np.array(header.high, dtype="<f8"),
        "positive": _text(header.positive),
        "config": _text(config),
        "face_model": _text(header.face_model),
        "face_model_fingerprint": _text(header.fingerprint),
        "face_model_licence": _text(header.licence),
    }


def _text(value: str | tuple[str, ...]) -> NDArray[np.bytes_]:
    """A text, or several, as UTF-8 of a fixed length.

    HDF5 keeps text of variable length in the one structure that has no checksum: a flipped bit
    there can make it loop for ever.
    """
    coded = np.char.encode(np.array(value), "utf-8")
    return coded.astype(h5py.string_dtype("utf-8", max(1, coded.itemsize)))


def pack(header: Header, slot: Slot, groups: Groups, compression: str = "none") -> bytes:
    """The bytes of a shard. It is built in memory, since h5py crashes on a full disk."""
    assert compression in COMPRESSIONS
    rows = slot.groups * header.group_size
    with h5py.File(
        "shard", "w", driver="core", backing_store=False, block_size=2**22, libver=LIBVER
    ) as file:
        for name, (dtype, shape) in all_shapes(header).items():
            data = groups.truth[name] if name in groups.truth else getattr(groups, name)
            if name in ("factor_id", "group_id"):
                data = np.repeat(data, header.group_size)
            assert (data.dtype.str, data.size) == (dtype, rows * int(np.prod(shape))), name
            file.create_dataset(
                name,
                data=data.reshape(rows, *shape),
                chunks=(header.group_size, *shape),
                compression=GZIP_LEVEL if compression == "gzip" else None,
                fletcher32=True,
                track_times=False,
            )
        for column in COLUMNS if header.truth else ():
            file[column.name].attrs["unit"] = _text(column.unit)
        for name, value in attributes(header, slot).items():
            file.attrs[name] = value
        file.flush()
        return bytes(file.id.get_file_image())


def max_bytes(header: Header, slot: Slot) -> int:
    """The most room that a shard takes, compressed or not, bytes."""
    shapes = all_shapes(header).values()
    row = sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in shapes)
    known = sum(np.asarray(value).nbytes for value in attributes(header, slot).values())
    # 2**10 bytes a mini-batch and 2**14 a shard hold checksums and indices.
    return slot.groups * (header.group_size * row + 2**10) + 2**14 + known


def write_shard(
    folder: Path, header: Header, slot: Slot, groups: Groups, compression: str = "none"
) -> Entry:
    """Write a shard atomically and say what was written; raises OSError."""
    expected = np.arange(slot.first_group, slot.first_group + slot.groups)
    assert np.array_equal(groups.group_id, expected), "a shard holds consecutive mini-batches"
    assert np.isfinite(groups.labels).all(), "labels are finite"
    assert np.isfinite(groups.identity).all(), "identity coefficients are finite"
    assert np.isfinite(groups.expression).all(), "expression coefficients are finite"
    data = pack(header, slot, groups, compression)
    # Sums are made while the disk is waited for.
    with ThreadPoolExecutor(max_workers=1) as beside:
        entry = beside.submit(entry_of, slot, data, groups.images)
        write_atomic(folder / slot.file, data)
        return entry.result()


def entry_of(slot: Slot, data: bytes, images: NDArray[np.uint8]) -> Entry:
    """The manifest's entry for a shard with these bytes and these decoded pixels."""
    return Entry(
        slot.split,
        slot.number,
        slot.first_group,
        slot.groups,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        pixels_sha256=hashlib.sha256(np.ascontiguousarray(images).data).hexdigest(),
    )
