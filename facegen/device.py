"""Moving what a renderer keeps to another device."""

from typing import Any

import torch
from torch import Tensor


def move(keeper: object, device: torch.device) -> None:
    """Move, in place, every tensor that an object keeps, and that objects of ours in it keep.

    Those in a tuple are in it, too.
    """
    for name, value in vars(keeper).items():
        if isinstance(value, Tensor):
            # Frozen dataclasses, too.
            object.__setattr__(keeper, name, value.to(device))
        for one in value if isinstance(value, tuple) else (value,):
            if _is_ours(one):
                move(one, device)


def _is_ours(value: Any) -> bool:
    return type(value).__module__.startswith("facegen.") and hasattr(value, "__dict__")
