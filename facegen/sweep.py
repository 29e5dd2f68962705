"""Scenes of one unseen person in which a single factor moves through its range."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facegen.errors import UserError
from facegen.latents import FACTORS, IDENTITY, LABELS, LATENTS, draw_identity

_SPLIT = "sweep"
"""Its people are in no data set: neither of the splits has this name."""


@dataclass(frozen=True)
class Sweep:
    """frames scenes that differ in one factor.

    values (frame,): the latent in its unit; for an identity, how far one has become another.
    labels (frame, latent), identity (frame, mode): what to render.
    captions: values as text.
    """

    factor: str
    values: NDArray[np.float32]
    labels: NDArray[np.float32]
    identity: NDArray[np.float32]
    captions: list[str]


def sweep(factor: str, frames: int, identity_size: int, seed: int = 0) -> Sweep:
    """The factor's whole range in even steps; the rest as in a three-quarter portrait.

    An identity turns in equal steps from one unseen person into another.
    """
    if factor not in FACTORS:
        raise UserError(f"no latent is called {factor!r}; there are: {', '.join(FACTORS)}")
    if frames < 2:
        raise UserError(f"a sweep needs at least 2 frames, not {frames}")
    portrait = dict.fromkeys(LABELS, 0.0) | {"azimuth": 18.0, "light_azimuth": 30.0}
    labels = np.tile(np.array([portrait[name] for name in LABELS], np.float32), (frames, 1))
    one, other = (draw_identity(identity_size, seed, _SPLIT, index) for index in (0, 1))
    if factor == IDENTITY:
        values = np.linspace(0.0, 1.0, frames, dtype=np.float32)
        identity = one + values[:, None] * (other - one)
        return Sweep(factor, values, labels, identity, [f"{value:.0%}" for value in values])
    latent = next(latent for latent in LATENTS if latent.factor == factor)
    values = np.linspace(latent.low, latent.high, frames, dtype=np.float32)
    labels[:, LABELS.index(latent.name)] = values
    captions = [f"{value:+.0f}\N{DEGREE SIGN}" for value in values]
    return Sweep(factor, values, labels, np.tile(one, (frames, 1)), captions)
