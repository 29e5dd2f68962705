"""What lives on which device, and in which precision: moving a renderer, constants, kernels."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

import torch
from numpy.typing import NDArray
from torch import Tensor

_Method = TypeVar("_Method", bound=Callable[..., Any])
Values = tuple[float, ...] | tuple[tuple[float, ...], ...]


def constant(values: Values, like: Tensor) -> Tensor:
    """A tensor of numbers, of the device and type of another; not to be written to.

    It is made once: to carry a few numbers over to a GPU stops the queue of what it has to do.
    """
    return _made(values, like.device, like.dtype)


@lru_cache(maxsize=256)
def _made(values: Values, device: torch.device, dtype: torch.dtype) -> Tensor:
    # A tensor of inference mode could not serve where there are gradients later.
    with torch.inference_mode(False):
        return torch.tensor(values, device=device, dtype=dtype)


def carried(values: NDArray[Any], device: torch.device) -> Tensor:
    """An array as a tensor on a device, which is not waited for; on the CPU its memory is shared.

    CUDA has taken what is in ordinary memory by the time that it returns.
    """
    return torch.from_numpy(values).to(device, non_blocking=True)


def is_plain(*tensors: Tensor) -> bool:
    """Whether compiled code will do: on the CPU, in single precision, and without gradients."""
    plain = all(one.device.type == "cpu" and one.dtype == torch.float32 for one in tensors)
    return plain and not (torch.is_grad_enabled() and any(one.requires_grad for one in tensors))


def move(keeper: object, device: torch.device) -> None:
    """Move, in place, every tensor that an object keeps, and that objects of ours in it keep.

    Those in a tuple are in it, too; a named tuple takes another's place.
    """
    for name, value in vars(keeper).items():
        if isinstance(value, Tensor):
            # Frozen dataclasses, too.
            object.__setattr__(keeper, name, value.to(device))
        elif isinstance(value, tuple) and hasattr(value, "_make"):
            object.__setattr__(keeper, name, value._make(_moved(one, device) for one in value))
        for one in value if isinstance(value, tuple) else (value,):
            if _is_ours(one):
                move(one, device)


def _moved(value: Any, device: torch.device) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def _is_ours(value: Any) -> bool:
    return type(value).__module__.startswith("facegen.") and hasattr(value, "__dict__")


def exactly(method: _Method) -> _Method:
    """A method of what has a device: in float32, though the caller may run networks in less.

    A bit of it is a pixel of a head. Where torch was told to multiply float32 in TF32, tell it not.
    """

    @wraps(method)
    def run(self: Any, *arguments: Any, **options: Any) -> Any:
        kind = self.device.type
        if kind == "meta" or not torch.is_autocast_enabled(kind):
            return method(self, *arguments, **options)
        with torch.autocast(kind, enabled=False):
            return method(self, *arguments, **options)

    return cast(_Method, run)
