"""What a fit looks for, as one vector: a few scalars of the scene, then the identity."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from facegen.latents import IDENTITY_SIGMA
from facegen.morphable import MorphableModel
from facegen.people import People
from facegen.render import Renderer
from facegen.texture import Texture
from facegen.view import View


@dataclass(frozen=True)
class Unknown:
    """One scalar of the scene.

    rest: its value before anything is known; sigma: the standard deviation of its normal prior.
    step: how far it is moved for a difference quotient. low, high: where it stops.
    act: the view that a value of it (batch,) makes of another; None for a latent's own.
    """

    name: str
    unit: str
    rest: float
    sigma: float
    step: float
    low: float
    high: float
    act: Callable[[View, Tensor], View] | None = None


GAIN = "gain"
_PLACE = ("roll", "half_height", "middle_x", "middle_y")
SCENE = (
    Unknown("azimuth", "degree", 0.0, 50.0, 1.0, -95.0, 95.0),
    Unknown("elevation", "degree", 0.0, 15.0, 1.0, -40.0, 40.0),
    Unknown("light_azimuth", "degree", 0.0, 50.0, 2.0, -95.0, 95.0),
)
"""What is unknown about a picture that facegen rendered."""

CAMERA = (
    Unknown("roll", "degree", 0.0, 12.0, 1.0, -45.0, 45.0),
    Unknown("light_elevation", "degree", 25.0, 20.0, 2.0, -30.0, 75.0),
    Unknown(
        "half_height", "mm", 141.0, 25.0, 1.5, 70.0, 300.0,
        lambda view, value: replace(view, half_height=value),
    ),
    Unknown(
        "middle_x", "mm", 0.0, 40.0, 1.5, -120.0, 120.0,
        lambda view, value: replace(view, middle=torch.stack([value, view.middle[:, 1]], dim=-1)),
    ),
    Unknown(
        "middle_y", "mm", 0.0, 40.0, 1.5, -120.0, 120.0,
        lambda view, value: replace(view, middle=torch.stack([view.middle[:, 0], value], dim=-1)),
    ),
    Unknown(GAIN, "factor of the picture", 1.0, 0.25, 0.05, 0.4, 2.5, lambda view, value: view),
)  # fmt: skip
"""What is unknown about any other picture besides."""

HAIRSTYLES = {
    "short": {"hair_length": -2.0},
    "loose": {"hair_length": 1.5, "hair_style": -0.5},
    "tied": {"hair_length": 1.5, "hair_style": 1.0},
    "bun": {"hair_length": 1.5, "hair_style": 1.8},
}
"""Coefficients, in standard deviations, well inside each style: between them there is no slope."""

MOUTHS = {
    "jawOpen": (0.0, 0.15, 0.5),
    "mouthSmile": (0.0, 0.5, 1.0),
    "mouthUpperUp": (0.0, 0.5, 1.0),
    "mouthLowerDown": (0.0, 0.5, 1.0),
}
"""Weights of ARKit's blend shapes, left and right alike, of mouths to start from: lips that are
closed on a picture's teeth are no slope away from being open."""

_NORMAL = (IDENTITY_SIGMA, 0.15, -4 * IDENTITY_SIGMA, 4 * IDENTITY_SIGMA)
_WEIGHT = (0.2, 0.1, 0.0, 1.0)
"""Of coefficients that are drawn as normals, and of blend shapes' weights: the prior's standard
deviation, the step of a difference quotient, and the bounds."""

_RARE_SIGMA = 0.04
_COMMON = {
    "jawOpen", "mouthSmile_L", "mouthSmile_R", "mouthUpperUp", "mouthLowerDown", "mouthStretch",
    "browDown", "browInnerUp", "browOuterUp_L", "browOuterUp_R",
    "eyeBlink_L", "eyeBlink_R", "eyeWide", "eyeSquint", "cheekSquint",
}  # fmt: skip
"""Of ARKit's blend shapes, those of faces in photographs: all others would cancel one another."""


