"""The configuration and the data set of a run, kept in its folder as config.json."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from dcign.config import TrainConfig
from facegen.errors import UserError, one_line
from facegen.files import write_atomic

CONFIG = "config.json"

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Settings:
    """What a run is made from; config.json.

    data_path: the data set's folder, data_fingerprint: its content's (facegen.shards.Dataset).
    precision: what the network runs in; the machine that begins a training chooses it, and those
        that go on with it keep to it. None: not known yet, or of a version that did not say.
    continued_from: the numbers of steps that it was trained with before config.steps, the oldest
        first. The learning rate's decay and the divergence's weight went by them.
    """

    config: TrainConfig
    data_path: str
    data_fingerprint: str
    precision: Precision | None = None
    continued_from: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "config": self.config.to_json(),
            "data_path": self.data_path,
            "data_fingerprint": self.data_fingerprint,
            "precision": self.precision,
            "continued_from": list(self.continued_from),
        }

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> "Settings":
        """The inverse of to_json; raises KeyError, TypeError or UserError on anything else."""
        config = TrainConfig.from_json(tree["config"])
        before = tuple(int(steps) for steps in tree.get("continued_from", ()))
        precision = tree.get("precision")
        if precision not in (None, *get_args(Precision)):
            raise ValueError(f"precision {precision!r}")
        data = str(tree["data_path"]), str(tree["data_fingerprint"])
        return cls(config, *data, precision, before)

    def continuing(self, before: "Settings") -> "Settings":
        """These, for training on from weights that `before` made."""
        steps = before.config.steps
        changed = (steps,) if steps != self.config.steps else ()
        precision = before.precision or self.precision
        return replace(self, precision=precision, continued_from=before.continued_from + changed)

    def same_run(self, other: "Settings") -> bool:
        """Whether both make the same weights, apart from how long they train."""
        config = replace(other.config, steps=self.config.steps)
        return (self.config, self.data_fingerprint) == (config, other.data_fingerprint)

    def difference(self, other: "Settings") -> str:
        """The first thing that keeps two runs apart, in words: what these have, not the other."""
        if self.data_fingerprint != other.data_fingerprint:
            return (
                f"data set {self.data_path} ({self.data_fingerprint}), not {other.data_path} "
                f"({other.data_fingerprint})"
            )
        ours, theirs = _flat(self.config), _flat(replace(other.config, steps=self.config.steps))
        name = next(name for name in ours if ours[name] != theirs.get(name))
        return f"{name} {ours[name]}, not {theirs.get(name)}"


def _flat(config: TrainConfig) -> dict[str, Any]:
    """A configuration's fields, the network's and the method's options among them."""
    tree = config.to_json()
    network, options = tree.pop("network"), tree.pop("method")
    return {"method": options.pop("name"), **tree, **network, **options}


def load_settings(folder: Path) -> Settings | None:
    """A run's config.json, None when there is none; raises UserError when it is not ours."""
    path = folder / CONFIG
    if not path.is_file():
        return None
    try:
        return Settings.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise UserError(
            f"{path}: not the configuration of a run, or another version's ({one_line(error)}); "
            "restore it, or train under another --run"
        ) from error


def save_settings(folder: Path, settings: Settings) -> None:
    """Write config.json; raises OSError."""
    text = json.dumps(settings.to_json(), indent=1) + "\n"
    write_atomic(folder / CONFIG, text.encode())
