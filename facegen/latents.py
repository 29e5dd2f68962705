"""The table of scene variables: what varies, in which unit, over which range, and how it is drawn.

A latent's value for sample i depends on (seed, split, latent's name, i) alone, so adding a latent,
changing the number of workers or rendering one sample again leaves every other value as it was.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from facegen.errors import UserError

if TYPE_CHECKING:
    # The command line makes its options of this table, and answers --help without loading these.
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from facegen.view import View

GROUP_SIZE = 20
"""Images in a mini-batch, as in the paper."""


@dataclass(frozen=True)
class Latent:
    """One scalar scene variable.

    name: its column in a shard's labels.
    factor: the factor of variation it belongs to; one factor varies within a mini-batch.
    unit, low, high: it is drawn uniformly from [low, high], given in that unit.
    rest: its value in data sets that do not draw it, and in a view where nobody sets it; as
        facegen.render.RenderSettings have it unless told otherwise.
    positive: what the viewer sees when the value grows.
    act: the view that a value of it (batch,) makes of another; where several act, they do so in the
        order of this table.
    """

    name: str
    factor: str
    unit: str
    low: float
    high: float
    rest: float
    positive: str
    act: Callable[["View", "Tensor"], "View"]

    @property
    def allowed(self) -> tuple[float, float]:
        """The least and the greatest value that may be asked for."""
        # A turn has no end; a lens of no length, or one within the head, sees nothing.
        return (-180.0, 180.0) if self.unit == "degree" else (self.low, self.high)


LATENTS: tuple[Latent, ...] = (
    Latent(
        "azimuth", "azimuth", "degree", -86.0, 86.0, 0.0, "the nose moves to the right",
        lambda view, value: view.turned("y", value),
    ),
    Latent(
        "elevation", "elevation", "degree", -23.0, 23.0, 0.0, "the head is seen from below",
        lambda view, value: view.turned("x", -value),
    ),
    Latent(
        "light_azimuth", "light", "degree", -80.0, 80.0, 0.0, "the light comes from the right",
        lambda view, value: replace(view, light_azimuth=value),
    ),
)  # fmt: skip
"""The DC-IGN paper's, which every data set draws."""

OPTIONAL: tuple[Latent, ...] = (
    Latent(
        "roll", "roll", "degree", -30.0, 30.0, 0.0, "the head leans to the left",
        lambda view, value: view.turned("z", value),
    ),
    Latent(
        "light_elevation", "light_elevation", "degree", -20.0, 70.0, 18.0,
        "the light comes from above",
        lambda view, value: replace(view, light_elevation=value),
    ),
    Latent(
        "focal_length", "focal_length", "mm", 35.0, 200.0, 93.617,
        "the camera steps back and zooms in",
        # Of a camera whose picture is FILM_HEIGHT high: the head stays as large.
        lambda view, value: replace(view, distance=value * 2 * view.half_height / FILM_HEIGHT),
    ),
    Latent(
        "background", "background", "gray", 0.0, 1.0, 1.0, "the background gets lighter",
        lambda view, value: replace(view, background=value),
    ),
)  # fmt: skip
"""Drawn by the data sets that ask for them; they rest at facegen.render.RenderSettings otherwise.
To add a scene variable, add a row."""

PORTRAIT = {"azimuth": 18.0, "light_azimuth": 30.0}
"""Scene variables of a three-quarter portrait; the others rest."""

FILM_HEIGHT = 24.0
"""Height of a 35 mm camera's picture, mm, by which focal lengths are understood."""

IDENTITY = "identity"
EXPRESSION = "expression"
IDENTITY_SIGMA = 0.8
"""Standard deviation of every identity coefficient, in units of the face model's own: at 1.0 about
one MakeHuman head in twenty turns a nostril inside out."""

EXPRESSIONS_AT_ONCE = 4
"""Of a model's blend shapes, as many on average take part in a face's expression."""

COEFFICIENT_LIMIT = 5.0
"""No coefficient of an expression or an identity may be asked for that is farther from 0."""

LABELS: tuple[str, ...] = tuple(latent.name for latent in LATENTS)
FACTORS: tuple[str, ...] = (*dict.fromkeys(latent.factor for latent in LATENTS), IDENTITY)
"""A shard's factor_id is an index into this, unless others were asked for."""

ALL_FACTORS: tuple[str, ...] = (
    *dict.fromkeys((*FACTORS, *(latent.factor for latent in OPTIONAL), EXPRESSION)),
)
"""Every kind of mini-batch that can be asked for."""


def _generator(seed: int, split: str, name: str, index: int) -> "np.random.Generator":
    """A counter-based stream: the key says which variable, the counter which sample."""
    import numpy as np

    stream = zlib.crc32(f"{split}/{name}".encode())
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, index]))


def set_up(view: "View", labels: "Tensor", names: Sequence[str]) -> "View":
    """A view with scene variables set: labels (batch, name), in their units.

    Raises UserError for an unknown name, and unless there is a column for each.
    """
    if labels.shape[1:] != (len(names),):
        raise UserError(
            f"labels of shape {tuple(labels.shape)}: they must have a column for each of "
            f"{', '.join(names)}, {len(names)} in all"
        )
    columns = dict(zip(names, labels.unbind(1), strict=True))
    for latent in (*LATENTS, *OPTIONAL):
        if latent.name in columns:
            view = latent.act(view, columns.pop(latent.name))
    if columns:
        known = ", ".join(latent.name for latent in (*LATENTS, *OPTIONAL))
        raise UserError(f"no scene variable is called {min(columns)!r}; there are: {known}")
    return view


def draw_scalar(latent: Latent, seed: int, split: str, index: int) -> float:
    """The value of a scalar latent for one sample, in the latent's unit."""
    return float(_generator(seed, split, latent.name, index).uniform(latent.low, latent.high))


def draw_identity(size: int, seed: int, split: str, index: int) -> "NDArray[np.float32]":
    """The identity coefficients (size,) of one sample: N(0, IDENTITY_SIGMA^2) each."""
    import numpy as np

    normal = _generator(seed, split, IDENTITY, index).standard_normal(size, dtype=np.float32)
    return (IDENTITY_SIGMA * normal).astype(np.float32)


def draw_expression(
    size: int, signed: bool, seed: int, split: str, index: int
) -> "NDArray[np.float32]":
    """The expression coefficients (size,) of one sample.

    Signed, N(0, IDENTITY_SIGMA^2) each; otherwise blend shapes of weights 0..1, a few at a time.
    """
    import numpy as np

    generator = _generator(seed, split, EXPRESSION, index)
    if signed:
        return (IDENTITY_SIGMA * generator.standard_normal(size)).astype(np.float32)
    chance, weight = generator.random((2, size))
    return np.where(chance * size < EXPRESSIONS_AT_ONCE, weight, 0.0).astype(np.float32)


def with_unit(value: float, unit: str) -> str:
    """A value as a caption."""
    if unit == "degree":
        return f"{value:+.0f}\N{DEGREE SIGN}"
    return f"{value:.0f} {unit}" if abs(value) > 2 else f"{value:.2f} {unit}"