class Unknowns:
    """The vector: scalars in their units, identity, expression; batches have rows of it.

    rest, sigma (unknown,): mean and standard deviation of the prior. step: for differences.
    low, high: bounds.
    """

    def __init__(self, scene: Sequence[Unknown], model: MorphableModel, expressions: bool):
        self.scene = tuple(scene)
        self._sizes = [
            len(scene),
            model.identity_size,
            len(model.expression_basis) if expressions else 0,
        ]
        self._looks = {name: len(scene) + k for k, name in enumerate(model.identity_names)}

        def column(values: list[float], identity: float, expression: float) -> Tensor:
            _, people, expressions = self._sizes
            return torch.tensor(values + [identity] * people + [expression] * expressions)

        self._expressions = model.expression_names if expressions else ()
        self.rest = column([x.rest for x in scene], 0.0, 0.0)
        names = ("sigma", "step", "low", "high")
        scalars = ([getattr(x, name) for x in scene] for name in names)
        own = _NORMAL if model.expression_signed else _WEIGHT
        self.sigma, self.step, self.low, self.high = map(column, scalars, _NORMAL, own)
        if expressions and "jawOpen" in model.expression_names:
            rare = [name not in _COMMON for name in model.expression_names]
            self.sigma[-len(rare) :][torch.tensor(rare)] = _RARE_SIGMA

    def styled(self, vector: Tensor, style: str) -> Tensor:
        """A vector (unknown,) with the hair of one of HAIRSTYLES."""
        return self.groomed(vector, HAIRSTYLES[style])

    def groomed(self, vector: Tensor, looks: Mapping[str, float]) -> Tensor:
        """A vector (unknown,) with other coefficients of the appearance, standard deviations."""
        vector = vector.clone()
        for name, value in looks.items():
            vector[self._looks[name]] = IDENTITY_SIGMA * value
        return vector

    def look(self, vector: Tensor, name: str) -> float:
        """A coefficient of the appearance in a vector (unknown,), standard deviations."""
        return float(vector[self._looks[name]]) / IDENTITY_SIGMA

    def resting(self, start: Tensor) -> Tensor:
        """The prior's mean (unknown,) of fits that keep the hairstyle and mouth they start with."""
        rest = self.rest.clone()
        for name in ("hair_length", "hair_style"):
            rest[self._looks[name]] = start[self._looks[name]]
        for columns in self._mouth.values():
            rest[columns] = start[columns]
        return rest

    def mouths(self, vector: Tensor) -> Tensor:
        """A vector (unknown,) with every mouth of MOUTHS: (mouth, unknown), the closed one first.

        A model without such expressions has but the one mouth.
        """
        columns = self._mouth
        choices = list(product(*(MOUTHS[name] for name in columns)))
        vectors = vector.repeat(len(choices), 1)
        for number, values in enumerate(choices):
            for its, value in zip(columns.values(), values, strict=True):
                vectors[number, its] = value
        return vectors

    @property
    def _mouth(self) -> dict[str, list[int]]:
        """The columns of each of MOUTHS that there is."""
        first = sum(self._sizes[:2])
        columns: dict[str, list[int]] = {}
        for number, name in enumerate(self._expressions):
            stem = name.split("_")[0]
            if stem in MOUTHS:
                columns.setdefault(stem, []).append(first + number)
        return columns

    def identity(self, vectors: Tensor) -> Tensor:
        """Vectors (batch, unknown) to identity coefficients (batch, coefficient)."""
        return torch.split(vectors, self._sizes, dim=1)[1]

    def expression(self, vectors: Tensor) -> Tensor:
        """Vectors (batch, unknown) to expression coefficients (batch, coefficient)."""
        return torch.split(vectors, self._sizes, dim=1)[2]

    def scalars(self, vector: Tensor) -> dict[str, float]:
        """A vector (unknown,) to its scalars by name."""
        return {x.name: float(value) for x, value in zip(self.scene, vector, strict=False)}

    def people(self, renderer: Renderer, vectors: Tensor, texture: Texture | None = None) -> People:
        """Vectors (batch, unknown) to people, with a texture over their skin if there is one."""
        expression = self.expression(vectors) if self._sizes[2] else None
        return renderer.people(self.identity(vectors), expression, texture)

    def view(self, renderer: Renderer, vectors: Tensor, background: float) -> View:
        """Vectors (batch, unknown) to views over a background."""
        latents = [k for k, unknown in enumerate(self.scene) if unknown.act is None]
        names = [self.scene[k].name for k in latents]
        view = renderer.view(vectors[:, latents], names)
        for k, unknown in enumerate(self.scene):
            if unknown.act:
                view = unknown.act(view, vectors[:, k])
        return replace(view, background=torch.full((len(vectors),), background))

    def place(self, vectors: Tensor, roll: Tensor, size: Tensor, middle: Tensor) -> None:
        """Write into vectors (batch, unknown) where the head lies in the picture: see placed."""
        rest = self._rest_half_height
        values = (roll, size * rest, middle[:, 0] * rest, middle[:, 1] * rest)
        for name, value in zip(_PLACE, values, strict=True):
            vectors[:, self._column(name)] = value

    def placed(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors (batch, unknown) to roll in degrees, size (batch,) and middle (batch, 2).

        Size is of what the picture shows, middle its middle, both as parts of what it shows above
        its middle at rest.
        """
        roll, half_height, x, y = (vectors[:, self._column(name)] for name in _PLACE)
        rest = self._rest_half_height
        return roll, half_height / rest, torch.stack([x, y], dim=-1) / rest

    @property
    def _rest_half_height(self) -> float:
        return float(self.rest[self._column("half_height")])

    def _column(self, name: str) -> int:
        return [unknown.name for unknown in self.scene].index(name)

    def gain(self, vectors: Tensor) -> Tensor:
        """Vectors (batch, unknown) to what pictures are multiplied by (batch,)."""
        names = [unknown.name for unknown in self.scene]
        return vectors[:, names.index(GAIN)] if GAIN in names else torch.ones(len(vectors))
