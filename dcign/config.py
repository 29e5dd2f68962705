"""How a network is trained: one frozen configuration, a few presets, and their JSON."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from dcign import methods
from dcign.losses import Likelihood
from dcign.methods import Method, best, dcign, released
from dcign.models.parts import NetworkConfig
from dcign.optimisers import Optimiser
from facegen.errors import UserError
from facegen.latents import FACTORS


@dataclass(frozen=True)
class TrainConfig:
    """Everything that the trained weights depend on besides the data.

    preset: the name of the preset it comes from.
    method: what the decoder is given and what the code costs; see dcign.methods.
    steps: updates of the weights.
    seed: 0 to 2**63 - 1; of the initial weights, the noise and the draws of mini-batches.
    ratio: how often each kind of mini-batch is drawn, in the order of facegen.latents.FACTORS.
    groups: mini-batches in a step; the loss is their sum, the clamp acts within each.
    samples: images used of each mini-batch, drawn anew each time; None takes all.
    optimiser: of the weights; see dcign.optimisers.
    learning_rate, beta1: of both; beta2, eps: Adam's. The paper's "rmsprop, momentum decay 0.1,
        weight decay 0.01" is Adam with beta1 = 1 - 0.1, beta2 = 1 - 0.01 and no weight decay in the
        released code. All kinds of mini-batches share the moments.
    decay: the part of the steps, at the end, over which the learning rate falls linearly to 0.
    likelihood: of the pixels; see dcign.losses.
    kl_weight: factor of the KL divergence beside the summed likelihood.
    kl_start, kl_anneal: the factor begins at kl_start and falls linearly to kl_weight over this
        part of the steps. Wide noise first leaves a unit no room to fold or jump along its factor
        (deterministic annealing, Rose 1998).
    """

    preset: str
    network: NetworkConfig
    method: Method
    steps: int
    seed: int = 0
    ratio: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    groups: int = 1
    samples: int | None = None
    optimiser: Optimiser = "adam"
    learning_rate: float = 5e-4
    beta1: float = 0.9
    beta2: float = 0.99
    eps: float = 1e-8
    decay: float = 0.0
    likelihood: Likelihood = "bernoulli"
    kl_weight: float = 1.0
    kl_start: float = 1.0
    kl_anneal: float = 0.0

    def __post_init__(self) -> None:
        """Raise UserError for what no training can be."""
        numbers = (
            self.learning_rate,
            self.eps,
            self.kl_weight,
            self.kl_start,
            *self.ratio,
        )
        wrong = {
            "steps must lie in 1 .. 2**63 - 1": not 1 <= self.steps < 2**63,
            "the seed must lie in 0 .. 2**63 - 1": not 0 <= self.seed < 2**63,
            "one ratio for each kind, not all 0": len(self.ratio) != len(FACTORS)
            or not sum(self.ratio) > 0,
            "rates, weights and ratios must be 0 or more": not all(
                math.isfinite(number) and number >= 0 for number in numbers
            ),
            "decay and kl_anneal lie in 0 .. 1, beta1 and beta2 below 1": not (
                0 <= self.decay <= 1
                and 0 <= self.kl_anneal <= 1
                and 0 <= self.beta1 < 1
                and 0 <= self.beta2 < 1
            ),
            f"the optimiser is one of {get_args(Optimiser)}": self.optimiser
            not in get_args(Optimiser),
            "groups and samples must be 1 or more": self.groups < 1
            or (self.samples is not None and self.samples < 1),
        }
        for rule, broken in wrong.items():
            if broken:
                raise UserError(f"training configuration: {rule}; given: {self.to_json()}")

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        falling = self.decay * self.steps
        return self.learning_rate * min(1.0, (self.steps - step) / falling if falling else 1.0)

    def kl_weight_at(self, step: int) -> float:
        """The factor of the KL divergence at a step, counted from 0."""
        falling = self.kl_anneal * self.steps
        left = max(0.0, 1.0 - step / falling) if falling else 0.0
        return self.kl_weight + left * (self.kl_start - self.kl_weight)

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON can hold it."""
        return {**asdict(self), "method": methods.to_json(self.method)}

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> "TrainConfig":
        """The inverse of to_json; raises KeyError, TypeError, ValueError or UserError otherwise."""
        missing = {item.name for item in fields(cls)} ^ set(tree)
        if missing:
            raise KeyError(f"fields {sorted(missing)}")
        network = NetworkConfig(**_tuples(tree["network"]))
        method = methods.make(**_tuples(tree["method"]))
        return cls(**{**_tuples(tree), "network": network, "method": method})


def _tuples(tree: dict[str, Any]) -> dict[str, Any]:
    """Lists made tuples, which JSON does not know."""
    return {name: tuple(x) if isinstance(x, list) else x for name, x in tree.items()}


_PAPER = NetworkConfig(
    image_size=150,
    code_size=200,
    encoder_channels=(96, 48, 24),
    decoder_channels=(24, 48, 96, 96),
    encoder_kernel=5,
    decoder_kernel=7,
    padded=False,
)

PRESETS = {
    # The paper: sections 3.2 and 4, the network of the released code.
    "paper": TrainConfig(
        "paper", _PAPER, dcign.Method(), steps=120_000, ratio=(1.0, 1.0, 1.0, 10.0)
    ),
    # What the released code does without options.
    "released": TrainConfig("released", _PAPER, released.Method(), steps=120_000),
    # Minutes on two CPU cores.
    "small": TrainConfig(
        "small",
        NetworkConfig(
            image_size=64,
            code_size=64,
            encoder_channels=(8, 16, 32, 64),
            decoder_channels=(64, 32, 16, 8),
            encoder_kernel=5,
            decoder_kernel=5,
            padded=True,
        ),
        dcign.Method(),
        steps=6500,
        ratio=(1.0, 1.5, 1.5, 1.0),
        groups=4,
        learning_rate=1e-3,
        eps=1e-4,
        decay=0.3,
        kl_start=4.0,
        kl_anneal=0.25,
    ),
    # What a CPU learns best in half an hour to one and a half: see dcign.methods.best.
    "best": TrainConfig(
        "best",
        NetworkConfig(
            image_size=64,
            code_size=64,
            encoder_channels=(16, 32, 64, 128),
            decoder_channels=(128, 64, 32, 16),
            encoder_kernel=5,
            decoder_kernel=5,
            padded=True,
            family="skips",
            hidden=256,
        ),
        best.Method(),
        steps=20_000,
        groups=16,
        samples=4,
        optimiser="muon",
        learning_rate=2e-3,
        decay=1.0,
        likelihood="scales",
    ),
}
