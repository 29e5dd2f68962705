"""DC-IGN (Kulkarni et al. 2015, section 3.2): inactive units are clamped and pulled together."""

from dataclasses import dataclass
from typing import ClassVar, get_args

from dcign.clamp import Place, Rule, clamped_code
from dcign.losses import kl_divergence
from dcign.methods import Given, Priced


@dataclass(frozen=True)
class Method:
    """rule, place, invariance: see dcign.clamp.

    An inactive unit transmits nothing within its mini-batch and pays no divergence: as in the
    released code, where its gradient is filtered out.
    """

    supervision: ClassVar[str] = "which factor varies"
    named: ClassVar[bool] = True
    rule: Rule = "mean"
    place: Place = "code"
    invariance: float = 0.01

    def __post_init__(self) -> None:
        """Raise ValueError for what no clamp can be."""
        if self.rule not in get_args(Rule) or self.place not in get_args(Place):
            raise ValueError(f"rule one of {get_args(Rule)}, place one of {get_args(Place)}")

    def __call__(self, given: Given) -> Priced:
        code = clamped_code(
            given.posterior, given.noise, given.active, self.rule, self.place, self.invariance
        )
        kl = kl_divergence(given.posterior) * given.active[:, None]
        return Priced(code, kl.sum())
