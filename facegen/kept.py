"""What follows from an anatomy alone is worked out once for it."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import torch

Anatomy = TypeVar("Anatomy")
Found = TypeVar("Found")


def kept(field: Callable[[Anatomy], Found]) -> Callable[[Anatomy], Found]:
    """What follows from an anatomy's fields: found once for each anatomy, not for each person.

    Of an anatomy, or another dataclass of ours. Tensors, alone or in one, move to other devices
    with it.
    """
    name = f"{field.__module__}.{field.__qualname__}"

    @wraps(field)
    def look_up(anatomy: Anatomy) -> Found:
        known: dict[str, Found] = vars(anatomy)
        if name not in known:
            # A tensor of inference mode could not serve where there are gradients later.
            grad = torch.is_grad_enabled()
            with torch.inference_mode(False), torch.set_grad_enabled(grad):
                known[name] = field(anatomy)
        return known[name]

    return look_up
