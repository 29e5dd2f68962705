"""Batches in which one item stands for all, and tensors as compiled code takes them."""

from typing import Any

from numpy.typing import NDArray
from torch import Tensor


def array(tensor: Tensor) -> NDArray[Any]:
    """A tensor of the CPU as an array in C order; the same memory, unless it was in another."""
    return tensor.detach().contiguous().numpy()


def named(kind: Any, source: object, **own: Tensor) -> Any:
    """A named tuple of this kind: own values, and what a source has by the other fields' names."""
    names = (name for name in kind._fields if name not in own)
    return kind(**own, **{name: getattr(source, name) for name in names})


def alike(*batches: Tensor) -> bool:
    """Whether they have an item for each other's, so that compiled code may count on it."""
    return len({len(batch) for batch in batches}) == 1


def together(one: Tensor, other: Tensor) -> int:
    """How many there are of two batches, of which a batch of one stands for all.

    Raises ValueError if they do not go together: compiled code would look beyond their ends.
    """
    batch = len(other) if len(one) == 1 else len(one)
    if len(other) not in (1, batch):
        raise ValueError(f"a batch of {len(one)} does not go with one of {len(other)}")
    return batch


def of_batch(gradients: Tensor, size: int) -> Tensor:
    """The gradients of a whole batch, summed up where one item stood for all: size is 1 then."""
    return gradients if len(gradients) == size else gradients.sum(0, keepdim=True)
