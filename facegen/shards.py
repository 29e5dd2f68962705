"""A data set on disk, as its readers see it: a folder of HDF5 shards and a manifest.

`Dataset` reads mini-batches by number; `Verification` checks every byte; `write_shard` and
`write_manifest` make a data set without any renderer.
"""

import itertools
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.guard import bad_shard, blamed_on, check_bytes, check_content, open_shard, status_of
from facegen.layout import Groups, row_shapes, truth_shapes, write_shard
from facegen.manifest import MANIFEST, Entry, Header, Manifest, Slot
from facegen.minibatches import MiniBatches

__all__ = [
    "MANIFEST",
    "Dataset",
    "Entry",
    "Groups",
    "Header",
    "Manifest",
    "Slot",
    "Verification",
    "write_manifest",
    "write_shard",
]

MAX_OPEN = 128
"""Shards kept open by one Dataset; the least recently used is closed first."""


class Dataset(MiniBatches):
    """A finished data set, read by mini-batch.

    Opening it reads the manifest and asks for each shard's length, nothing more. Shards are opened
    when first needed, checked by `open_shard`, and never shared with a forked or spawned process,
    so a Dataset may be pickled and used on both sides. path is the folder.
    """

    def __init__(self, path: str | Path) -> None:
        """Raise UserError when there is no whole data set at path."""
        self.manifest = Manifest.load(Path(path))
        super().__init__(Path(path), self.manifest.header, self.manifest.fingerprint)
        self._entries: dict[str, list[Entry]] = {}
        for entry in self.manifest.entries:
            self._entries.setdefault(entry.split, []).append(entry)
            _check_length(self.path, entry)
        self._files: OrderedDict[str, h5py.File] = OrderedDict()
        self._owner = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the open files."""
        return {**self.__dict__, "_files": OrderedDict()}

    def group_count(self, split: str) -> int:
        """Mini-batches in a split; 0 when the data set has none of it."""
        entries = self._entries.get(split)
        return entries[-1].first_group + entries[-1].groups if entries else 0

    def factor_ids(self, split: str) -> NDArray[np.uint8]:
        """The factor that varies in each mini-batch (group,), without reading pixels."""
        ids = [np.empty(0, dtype=np.uint8)]
        for entry in self._entries.get(split, []):
            file = self._open(entry)
            with blamed_on(self.path / entry.file):
                ids.append(file["factor_id"][()][:: self.group_size])
        return np.concatenate(ids)

    def rendered_together(self, split: str, group: int) -> range:
        """The mini-batches that were rendered in one go with this one, itself among them.

        What people look like depends in the last bits on who is decoded with them.
        """
        entries = (e for e in self._entries[split] if e.first_group + e.groups > group)
        return next(entries).rendered_together(group, len(self.factors))

    def read(self, split: str, groups: Sequence[int] | NDArray[np.integer[Any]]) -> Groups:
        """The mini-batches with these numbers, in the order asked for.

        Raises UserError when a shard is damaged, IndexError when a number is out of range.
        """
        wanted = np.asarray(groups, dtype=np.int64).reshape(-1)
        count, rows = len(wanted), len(wanted) * self.group_size
        flat = self._fetch(split, wanted, row_shapes(self.manifest.header))
        split_rows = (count, self.group_size)
        coefficients = flat.get("expression", np.empty((rows, 0), dtype=np.float32))
        return Groups(
            images=flat["images"].reshape(*split_rows, *self.header.image_shape),
            labels=flat["labels"].reshape(*split_rows, len(self.labels)),
            factor_id=flat["factor_id"][:: self.group_size].copy(),
            group_id=flat["group_id"][:: self.group_size].copy(),
            identity=flat["identity"].reshape(*split_rows, self.identity_size),
            expression=coefficients.reshape(*split_rows, self.expression_size),
        )

    def read_truth(
        self, split: str, groups: Sequence[int] | NDArray[np.integer[Any]]
    ) -> dict[str, NDArray[Any]]:
        """The truth about mini-batches, by column (group, sample, ...) of facegen.truth_columns.

        Raises as read does, and UserError when the data set keeps none.
        """
        header = self.manifest.header
        if not header.truth:
            raise UserError(f"{self.path}: keeps no truth; `generate --truth` makes one that does")
        wanted = np.asarray(groups, dtype=np.int64).reshape(-1)
        shapes = {"group_id": row_shapes(header)["group_id"], **truth_shapes(header)}
        flat = self._fetch(split, wanted, shapes)
        del flat["group_id"]
        split_rows = (len(wanted), self.group_size)
        return {name: kept.reshape(*split_rows, *kept.shape[1:]) for name, kept in flat.items()}

    def _fetch(
        self,
        split: str,
        wanted: NDArray[np.int64],
        shapes: dict[str, tuple[str, tuple[int, ...]]],
    ) -> dict[str, NDArray[Any]]:
        """Whole datasets' rows (image, ...) of the mini-batches wanted, checked."""
        count, rows = len(wanted), len(wanted) * self.group_size
        if count and not (wanted.min() >= 0 and wanted.max() < self.group_count(split)):
            raise IndexError(f"split {split!r} has {self.group_count(split)} mini-batches")
        flat = {name: np.empty((rows, *shape), dtype) for name, (dtype, shape) in shapes.items()}
        for entry, start, stop in self._runs(split, wanted):
            first = (int(wanted[start]) - entry.first_group) * self.group_size
            target = np.s_[start * self.group_size : stop * self.group_size]
            source = np.s_[first : first + (stop - start) * self.group_size]
            file = self._open(entry)
            with blamed_on(self.path / entry.file):
                for name, values in flat.items():
                    file[name].read_direct(values, source, target)
            self._check_rows(entry, flat, target, wanted[start:stop])
        return flat

    def _runs(self, split: str, wanted: NDArray[np.int64]) -> Iterator[tuple[Entry, int, int]]:
        """Slices [start, stop) of wanted whose mini-batches follow each other in one shard."""
        entries = self._entries.get(split, [])
        firsts = np.array([entry.first_group for entry in entries], dtype=np.int64)
        shard = np.searchsorted(firsts, wanted, side="right") - 1
        breaks = np.flatnonzero((np.diff(wanted) != 1) | (np.diff(shard) != 0)) + 1
        edges = [0, *breaks.tolist(), len(wanted)] if len(wanted) else []
        for start, stop in itertools.pairwise(edges):
            yield entries[shard[start]], start, stop

    def _check_rows(
        self,
        entry: Entry,
        flat: dict[str, NDArray[Any]],
        rows: slice,
        group_id: NDArray[np.int64],
    ) -> None:
        """Raise UserError when a shard's rows contradict what was asked for."""
        same = np.array_equal(flat["group_id"][rows], np.repeat(group_id, self.group_size))
        known = "factor_id" not in flat or (flat["factor_id"][rows] < len(self.factors)).all()
        numbers = [values[rows] for values in flat.values() if values.dtype.kind == "f"]
        finite = all(np.isfinite(values).all() for values in numbers)
        if not (same and known and finite):
            raise bad_shard(self.path / entry.file, "mini-batches that contradict the manifest")

    def _open(self, entry: Entry) -> h5py.File:
        """The shard's open file in this process."""
        if self._owner != os.getpid():
            # After a fork the parent's handles are not ours to use.
            self._files, self._owner = OrderedDict(), os.getpid()
        if entry.file not in self._files:
            self._files[entry.file] = open_shard(self.path, self.manifest.header, entry)
        self._files.move_to_end(entry.file)
        if len(self._files) > MAX_OPEN:
            self._files.popitem(last=False)[1].close()
        return self._files[entry.file]


