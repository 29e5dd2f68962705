"""The manifest of a data set: what its shards have in common, and what each must contain.

It is written last, so a folder with a manifest holds a finished data set. Its content is a pure
function of the configuration: no times, no host, no paths.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin

from facegen.errors import UserError, one_line
from facegen.files import write_atomic
from facegen.latents import FACTORS, GROUP_SIZE, LATENTS
from facegen.scene import SPLITS, Variables, latents_of

SCHEMA = 2
MANIFEST = "manifest.json"
_NAMES = ("identity_names", "expression_names")
MAX_BYTES = 64 * 2**20
"""No manifest is larger; a bound on what is read from a stranger's file."""


@dataclass(frozen=True)
class Header:
    """What all shards of a data set have in common.

    size: height and width of every image, pixels.
    identity_size, expression_size: coefficients of a sample; faces without the latter are neutral.
    expression_signed: whether expressions are drawn as normals; otherwise as weights 0..1.
    seed: what all draws depend on, 0 to 2**63 - 1. generator: the program and version that drew.
    config: every setting that the images depend on, as JSON can hold it.
    face_model, fingerprint, licence: the face model's name, content hash and terms.
    identity_names, expression_names: what each coefficient stands for; none where nobody knows.
    group_size: images in a mini-batch.
    factors: names that factor_id indexes.
    labels, units, low, high, positive: the label columns, their units, their ranges, and what the
        viewer sees when the value grows.
    """

    size: int
    identity_size: int
    seed: int
    generator: str
    config: dict[str, Any] = field(default_factory=dict)
    face_model: str = "none"
    fingerprint: str = ""
    licence: str = ""
    expression_size: int = 0
    expression_signed: bool = False
    identity_names: tuple[str, ...] = ()
    expression_names: tuple[str, ...] = ()
    group_size: int = GROUP_SIZE
    factors: tuple[str, ...] = FACTORS
    labels: tuple[str, ...] = tuple(latent.name for latent in LATENTS)
    units: tuple[str, ...] = tuple(latent.unit for latent in LATENTS)
    low: tuple[float, ...] = tuple(latent.low for latent in LATENTS)
    high: tuple[float, ...] = tuple(latent.high for latent in LATENTS)
    positive: tuple[str, ...] = tuple(latent.positive for latent in LATENTS)

    def __post_init__(self) -> None:
        """Raise ValueError unless a data set can be like this."""
        _check_types(self)
        if not (0 < self.size <= 4096 and 0 < self.group_size <= 4096):
            raise ValueError(f"size {self.size} and group_size {self.group_size} must be 1 to 4096")
        sizes = (self.identity_size, self.expression_size)
        if not (0 < sizes[0] <= 65536 and 0 <= sizes[1] <= 65536 and 0 <= self.seed < 2**63):
            raise ValueError(f"coefficients {sizes} or seed {self.seed} out of range")
        names = (self.identity_names, self.expression_names)
        if any(named and len(named) != size for named, size in zip(names, sizes, strict=True)):
            raise ValueError(f"{tuple(map(len, names))} names of {sizes} coefficients")
        columns = {len(x) for x in (self.labels, self.units, self.low, self.high, self.positive)}
        if columns != {len(self.labels)}:
            raise ValueError("labels, units, low, high and positive differ in length")
        if not 0 < len(self.factors) < 256:
            raise ValueError(f"{len(self.factors)} factors; a byte can tell 1 to 255 apart")
        if not all(map(math.isfinite, self.low + self.high)):
            raise ValueError("low and high must be finite")

    @property
    def variables(self) -> Variables:
        """What its mini-batches draw."""
        return Variables(
            self.identity_size,
            self.expression_size,
            self.expression_signed,
            self.factors,
            latents_of(self.factors),
        )

    @property
    def colour(self) -> bool:
        """Whether images are RGB; gray otherwise."""
        return self.config.get("colour") is True

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of one image: (height, width), or (height, width, 3) in colour."""
        return (self.size, self.size, 3) if self.colour else (self.size, self.size)

    @property
    def truth(self) -> bool:
        """Whether the shards keep the columns of facegen.truth_columns beside the images."""
        return self.config.get("truth") is True


@dataclass(frozen=True)
class Slot:
    """The place of a shard: mini-batches [first_group, first_group + groups) of its split."""

    split: str
    number: int
    first_group: int
    groups: int

    def __post_init__(self) -> None:
        """Raise ValueError unless every field has its type."""
        _check_types(self)

    def rendered_together(self, group: int, kinds: int) -> range:
        """The mini-batches rendered in one go with this one: one of every kind, from the first on.

        People who are decoded together cost a third of what they do alone.
        """
        end = self.first_group + self.groups
        start = group - (group - self.first_group) % kinds
        return range(start, min(start + kinds, end))

    @property
    def file(self) -> str:
        """The shard's file name."""
        return f"{self.split}-{self.number:05d}.h5"


