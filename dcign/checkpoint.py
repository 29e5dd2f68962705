"""Checkpoints: weights and optimiser as safetensors, the rest as JSON, every byte under a SHA-256.

A run's folder holds config.json (the configuration and the data set) and, for the newest steps,
step-N.safetensors and step-N.json. The JSON is written last and holds the digest of the tensors and
of itself, so a checkpoint is either whole or not there. No pickles are read or written.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dcign.config import TrainConfig
from dcign.models.network import Network
from dcign.settings import CONFIG, Precision, Settings, load_settings
from facegen.errors import UserError
from facegen.files import write_atomic

SCHEMA = 1
KEPT = 2
"""Checkpoints kept of a run: the newest, and one in case that is damaged."""

Tensors = dict[str, Tensor]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run behind a step.

    step: updates done. weights: the network's. optimiser: `parameter/moment`.
    """

    step: int
    settings: Settings
    weights: Tensors
    optimiser: Tensors


@dataclass(frozen=True)
class Run:
    """A trained network, as evaluation and sweeps take it.

    network: in evaluation mode, frozen; on the CPU, as load_run gives it. step: updates that made
        it.
    data_path, data_fingerprint: the data set it was trained on. precision, continued_from: see
        Settings.
    """

    network: Network
    config: TrainConfig
    step: int
    path: Path
    data_path: str
    data_fingerprint: str
    precision: Precision | None
    continued_from: tuple[int, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where its network is now."""
        return next(self.network.parameters()).device


def load_run(path: str | Path) -> Run:
    """The newest sound checkpoint of the run in a folder.

    Raises UserError when there is no run, or none of its checkpoints can be trusted.
    """
    folder = Path(path)
    settings = load_settings(folder)
    if settings is None:
        raise UserError(f"{folder}: no run here (no {CONFIG}); `python cli.py train` makes one")
    found = load_newest(folder, settings)
    if found is None:
        raise UserError(
            f"{folder}: this run has no checkpoint yet; if it trains, wait a minute, or else "
            "repeat the command that began it"
        )
    network = Network(settings.config.network)
    network.load_state_dict(found.weights)
    network.eval().requires_grad_(False)
    kept = found.settings
    return Run(
        network=network,
        config=kept.config,
        step=found.step,
        path=folder,
        data_path=settings.data_path,
        data_fingerprint=kept.data_fingerprint,
        precision=kept.precision,
        continued_from=kept.continued_from,
    )


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically, then remove all but the newest KEPT; raises OSError."""
    stem = folder / f"step-{checkpoint.step:08d}"
    tensors = {f"weights/{name}": tensor for name, tensor in checkpoint.weights.items()}
    tensors |= {f"optimiser/{name}": tensor for name, tensor in checkpoint.optimiser.items()}
    data = save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
    state = {
        "schema": SCHEMA,
        "step": checkpoint.step,
        "settings": checkpoint.settings.to_json(),
        "tensors_sha256": hashlib.sha256(data).hexdigest(),
    }
    write_atomic(stem.with_suffix(".safetensors"), data)
    write_atomic(stem.with_suffix(".json"), sealed(state).encode())
    # What is newer than this one was passed over as damaged. The JSON goes first: without it the
    # tensors are no checkpoint.
    states = sorted(folder.glob("step-*.json"))
    here = states.index(stem.with_suffix(".json"))
    for old in states[: max(0, here + 1 - KEPT)] + states[here + 1 :]:
        old.unlink(missing_ok=True)
    for tensor_file in folder.glob("step-*.safetensors"):
        if not tensor_file.with_suffix(".json").exists():
            tensor_file.unlink(missing_ok=True)


def load_newest(folder: Path, settings: Settings) -> Checkpoint | None:
    """The newest sound checkpoint in a run's folder; None when none was ever finished.

    A damaged one is passed over with a warning. Raises UserError when all are damaged, or when one
    belongs to another run than settings say.
    """
    complaints = []
    for path in sorted(folder.glob("step-*.json"), reverse=True):
        try:
            found = _load(path)
        except PermissionError:
            # Not damaged: going on from an older one would remove it.
            raise
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, UserError) as error:
            complaints.append(f"{path}: damaged ({' '.join(str(error).split())[:100]})")
            continue
        _check_belongs(path, found, settings)
        for complaint in complaints:
            log.warning("%s; taking that of step %d", complaint, found.step)
        return found
    if complaints:
        raise UserError(
            f"{complaints[0]}, and no older one is sound; remove {folder} and train again"
        )
    return None


def _load(path: Path) -> Checkpoint:
    """Read a checkpoint; raises many things when it is damaged."""
    state = unsealed(path.read_text(encoding="utf-8"))
    if state["schema"] != SCHEMA or path.stem != f"step-{state['step']:08d}":
        raise ValueError("another version's, or renamed")
    data = path.with_suffix(".safetensors").read_bytes()
    if hashlib.sha256(data).hexdigest() != state["tensors_sha256"]:
        raise ValueError(f"the checksum of {path.stem}.safetensors is wrong")
    parts: dict[str, Tensors] = {"weights": {}, "optimiser": {}}
    for name, tensor in load(data).items():
        part, _, rest = name.partition("/")
        parts[part][rest] = tensor
    settings = Settings.from_json(state["settings"])
    return Checkpoint(state["step"], settings, parts["weights"], parts["optimiser"])


def _check_belongs(path: Path, found: Checkpoint, settings: Settings) -> None:
    """Raise UserError unless a checkpoint is one of this run."""
    if not found.settings.same_run(settings):
        raise UserError(
            f"{path}: of another run, with {found.settings.difference(settings)} as {CONFIG} "
            "beside it says; restore that, or put this back where it came from"
        )
    with torch.device("meta"):
        expected = Network(settings.config.network).state_dict()
    if {k: v.shape for k, v in expected.items()} != {k: v.shape for k, v in found.weights.items()}:
        raise UserError(
            f"{path}: weights of another network than {CONFIG} beside it describes; remove it, or "
            "put it back where it came from"
        )


def sealed(state: dict[str, Any]) -> str:
    """JSON with the digest of the rest as its last field."""
    return json.dumps({**state, "sha256": _digest(state)}, indent=1) + "\n"


def unsealed(text: str) -> dict[str, Any]:
    """The inverse of sealed; raises ValueError or KeyError when a byte has changed."""
    try:
        state = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(state, dict):
        raise ValueError("no JSON object")
    if state.pop("sha256") != _digest(state):
        raise ValueError("its checksum is wrong")
    return state


def _digest(state: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
