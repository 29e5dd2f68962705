"""Mini-batches in which exactly one factor of variation moves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.latents import (
    ALL_FACTORS,
    EXPRESSION,
    FACTORS,
    GROUP_SIZE,
    IDENTITY,
    LATENTS,
    OPTIONAL,
    Latent,
    draw_expression,
    draw_identity,
    draw_scalar,
)

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Variables:
    """What the mini-batches of a data set draw.

    identity_size, expression_size: coefficients; without any, faces are neutral.
    expression_signed: see facegen.morphable.MorphableModel.
    factors: the kinds of mini-batches, which take turns.
    latents: the scalar scene variables, drawn for every mini-batch.
    """

    identity_size: int
    expression_size: int = 0
    expression_signed: bool = False
    factors: tuple[str, ...] = FACTORS
    latents: tuple[Latent, ...] = LATENTS


def latents_of(factors: tuple[str, ...]) -> tuple[Latent, ...]:
    """The paper's scalar scene variables, and those that these factors add.

    Raises UserError for a name that is none, or is given twice.
    """
    unknown = [factor for factor in factors if factor not in ALL_FACTORS]
    if unknown or not factors:
        name = "".join(unknown[:1])
        raise UserError(f"no latent is called {name!r}; there are: {', '.join(ALL_FACTORS)}")
    if len(set(factors)) < len(factors):
        raise UserError(f"latents {', '.join(factors)}: one is named twice; name each once")
    return (*LATENTS, *(latent for latent in OPTIONAL if latent.factor in factors))


@dataclass(frozen=True)
class MiniBatch:
    """The scenes of one mini-batch.

    group_id: which mini-batch of its split this is, counted from 0.
    factor: the factor that varies; everything else is the same in every row.
    labels (sample, latent): the scalar latents in their units, in the order of the variables.
    identity (sample, mode), expression (sample, mode): coefficients.
    """

    split: str
    group_id: int
    factor: str
    labels: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]


def mini_batch(split: str, seed: int, group_id: int, variables: Variables) -> MiniBatch:
    """Mini-batch number group_id of a split; the kinds take turns.

    Sample i = GROUP_SIZE * group_id + row draws the factor that varies under its own index and
    everything else under the index of the group's first sample.
    """
    factor = variables.factors[group_id % len(variables.factors)]
    first = GROUP_SIZE * group_id
    own = range(first, first + GROUP_SIZE)

    def indices(of: str) -> range:
        return own if of == factor else range(first, first + 1)

    labels = np.empty((GROUP_SIZE, len(variables.latents)), dtype=np.float32)
    for column, latent in enumerate(variables.latents):
        labels[:, column] = [draw_scalar(latent, seed, split, i) for i in indices(latent.factor)]
    size, signed = variables.expression_size, variables.expression_signed
    identity = np.empty((GROUP_SIZE, variables.identity_size), dtype=np.float32)
    identity[:] = [
        draw_identity(variables.identity_size, seed, split, i) for i in indices(IDENTITY)
    ]
    expression = np.empty((GROUP_SIZE, size), dtype=np.float32)
    expression[:] = [draw_expression(size, signed, seed, split, i) for i in indices(EXPRESSION)]
    return MiniBatch(split, group_id, factor, labels, identity, expression)
