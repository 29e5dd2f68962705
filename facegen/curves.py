"""Curves that fields over a head are shaped with: of tensors, or compiled, of numbers.

What a formula (facegen.raster.jit.formula) calls is here, each with what stands in for it there.
"""

import numpy as np
import torch
from torch import Tensor

from facegen.raster.jit import inlined, stand_in

_FAR = 50.0


def smooth_step(value: Tensor, start: float, stop: float) -> Tensor:
    """0 at start to 1 at stop, level at both; start > stop runs downwards."""
    t = (value - start).div_(stop - start).clamp_(0, 1)
    return (t * t).mul_(3 - 2 * t)


def bell(squared: Tensor) -> Tensor:
    """exp(-squared), and 2e-22 where that would be less still.

    Where exponentials underflow, or what they are multiplied with does, arithmetic takes ten times
    as long, and most of a head is far from any bell.
    """
    return squared.clamp(max=_FAR).neg_().exp_()


def within(value: Tensor, least: float, most: float) -> Tensor:
    """The value, moved into least .. most."""
    return value.clamp(least, most)


def at_most(value: Tensor, most: float) -> Tensor:
    """The value, or what it is at most."""
    return value.clamp(max=most)


def larger(one: Tensor, other: Tensor) -> Tensor:
    """The larger of two values."""
    return torch.maximum(one, other)


def smaller(one: Tensor, other: Tensor) -> Tensor:
    """The smaller of two values."""
    return torch.minimum(one, other)


def sine(value: Tensor) -> Tensor:
    """The sine, of radians."""
    return value.sin()


def choose(which: Tensor, one: Tensor, other: Tensor | float) -> Tensor:
    """One value, or the other where not."""
    return torch.where(which, one, other)


def root(value: Tensor) -> Tensor:
    """The square root."""
    return value.sqrt()


@inlined
def _exponential(value: float) -> float:
    """exp(value) to 2e-7 of it, for a float32 of at most _FAR either way; makes vectors.

    A power of two, and for what is left, within half of log(2), a series.
    """
    number = np.float32
    whole = np.floor(value * number(1.44269504) + number(0.5))
    # log(2) in two parts: of the first, every multiple here is exact.
    left = value - whole * number(0.693359375) + whole * number(2.12194440e-4)
    series = number(1 / 720) + left * number(1 / 5040)
    series = number(1 / 24) + left * (number(1 / 120) + left * series)
    series = number(1 / 2) + left * (number(1 / 6) + left * series)
    series = number(1) + left * (number(1) + left * series)
    power = (np.int32(whole) + np.int32(127)) << np.int32(23)
    exponential: float = series * np.int32(power).view(np.float32)
    return exponential


@inlined
def _step(value: float, start: float, stop: float) -> float:
    number = np.float32
    t = min(max((value - start) / (stop - start), number(0)), number(1))
    step: float = t * t * (number(3) - number(2) * t)
    return step


@inlined
def _bell(squared: float) -> float:
    return _exponential(-min(squared, np.float32(_FAR)))


@inlined
def _sine(value: float) -> float:
    """sin(value) to 2e-7, for a float32 of a few turns; makes vectors."""
    number = np.float32
    half_turns = np.floor(value * number(1 / np.pi) + number(0.5))
    # pi in two parts: of the first, every multiple here is exact.
    x = value - half_turns * number(3.140625) - half_turns * number(np.pi - 3.140625)
    square = x * x
    series = number(-1 / 5040) + square * (number(1 / 362880) - square * number(1 / 39916800))
    series = number(-1 / 6) + square * (number(1 / 120) + square * series)
    sine: float = x + x * square * series
    return -sine if np.int32(half_turns) & np.int32(1) else sine


stand_in(
    smooth_step, lambda value, start, stop: lambda value, start, stop: _step(value, start, stop)
)
stand_in(bell, lambda squared: lambda squared: _bell(squared))
stand_in(within, lambda value, least, most: lambda value, least, most: min(max(value, least), most))
stand_in(at_most, lambda value, most: lambda value, most: min(value, most))
stand_in(larger, lambda one, other: lambda one, other: max(one, other))
stand_in(smaller, lambda one, other: lambda one, other: min(one, other))
stand_in(sine, lambda value: lambda value: _sine(value))
stand_in(root, lambda value: lambda value: np.sqrt(value))
stand_in(choose, lambda which, one, other: lambda which, one, other: one if which else other)
