"""Opening a shard with suspicion: nothing is read before its structure is known to be ours.

This finds damage, mix-ups and the known tricks of hostile HDF5 files; HDF5 itself still parses
the file, so it is no promise of safety.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from facegen.errors import UserError, one_line
from facegen.layout import LIBVER, all_shapes, attributes, entry_of
from facegen.manifest import Entry, Header, Slot

_REMEDY = "remove this file and run the same `generate` command again, or copy it anew"


class ForeignShardError(UserError):
    """A sound file that is not the shard called for: another data set's, another place's, or none.

    problem: what is wrong with the file at path, in words.
    """

    def __init__(self, path: Path, problem: str) -> None:
        # With the very arguments, it can be pickled on its way out of a worker.
        super().__init__(path, problem)
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        # Not to remove it: it may be the only copy of something else.
        return (
            f"{self.path}: {self.problem}; move it away and run the same `generate` command again, "
            "or copy the right one"
        )


def bad_shard(path: Path, problem: str) -> UserError:
    """The error for a shard that is not what the data set says."""
    return UserError(f"{path}: {problem}; {_REMEDY}")


@contextlib.contextmanager
def blamed_on(path: Path) -> Iterator[None]:
    """Turn whatever h5py raises on a damaged file into one line that names the file.

    A file that may not be read may be sound: PermissionError, with the path as its filename.
    """
    try:
        yield
    except PermissionError as error:
        raise PermissionError(error.errno, "Permission denied", str(path)) from error
    # h5py has no exception of its own: damage shows as any of these.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise bad_shard(path, f"damaged ({one_line(error)})") from error


def open_shard(folder: Path, header: Header, slot: Slot) -> h5py.File:
    """Open a shard for reading after checking, before any pixel is read, that it is ours.

    Refuses links, external storage, virtual datasets, and names, shapes, types, chunks, filters or
    attributes other than those that header and slot call for. Raises UserError, and more precisely
    ForeignShardError where it is no file, or the attributes are others: their checksums hold, so it
    is no damage; PermissionError where nobody can tell.
    """
    path = folder / slot.file
    status = status_of(path)
    if not stat.S_ISREG(status.st_mode):
        # No damage either: nothing may be rendered over it, and over a folder nothing can be.
        raise ForeignShardError(path, "belongs elsewhere (not a regular file)")
    if isinstance(slot, Entry) and status.st_size != slot.bytes:
        raise bad_shard(path, f"{status.st_size:,} bytes, and the manifest says {slot.bytes:,}")
    with contextlib.ExitStack() as stack:
        stack.enter_context(blamed_on(path))
        file = stack.enter_context(_opened(path))
        _check_attributes(path, file, attributes(header, slot))
        _check_links(path, file, all_shapes(header))
        for name, (dtype, shape) in all_shapes(header).items():
            rows = slot.groups * header.group_size
            problem = _dataset_problem(file[name], dtype, (rows, *shape), header.group_size)
            if problem:
                raise bad_shard(path, f"{name}: {problem}")
        # Sound: it stays open for the caller.
        stack.pop_all()
    return file


def status_of(path: Path) -> os.stat_result:
    """What the system says of a shard's file; UserError and PermissionError as by open_shard."""
    try:
        return path.stat()
    except PermissionError:
        raise
    except OSError as error:
        raise bad_shard(path, error.strerror or "cannot be read") from error


def _opened(path: Path) -> h5py.File:
    try:
        # HDF5's own rule: under two a process opens no file, and users read shards beside us.
        return h5py.File(path, "r", libver=LIBVER, locking="best-effort")
    except OSError:
        # Locks fail on some network file systems, and nobody writes into a finished shard.
        return h5py.File(path, "r", libver=LIBVER, locking=False)


def _check_attributes(path: Path, file: h5py.File, wanted: dict[str, Any]) -> None:
    """Raise unless the attributes are exactly these."""
    # The lengths first, here and below: a hostile file may hold millions of names.
    if len(file.attrs) != len(wanted) or set(file.attrs) != set(wanted):
        problem = "belongs elsewhere (other attributes than this data set calls for)"
        raise ForeignShardError(path, problem)
    for name, value in wanted.items():
        attribute, expected = file.attrs.get_id(name), np.asarray(value)
        same_type = (attribute.dtype, attribute.shape) == (expected.dtype, expected.shape)
        if not same_type or not np.array_equal(file.attrs[name], value):
            problem = f"belongs elsewhere (another {name} than this data set or place calls for)"
            raise ForeignShardError(path, problem)


def _check_links(path: Path, file: h5py.File, names: Collection[str]) -> None:
    """Raise unless the file holds exactly these names, as datasets of its own."""
    if len(file) != len(names) or set(file) != set(names):
        raise bad_shard(path, f"not a shard, which holds just {', '.join(names)}")
    for name in names:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise bad_shard(path, f"{name} is a link to somewhere else")
        if file.get(name, getclass=True) is not h5py.Dataset:
            raise bad_shard(path, f"{name} is not a dataset")


def _dataset_problem(data: h5py.Dataset, dtype: str, shape: tuple[int, ...], group: int) -> str:
    """What is wrong with one dataset, judged without reading its values; empty if nothing is."""
    plist = data.id.get_create_plist()
    if plist.get_layout() != h5py.h5d.CHUNKED or plist.get_external_count():
        return "not kept in chunks of this file (virtual, external or contiguous storage)"
    if data.dtype.str != dtype or data.shape != shape or data.maxshape != shape:
        return f"{data.dtype.str} {data.shape}, and {dtype} {shape} was expected"
    chunk = (group, *shape[1:])
    filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    plain, gzip = [h5py.h5z.FILTER_FLETCHER32], [h5py.h5z.FILTER_DEFLATE]
    if data.chunks != chunk or filters not in (plain, gzip + plain):
        return f"chunks {data.chunks} and filters {filters} are not a shard's"
    chunks = shape[0] // group
    # HDF5 reads a chunk that was never written as zeros.
    if data.id.get_num_chunks() != chunks:
        return "mini-batches are missing"
    # A chunk with more bytes than its values could inflate without a bound.
    raw = int(np.prod(chunk)) * data.dtype.itemsize
    if any(data.id.get_chunk_info(i).size > raw + raw // 1000 + 64 for i in range(chunks)):
        return "a chunk larger than its values"
    return ""


def check_bytes(folder: Path, header: Header, entry: Entry) -> None:
    """Raise UserError unless a shard is, byte for byte, the one in the manifest."""
    path = folder / entry.file
    open_shard(folder, header, entry).close()
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    if digest.hexdigest() != entry.sha256:
        raise bad_shard(path, "damaged (its SHA-256 is not the manifest's)")


def check_content(folder: Path, header: Header, slot: Slot) -> Entry:
    """Decode a whole shard, so that HDF5 checks every checksum, and say what it holds.

    Raises UserError when it is damaged, or is not the shard that slot calls for.
    """
    path = folder / slot.file
    with open_shard(folder, header, slot) as file, blamed_on(path):
        values = {name: file[name][()] for name in all_shapes(header)}
    expected = np.repeat(np.arange(slot.groups) + slot.first_group, header.group_size)
    if not np.array_equal(values["group_id"], expected):
        raise bad_shard(path, "mini-batches out of order")
    if values["factor_id"].max() >= len(header.factors):
        raise bad_shard(path, "a factor_id that has no name")
    if not all(np.isfinite(kept).all() for kept in values.values() if kept.dtype.kind == "f"):
        raise bad_shard(path, "labels or other numbers that are not finite")
    return entry_of(slot, path.read_bytes(), values["images"])
