"""Curves that fields over a head are shaped with."""

from torch import Tensor

_FAR = 80.0


def smooth_step(value: Tensor, start: float, stop: float) -> Tensor:
    """0 at start to 1 at stop, level at both; start > stop runs downwards."""
    t = (value - start).div_(stop - start).clamp_(0, 1)
    return (t * t).mul_(3 - 2 * t)


def bell(squared: Tensor) -> Tensor:
    """exp(-squared), and 1e-35 where that would be less still.

    Exponentials that underflow take ten times as long, and most of a head is far from any bell.
    """
    return squared.clamp(max=_FAR).neg_().exp_()
