"""What stands between a person and the picture: pose, camera, key light, background."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.geometry import Camera, about


@dataclass(frozen=True)
class View:
    """A batch of views; any of these tensors may ask for a gradient.

    turn (batch, 3, 3): the rotation from the head's frame to the camera's.
    light_azimuth, light_elevation (batch,): where the key light comes from, degrees, in the
        camera's frame.
    distance (batch,): mm from the camera to the origin, about which the head stays as large.
    half_height (batch,): mm at the origin that the picture shows above and below its middle.
    middle (batch, 2): mm at the origin, x and y of what the picture's middle shows.
    background (batch,): gray value of the picture where there is nobody, 0..1.
    environment (batch, 9, 1 or 3): light from all around, in place of the settings' sky and fill;
        see facegen.harmonics.
    """

    turn: Tensor
    light_azimuth: Tensor
    light_elevation: Tensor
    distance: Tensor
    half_height: Tensor
    middle: Tensor
    background: Tensor
    environment: Tensor | None = None

    @property
    def camera(self) -> Camera:
        """The cameras of the batch, with tensors (batch, 1)."""
        places = (self.distance, self.half_height, *self.middle.unbind(1))
        return Camera(*(place[:, None] for place in places))

    @classmethod
    def at_rest(
        cls, ones: Tensor, camera: Camera, light_elevation: float, background: float
    ) -> "View":
        """As many frontal views, lit from the front, as there are ones (batch,)."""
        return cls(
            turn=torch.eye(3).to(ones).expand(len(ones), 3, 3),
            light_azimuth=torch.zeros_like(ones),
            light_elevation=light_elevation * ones,
            distance=camera.distance * ones,
            half_height=camera.half_height * ones,
            middle=torch.zeros_like(ones)[:, None].expand(-1, 2),
            background=background * ones,
        )

    def one(self, number: int) -> "View":
        """View `number` alone, as a batch of one."""
        rows = slice(number, number + 1)
        planes: dict[str, Any] = {
            field.name: None if (plane := getattr(self, field.name)) is None else plane[rows]
            for field in fields(self)
        }
        return View(**planes)

    def turned(self, axis: Literal["x", "y", "z"], angle: Tensor) -> "View":
        """The head turned further, by degrees (batch,) about an axis of the camera's frame."""
        return replace(self, turn=about(axis, angle) @ self.turn)

    def lit(self, person: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], "View"]]:
        """Yield the numbers and views of pictures that differ in their light alone.

        person (batch,): whom each picture shows; they come in that order. What pictures share has
        one item in the view that comes back.
        """
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        planes = {name: plane for name, plane in named if plane is not None}
        moving = ("light_azimuth", "light_elevation")
        still = [
            p.reshape(len(p), -1).cpu().numpy() for name, p in planes.items() if name not in moving
        ]
        _, group = np.unique(np.column_stack([person, *still]), axis=0, return_inverse=True)
        for number in range(group.max() + 1):
            rows = np.flatnonzero(group == number)
            one: dict[str, Any] = {
                name: plane[rows if name in moving else rows[:1]] for name, plane in planes.items()
            }
            yield rows, View(**one)
