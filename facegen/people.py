"""People as light and camera find them: shape, skin and hair, with nothing of the scene in it."""

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.appearance import Appearance
from facegen.device import carried
from facegen.shading import Surface


@dataclass(frozen=True)
class People:
    """A batch of people as light and camera find them, in the head's own frame.

    vertices (batch, 3, vertex): mm, hair included. normals (batch, 3, vertex): unit.
    skin, hair (batch, 3, vertex): linear reflectance of the two layers, 0..1.
    covered (batch, vertex): how much hair hides the skin, before it is clamped to 0..1.
    gloss, exposure (batch,): factors of the specular reflection and of the whole picture.
    appearance: what skin, hair and covered were painted from, so that large pictures can be painted
        sample by sample; None where those shall be taken as they are.
    """

    vertices: Tensor
    normals: Tensor
    skin: Tensor
    hair: Tensor
    covered: Tensor
    gloss: Tensor
    exposure: Tensor
    appearance: Appearance | None = None

    def surface(self, normals: Tensor, strand: Tensor, anatomy: Anatomy) -> Surface:
        """What of them is lit: normals and strand (batch, 3, vertex) in the camera's frame."""
        return Surface(
            normals=normals,
            strand=strand,
            skin=self.skin,
            hair=self.hair,
            covered=self.covered,
            gloss=self.gloss,
            occlusion=anatomy.occlusion,
            wet=anatomy.wet,
        )

    def one(self, number: int) -> "People":
        """Person `number` alone, as a batch of one."""
        return _some(self, slice(number, number + 1))

    def some(self, numbers: slice | NDArray[np.intp]) -> "People":
        """Those people, in that order; of a slice, memory is shared."""
        if isinstance(numbers, slice):
            return _some(self, numbers)
        # Once, and not for each of them.
        return _some(self, carried(numbers, self.vertices.device))


def distinct(
    identity: NDArray[np.float32], expression: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """Who is in scenes of these coefficients (scene, mode), each once.

    Comes back as coefficients (person, mode), those of the expression behind those of the identity;
    the first scene of each person (person,); and which person is in each scene (scene,).
    """
    faces = identity if expression is None else np.hstack([identity, expression])
    people, first, which = np.unique(faces, axis=0, return_index=True, return_inverse=True)
    return people, first, which.reshape(-1)


_Batch = TypeVar("_Batch", People, Appearance)


def _some(batch: _Batch, numbers: slice | Tensor) -> _Batch:
    fields = {item.name: getattr(batch, item.name) for item in dataclasses.fields(batch)}
    for name, value in fields.items():
        if isinstance(value, Tensor):
            fields[name] = value[numbers]
        elif isinstance(value, Appearance):
            fields[name] = _some(value, numbers)
    return dataclasses.replace(batch, **fields)
