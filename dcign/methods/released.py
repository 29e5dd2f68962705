"""DC-IGN as the authors' code runs without options: the first image's moments for all, no pull."""

from dataclasses import dataclass

from dcign.clamp import Place, Rule
from dcign.methods import dcign


@dataclass(frozen=True)
class Method(dcign.Method):
    """See dcign.methods.dcign."""

    rule: Rule = "first"
    place: Place = "moments"
    invariance: float = 0.0
