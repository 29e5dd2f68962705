"""Going on with a run: what its folder holds, and its optimisers' state as named tensors."""

from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from dcign.checkpoint import Checkpoint, Tensors, load_newest
from dcign.settings import CONFIG, Settings, load_settings
from facegen.errors import UserError


def find_checkpoint(folder: Path, settings: Settings) -> Checkpoint | None:
    """Where a run stopped, None for a new one; raises UserError when the folder holds another."""
    known = load_settings(folder)
    if known is None:
        if any(folder.glob("step-*")):
            raise UserError(f"{folder}: checkpoints, but no {CONFIG}; take another --run")
        return None
    if not known.same_run(settings):
        raise UserError(
            f"{folder}: a run with {known.difference(settings)}; take another --run for this one"
        )
    return load_newest(folder, settings)


def optimiser_tensors(network: nn.Module, optimisers: list[Optimizer]) -> Tensors:
    """The optimisers' state, named `parameter/moment`."""
    return {
        f"{name}/{moment}": value
        for name, parameter in network.named_parameters()
        for optimiser in optimisers
        for moment, value in optimiser.state.get(parameter, {}).items()
    }


def load_optimisers(network: nn.Module, optimisers: list[Optimizer], saved: Tensors) -> None:
    """Put saved state beside the parameters."""
    named = dict(network.named_parameters())
    for optimiser in optimisers:
        theirs = {id(weight) for group in optimiser.param_groups for weight in group["params"]}
        for key, value in saved.items():
            name, moment = key.rsplit("/", 1)
            parameter = named[name]
            if id(parameter) in theirs:
                # On the parameter's device and in its order of memory: fused updates rely on both,
                # and not for moments alone but for Adam's count of steps, too.
                like = parameter if value.shape == parameter.shape else value
                beside = torch.empty_like(like, device=parameter.device)
                optimiser.state[parameter][moment] = beside.copy_(value)
