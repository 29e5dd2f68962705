"""The one in-memory form of every face model."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.appearance import APPEARANCE
from facegen.errors import UserError
from facegen.traits import TRAITS


@dataclass(frozen=True)
class Albedo:
    """A model's own colours: values = mean + coefficients @ basis, clipped to 0..1.

    mean (vertex, 3), basis (mode, vertex, 3): float32, RGB, basis scaled to one standard deviation.
    encoding: "srgb" or "linear", what the values are in; pictures need them linear.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    encoding: str


class Identity(NamedTuple):
    """Identity coefficients (batch, ...) by what they drive, in the order kept."""

    shape: Tensor
    colours: Tensor
    traits: Tensor
    appearance: Tensor


@dataclass(frozen=True)
class MorphableModel:
    """A linear model: vertices = mean + identity @ basis + expression @ expression_basis.

    Frame: mm, +x the subject's left, +y up, +z out of the nose, origin at the head's centre.

    licence: under which terms the model's data may be used; it is copied into every data set.
    mean (vertex, 3), float32: the neutral mean face.
    basis (mode, vertex, 3), float32: displacement for a coefficient of 1, which is one standard
        deviation.
    faces (face, 3), int32: triangles, counter-clockwise from outside.
    mode_names (mode,): what each identity coefficient stands for.
    fields: per-vertex anatomy (vertex,), float32, that the skin is painted from; see facegen.skin.
    expression_basis (expression, vertex, 3), float32: displacement for a coefficient of 1; a model
        without expressions has none, and 0 of all is the neutral face.
    expression_names (expression,): for blend shapes ARKit's names, as "jawOpen", "eyeBlink_L".
    expression_signed: False, coefficients are weights 0..1 of blend shapes, of which a real face
        uses a few at a time; True, they are standard normals along principal components.
    canonical (vertex, 3): where each vertex lies on the default head's mean, which is what the
        skin's painter measures; None for the default head itself, whose own mean it is.
    albedo: the model's own colours; None where facegen paints the skin.
    parts: vertex indices that a format names: any of "left_eye", "right_eye", "mouth" (what lies
        behind the lips), "teeth", "socket" (around an eyeball), "hidden" (not to be drawn).
    """

    name: str
    licence: str
    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    faces: NDArray[np.int32]
    mode_names: tuple[str, ...]
    fields: dict[str, NDArray[np.float32]]
    expression_basis: NDArray[np.float32]
    expression_names: tuple[str, ...]
    expression_signed: bool = False
    canonical: NDArray[np.float32] | None = None
    albedo: Albedo | None = None
    parts: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def has_traits(self) -> bool:
        """Whether the first shape modes are TRAITS, so that shape and skin agree on them."""
        return self.mode_names[: len(TRAITS)] == TRAITS

    @property
    def identity_names(self) -> tuple[str, ...]:
        """What each identity coefficient stands for: all that anybody needs to know of the layout.

        First shape, then own colours, then the traits that shape lacks, then APPEARANCE.
        """
        return sum(self._identity_parts, ())

    @property
    def identity_size(self) -> int:
        """Identity coefficients of a person."""
        return len(self.identity_names)

    @property
    def _identity_parts(self) -> tuple[tuple[str, ...], ...]:
        colours = len(self.albedo.basis) if self.albedo else 0
        return (
            self.mode_names,
            tuple(f"colour_{mode + 1}" for mode in range(colours)),
            () if self.has_traits else TRAITS,
            APPEARANCE,
        )

    def split(self, identity: Tensor) -> Identity:
        """Identity coefficients (batch, identity_size) by what they drive."""
        sizes = [len(part) for part in self._identity_parts]
        shape, colours, traits, appearance = torch.split(identity, sizes, dim=1)
        if self.has_traits:
            traits = shape[:, : len(TRAITS)]
        return Identity(shape, colours, traits, appearance)

    def check_coefficients(
        self, identity: NDArray[np.float32], expression: NDArray[np.float32] | None, scenes: int
    ) -> None:
        """Raise UserError unless these are as many rows of coefficients as there are scenes."""
        sizes = [("identity", identity, self.identity_size)]
        if expression is not None:
            sizes.append(("expression", expression, len(self.expression_basis)))
        for name, rows, size in sizes:
            if rows.shape[1:] != (size,):
                raise UserError(
                    f"{name} has {rows.shape[-1]} coefficients, but the face model {self.name!r} "
                    f"has {size}: is it another model's data?"
                )
            if len(rows) != scenes:
                raise UserError(
                    f"labels of {scenes} scenes and {name} of {len(rows)}; give both a row for each"
                )

    def vertices(self, coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coefficients (face, mode) to neutral vertices (face, vertex, 3) in mm."""
        moved = coefficients @ self.basis.reshape(len(self.basis), -1)
        return self.mean + moved.reshape(-1, *self.mean.shape)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the arrays that shape a picture, names and the albedo's encoding left out."""
        digest = hashlib.sha256()
        own = (self.albedo.mean, self.albedo.basis) if self.albedo else ()
        anatomy = (self.fields[name] for name in sorted(self.fields))
        for array in (self.mean, self.basis, self.faces, *anatomy, self.expression_basis, *own):
            digest.update(np.ascontiguousarray(array).tobytes())
        if self.canonical is not None:
            digest.update(np.ascontiguousarray(self.canonical).tobytes())
        return digest.hexdigest()[:16]
