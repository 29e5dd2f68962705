"""Rendering a data set: every shard is a pure function of (configuration, face model, number).

Shards that are there and sound are kept, so running the same generation again resumes it.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import facegen
from facegen.errors import UserError
from facegen.files import locked, remove_partial
from facegen.guard import ForeignShardError, open_shard
from facegen.latents import EXPRESSION
from facegen.layout import max_bytes
from facegen.maker import Maker, OpenSource, Shard, Source, open_source
from facegen.manifest import MANIFEST, Entry, Header, Manifest, Slot
from facegen.pool import map_unordered
from facegen.presets import GenerateConfig
from facegen.scene import SPLITS, latents_of

_FOLLOW = ("identity_size", "identity_names", "expression_names", "per_shard")
"""Settings that follow from others, which say better what differs."""

_IN_WORDS = {"fingerprint": "face model's fingerprint"}


def cpus() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slots(config: GenerateConfig) -> tuple[Slot, ...]:
    """The shards of a data set, in the manifest's order."""
    found = []
    for split, kind in zip(SPLITS, (config.train, config.test), strict=True):
        groups = kind * len(config.factors)
        for number, first in enumerate(range(0, groups, config.per_shard)):
            found.append(Slot(split, number, first, min(config.per_shard, groups - first)))
    return tuple(found)


def header_of(config: GenerateConfig, source: Source) -> Header:
    """What all shards of a data set have in common.

    Raises UserError when the face model cannot do what is asked for.
    """
    latents = latents_of(config.factors)
    expressive = EXPRESSION in config.factors
    if expressive and not source.model.expression_names:
        raise UserError(
            f"the face model {source.model.name!r} has no expressions; take another "
            f"--face-model, or leave {EXPRESSION} out"
        )
    return Header(
        size=config.size,
        identity_size=source.model.identity_size,
        seed=config.seed,
        expression_size=len(source.model.expression_names) if expressive else 0,
        expression_signed=expressive and source.model.expression_signed,
        identity_names=source.model.identity_names,
        expression_names=source.model.expression_names if expressive else (),
        factors=config.factors,
        labels=tuple(latent.name for latent in latents),
        units=tuple(latent.unit for latent in latents),
        low=tuple(latent.low for latent in latents),
        high=tuple(latent.high for latent in latents),
        positive=tuple(latent.positive for latent in latents),
        generator=f"facegen {facegen.__version__}",
        # As a reader will see it: JSON turns tuples into lists.
        config=json.loads(json.dumps({**asdict(config), "render": source.settings})),
        face_model=source.model.name,
        fingerprint=source.model.fingerprint,
        licence=source.model.licence,
    )


