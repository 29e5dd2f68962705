"""Scenes of one unseen person in which a single factor moves through its range."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.latents import (
    EXPRESSION,
    IDENTITY,
    PORTRAIT,
    draw_expression,
    draw_identity,
    with_unit,
)
from facegen.scene import Variables, latents_of

_SPLIT = "sweep"
"""Its people are in no data set: neither of the splits has this name."""


@dataclass(frozen=True)
class Sweep:
    """frames scenes that differ in one factor.

    values (frame,): the latent in its unit; for an identity or an expression, how far one face has
        become another.
    names: the columns of labels. labels (frame, latent), identity, expression (frame, mode): what
        to render.
    captions: values as text.
    """

    factor: str
    values: NDArray[np.float32]
    names: tuple[str, ...]
    labels: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    captions: list[str]


def sweep(factor: str, frames: int, variables: Variables, seed: int = 0) -> Sweep:
    """The factor's whole range in even steps; the rest as in a three-quarter portrait.

    An identity turns in equal steps from one unseen person into another, an expression from the
    neutral face into one. Of the variables, the coefficients count.
    """
    latents = latents_of((factor,))
    if frames < 2:
        raise UserError(f"a sweep needs at least 2 frames, not {frames}")
    if factor == EXPRESSION and not variables.expression_size:
        raise UserError("this face model has no expressions; take another --face-model")
    labels = np.tile([PORTRAIT.get(x.name, x.rest) for x in latents], (frames, 1)).astype(
        np.float32
    )
    size, signed = variables.expression_size, variables.expression_signed
    one, other = (draw_identity(variables.identity_size, seed, _SPLIT, index) for index in (0, 1))
    values = np.linspace(0.0, 1.0, frames, dtype=np.float32)
    captions = [f"{value:.0%}" for value in values]
    identity, expression = np.tile(one, (frames, 1)), np.zeros((frames, size), np.float32)
    if factor == IDENTITY:
        identity = one + values[:, None] * (other - one)
    elif factor == EXPRESSION:
        expression = values[:, None] * draw_expression(size, signed, seed, _SPLIT, 0)
    else:
        column = [x.factor for x in latents].index(factor)
        latent = latents[column]
        values = np.linspace(latent.low, latent.high, frames, dtype=np.float32)
        labels[:, column] = values
        captions = [with_unit(value, latent.unit) for value in values.tolist()]
    names = tuple(latent.name for latent in latents)
    return Sweep(factor, values, names, labels, identity, expression, captions)
