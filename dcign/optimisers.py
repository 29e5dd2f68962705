"""How a step changes the weights: Adam for all of them, or Muon for matrices and Adam for the rest.

Muon (Jordan et al. 2024) makes the momentum of a matrix orthogonal, all its singular values about
1, and steps by that. What few images ask for, an eye or a curl, then moves the weights as far as
what all of them ask for, and is learnt early; Adam hears it last.
"""

from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

if TYPE_CHECKING:
    from dcign.config import TrainConfig

Optimiser = Literal["adam", "muon"]

CUBES = 3
"""Steps towards orthogonality: a singular value of 0.03 of the largest is then at about 1."""

SLOPE, BEND, RETURN = 3.4445, -4.7750, 2.0315
"""Jordan's odd polynomial: steep at 0, and it keeps 0.7 to 1.2 about there."""

SIZE = 0.4
"""Root mean square of a step's elements, as a part of the learning rate: near that of Adam's, so
that one rate serves both (Liu et al. 2025, who take 0.2 for much longer trainings)."""


class Muon(torch.optim.Optimizer):
    """Of weights of two dimensions or more: (output, everything else) is their matrix.

    A convolution's is (output channels, input channels x rows x columns). beta: of the momentum,
    Nesterov's. state: `momentum`, of the weight's shape.
    """

    def __init__(self, weights: list[nn.Parameter], lr: float, beta: float) -> None:
        super().__init__(weights, {"lr": lr, "beta": beta})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].lerp_(weight.grad, 1 - group["beta"])
                ahead = weight.grad.lerp(momentum, group["beta"])
                step = orthogonal(ahead.flatten(1)).reshape(weight.shape)
                # An orthogonal matrix's root mean square is 1 / sqrt(its longer side).
                longer = max(len(weight), weight[0].numel())
                weight.add_(step, alpha=-SIZE * longer**0.5 * group["lr"])


def orthogonal(matrix: Float[Tensor, "row column"]) -> Float[Tensor, "row column"]:
    """U V^T of the matrix's U S V^T, roughly: singular values between 0.7 and 1.2, or small still.

    Each step is a polynomial of X X^T times X, so all is done to the square of the shorter side,
    which costs half as much. Its Frobenius norm bounds the largest singular value closely.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    square = matrix @ matrix.T if wide else matrix.T @ matrix
    norm = square.norm() + 1e-30
    square = square / norm
    total = torch.eye(len(square), device=square.device, dtype=square.dtype) / norm.sqrt()
    for left in reversed(range(CUBES)):
        factor = torch.addmm(square, square, square, beta=BEND, alpha=RETURN)
        factor.diagonal().add_(SLOPE)
        total = factor @ total
        if left:
            square = factor @ square @ factor
    result: Tensor = total @ matrix if wide else matrix @ total
    return result


def make_optimisers(network: nn.Module, config: "TrainConfig") -> list[torch.optim.Optimizer]:
    """Those that share a network's parameters among them."""
    weights = list(network.parameters())
    matrices = [w for w in weights if w.ndim > 1 and config.optimiser == "muon"]
    chosen = {id(weight) for weight in matrices}
    adam = torch.optim.Adam(
        [weight for weight in weights if id(weight) not in chosen],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=True,
    )
    return [adam, Muon(matrices, config.learning_rate, config.beta1)] if matrices else [adam]