class Generation:
    """The work of making a data set: iterate over its shards as they get done; it has a length.

    When the iteration ends, the data set is whole and its manifest written. Left early, or killed,
    it keeps the finished shards. Iterating raises OSError (a full disk) and UserError (no room,
    another writer in the folder, a worker that died).
    """

    def __init__(
        self,
        config: GenerateConfig,
        out: Path,
        model_path: Path | None = None,
        workers: int | None = None,
        open_source: OpenSource = open_source,
    ) -> None:
        """Load the face model and inspect the folder; nothing is written yet.

        workers: processes, each with one thread; None takes a processor each.
        Raises UserError when the folder holds anything of another data set.
        """
        source = open_source(config, model_path)
        self.out = out
        self.slots = slots(config)
        self.header = header_of(config, source)
        self.workers = workers or cpus()
        self.maker = Maker(config, self.header, out, model_path, open_source)
        self._known()

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def images(self) -> int:
        """Images in the whole data set."""
        return self.header.group_size * sum(slot.groups for slot in self.slots)

    def missing(self) -> list[Slot]:
        """The shards that are not there yet."""
        return [slot for slot in self.slots if not (self.out / slot.file).exists()]

    def bytes_needed(self) -> int:
        """Room that the missing shards take at most, bytes."""
        return sum(max_bytes(self.header, slot) for slot in self.missing())

    def seconds_needed(self) -> float:
        """The rendering time of the missing shards, judged by one mini-batch of each kind, seconds.

        Takes some seconds itself, unless nothing is missing.
        """
        missing = self.missing()
        if not missing:
            return 0.0
        kinds = len(self.header.factors)
        (each,) = map_unordered(self.maker.seconds, [Slot(SPLITS[0], 0, 0, kinds)], workers=1)
        groups = sum(slot.groups for slot in missing)
        return each / kinds * groups / min(self.workers, cpus(), len(missing))

    def check_room(self) -> None:
        """Raise UserError when the missing shards do not fit on the disk."""
        parent = next(p for p in (self.out, *self.out.absolute().parents) if p.exists())
        needed, free = self.bytes_needed(), shutil.disk_usage(parent).free
        if needed > free:
            # Rounded apart: the numbers differ however little is lacking.
            raise UserError(
                f"{self.out}: the data set needs {-(-needed // 10**6):,} MB and "
                f"{free // 10**6:,} MB are free; choose another --out or a smaller --preset"
            )

    def __iter__(self) -> Generator[Shard, None, None]:
        self.out.mkdir(parents=True, exist_ok=True)
        with locked(self.out):
            remove_partial(self.out)
            known = self._known()
            self.check_room()
            tasks = [(slot, known.get(slot.file)) for slot in self.slots]
            entries = {}
            try:
                shards = map_unordered(self.maker.make, tasks, self.workers)
                with contextlib.closing(shards):
                    for shard in shards:
                        entries[shard.entry.file] = shard.entry
                        yield shard
            finally:
                remove_partial(self.out)
            if entries != known:
                ordered = tuple(entries[slot.file] for slot in self.slots)
                Manifest(self.header, ordered).save(self.out)

    def _known(self) -> dict[str, Entry]:
        """What _listed says of a folder in which all shards are this data set's, or damaged.

        Raises UserError when the folder holds anything of another data set.
        """
        if self.out.exists() and not self.out.is_dir():
            raise UserError(f"{self.out}: not a folder; choose another --out")
        # First, because a manifest says in plain words what differs.
        entries = self._listed()
        foreign, ours = [], len(entries)
        for slot in self.slots:
            if (self.out / slot.file).exists():
                try:
                    open_shard(self.out, self.header, slot).close()
                    ours += 1
                except ForeignShardError as error:
                    foreign.append(error)
                except UserError:
                    # Damaged, so it will be rendered again.
                    continue
        strangers = {path.name for path in self.out.glob("*.h5")} - {s.file for s in self.slots}
        foreign += [
            ForeignShardError(self.out / name, "belongs elsewhere (not part of what was asked for)")
            for name in sorted(strangers)
        ]
        if foreign and ours:
            # The folder is this data set's, but for some files.
            raise foreign[0]
        if foreign:
            raise _foreign(self.out, f"{foreign[0].path.name} {foreign[0].problem}")
        return entries

    def _listed(self) -> dict[str, Entry]:
        """The entries of the folder's manifest by file name; none while there is no manifest.

        Raises UserError when it is another data set's.
        """
        if not (self.out / MANIFEST).exists():
            return {}
        manifest = Manifest.load(self.out)
        difference = _difference(asdict(self.header), asdict(manifest.header))
        if difference:
            raise _foreign(self.out, difference)
        return {entry.file: entry for entry in manifest.entries}


def _foreign(folder: Path, why: str) -> UserError:
    return UserError(
        f"{folder}: holds another data set ({why}); choose another --out, or remove the folder"
    )


def _difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """The first setting that differs, in words; empty when none does."""
    for key in sorted({**ours, **theirs}, key=_FOLLOW.__contains__):
        mine, other = ours.get(key), theirs.get(key)
        if isinstance(mine, dict) and isinstance(other, dict):
            if inner := _difference(mine, other):
                return inner
        elif mine != other:
            name = _IN_WORDS.get(key, key)
            return f"its {name} is {other!r}, and {mine!r} was asked for"
    return ""
