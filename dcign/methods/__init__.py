"""Ways to train, one a file: what the decoder is given in a step, and what its code costs.

A file defines `Method`, a frozen dataclass of options that is called with what the encoder said of
a step's images. All share one network and one loop: they differ in nothing else.
"""

import importlib
import math
import pkgutil
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, NamedTuple, Protocol

from jaxtyping import Bool, Float
from torch import Tensor

from dcign.models.network import Posterior


@dataclass(frozen=True)
class Given:
    """What a method may look at in a step.

    posterior: of each image, (group, sample, code). noise: standard normal, of the same shape.
    active: the units of the factor that varies in each mini-batch, see dcign.clamp.
    truth: of the scalar factors, -1..1 over their ranges; only a supervised method may look.
    step: counted from 0. progress: the part of the training that is done, 0..1.
    """

    posterior: Posterior
    noise: Float[Tensor, "group sample code"]
    active: Bool[Tensor, "group code"]
    truth: Float[Tensor, "group sample factor"]
    step: int
    progress: float


class Priced(NamedTuple):
    """The code that the decoder receives, and its price in nats, summed over a step's images.

    kl: the divergence from the prior and what else the training weighs with it. penalty: anything
    else.
    """

    code: Float[Tensor, "group sample code"]
    kl: Float[Tensor, ""]
    penalty: Float[Tensor, ""] | float = 0.0


class Method(Protocol):
    """A way to train.

    supervision: what it is told of the data, in a few words.
    named: whether it knows which unit is whose; otherwise units are found by their mutual
        information with the factors, once trained.
    """

    supervision: ClassVar[str]
    named: ClassVar[bool]

    def __call__(self, given: Given) -> Priced: ...


def names() -> list[str]:
    """The methods there are."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def make(name: str, **options: Any) -> Method:
    """A method by its name; raises ValueError for an unknown one, or for options it cannot have."""
    if name not in names():
        raise ValueError(f"no method {name}; there are {', '.join(names())}")
    kind = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").Method
    usual = {field.name: field.default for field in fields(kind)}
    for option, value in options.items():
        if option not in usual:
            there = f"there are {', '.join(usual)}" if usual else "it has none"
            raise ValueError(f"{name} has no option {option}; {there}")
        own = usual[option]
        if isinstance(own, (int, float)):
            if not (isinstance(value, (int, float)) and 0 <= value < math.inf):
                raise ValueError(f"{name}: {option} must be 0 or more, not {value!r}")
            options[option] = type(own)(value)
            if options[option] != value:
                raise ValueError(f"{name}: {option} must be a whole number, not {value!r}")
    method: Method = kind(**options)
    return method


def to_json(method: Any) -> dict[str, Any]:
    """A method's name and options; the inverse of make(**tree)."""
    return {"name": type(method).__module__.rpartition(".")[2].replace("_", "-"), **asdict(method)}