def _check_length(folder: Path, entry: Entry) -> None:
    """Raise UserError when a shard is missing or has another length than the manifest says."""
    path = folder / entry.file
    length = status_of(path).st_size
    if length != entry.bytes:
        raise bad_shard(path, f"{length:,} bytes, and the manifest says {entry.bytes:,}")


def write_manifest(folder: Path, header: Header, entries: Sequence[Entry]) -> Manifest:
    """Finish a data set whose shards have all been written."""
    manifest = Manifest(header, tuple(entries))
    manifest.save(folder)
    return manifest


class Verification:
    """Checks every byte of a data set: iterates over (file name, problem), '' when it is sound.

    Has a length. Files that the manifest does not know are reported after the shards.
    """

    def __init__(self, path: str | Path) -> None:
        """Raise UserError when there is no data set at path."""
        self.path = Path(path)
        self.manifest = Manifest.load(self.path)
        known = {entry.file for entry in self.manifest.entries}
        self._strangers = sorted(p.name for p in self.path.glob("*.h5") if p.name not in known)

    def __len__(self) -> int:
        return len(self.manifest.entries) + len(self._strangers)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        header = self.manifest.header
        for entry in self.manifest.entries:
            try:
                check_bytes(self.path, header, entry)
                if check_content(self.path, header, entry) != entry:
                    raise bad_shard(self.path / entry.file, "other pixels than the manifest says")
            except UserError as error:
                yield entry.file, str(error)
            except PermissionError as error:
                yield entry.file, f"{error.filename}: {error.strerror}; check who may read it"
            else:
                yield entry.file, ""
        for name in self._strangers:
            yield name, f"{self.path / name}: not in the manifest; move it away"