@dataclass(frozen=True)
class Entry(Slot):
    """A finished shard: its length in bytes, SHA-256 of the file and of the decoded pixels."""

    bytes: int
    sha256: str
    pixels_sha256: str


@dataclass(frozen=True)
class Manifest:
    """A finished data set; entries stand in the order of SPLITS, then of their number."""

    header: Header
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless the entries cover every split from mini-batch 0 without gaps."""
        done = dict.fromkeys(SPLITS, (0, 0))
        for entry in self.entries:
            if entry.split not in done or (entry.number, entry.first_group) != done[entry.split]:
                raise ValueError(f"{entry.file} is unexpected, missing or listed twice")
            if entry.groups <= 0:
                raise ValueError(f"{entry.file} has {entry.groups} mini-batches")
            done[entry.split] = (entry.number + 1, entry.first_group + entry.groups)

    def dumps(self) -> str:
        """The manifest's text, the same for equal manifests."""
        shards = [{"file": entry.file, **asdict(entry)} for entry in self.entries]
        header = asdict(self.header)
        # Data sets from before there were names have none.
        for name in _NAMES:
            if not header[name]:
                del header[name]
        tree = {"schema": SCHEMA, **header, "shards": shards}
        return json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def loads(cls, text: str) -> "Manifest":
        """The inverse of dumps; raises ValueError, KeyError or TypeError on any other text."""
        tree = json.loads(text)
        if tree["schema"] != SCHEMA:
            raise ValueError(f"schema {tree['schema']!r}, and this program reads {SCHEMA}")
        del tree["schema"]
        shards = [{k: v for k, v in shard.items() if k != "file"} for shard in tree.pop("shards")]
        lists = {k: tuple(v) for k, v in tree.items() if isinstance(v, list)}
        manifest = cls(Header(**{**tree, **lists}), tuple(Entry(**shard) for shard in shards))
        # Whatever the types let through (a float for an int, another file name) shows here.
        if manifest.dumps() != text:
            raise ValueError("edited, or written by another version")
        return manifest

    def save(self, folder: Path) -> None:
        """Write the manifest into the folder, atomically."""
        write_atomic(folder / MANIFEST, self.dumps().encode())

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read a folder's manifest.

        Raises UserError when there is none, or when it is not one that this program wrote.
        """
        path = folder / MANIFEST
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder}: not a folder; name the one that holds {MANIFEST}")
        if not path.is_file():
            raise UserError(
                f"{folder}: no data set here (no {MANIFEST}); make one with "
                f"`python cli.py generate --preset small --out {folder}`"
            )
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError(f"{path.stat().st_size:,} bytes")
            return cls.loads(path.read_bytes().decode())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{path}: not a manifest that this program wrote ({one_line(error)}); copy the "
                "data set anew, or remove the manifest and run the same `generate` command again"
            ) from error

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that differ between data sets."""
        return hashlib.sha256(self.dumps().encode()).hexdigest()[:12]


def _check_types(instance: Header | Slot) -> None:
    """Raise ValueError unless every field has the very type it declares; JSON holds any."""
    for item in fields(instance):
        value, kind = getattr(instance, item.name), get_origin(item.type) or item.type
        members = value if kind is tuple else ()
        if type(value) is not kind or any(type(x) is not get_args(item.type)[0] for x in members):
            raise ValueError(f"{item.name} is {value!r}")
