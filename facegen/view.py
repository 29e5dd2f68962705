"""What stands between a person and the picture: pose, camera, key light, background."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.device import carried
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
            turn=torch.eye(3, device=ones.device, dtype=ones.dtype).expand(len(ones), 3, 3),
            light_azimuth=torch.zeros_like(ones),
            light_elevation=light_elevation * ones,
            distance=camera.distance * ones,
            half_height=camera.half_height * ones,
            middle=torch.stack([camera.middle_x * ones, camera.middle_y * ones], dim=1),
            background=background * ones,
        )

    def one(self, number: int) -> "View":
        """View `number` alone, as a batch of one."""
        return self.some(np.array([number]))

    def some(self, numbers: NDArray[np.intp]) -> "View":
        """Those views, in that order."""
        # Once, and not for each of them.
        rows = carried(numbers, self.turn.device)
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        planes: dict[str, Any] = {
            name: None if plane is None else plane[rows] for name, plane in named
        }
        return View(**planes)

    def turned(self, axis: Literal["x", "y", "z"], angle: Tensor) -> "View":
        """The head turned further, by degrees (batch,) about an axis of the camera's frame."""
        return replace(self, turn=about(axis, angle) @ self.turn)

    def grouped(
        self, person: NDArray[np.intp], poses: int
    ) -> Iterator[tuple[NDArray[np.intp], slice, "View"]]:
        """Yield the numbers of pictures that are drawn together, who they show, and their views.

        person (batch,): whom each picture shows. Together are pictures that differ in their light
        alone: what they share has one item in the view that comes back. What is left is of one
        person, or of one each of people who follow each other, up to so many poses at a time.
        """
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        planes = {name: plane for name, plane in named if plane is not None}
        moving = ("light_azimuth", "light_elevation")
        still = [
            p.reshape(len(p), -1).cpu().numpy() for name, p in planes.items() if name not in moving
        ]
        _, group = np.unique(np.column_stack([person, *still]), axis=0, return_inverse=True)
        # NumPy 2.0.0 gives it the shape of a column.
        group = group.reshape(-1)
        order = np.argsort(group, kind="stable")
        ends = np.flatnonzero(np.diff(group[order], append=-1)) + 1
        alone: list[int] = []

        def together() -> tuple[NDArray[np.intp], slice, View]:
            rows = np.array(alone)
            alone.clear()
            return rows, slice(person[rows[0]], person[rows[-1]] + 1), self.some(rows)

        for rows in np.split(order, ends[:-1]):
            who = int(person[rows[0]])
            some = person[alone]
            if alone and (len(rows) > 1 or len(alone) == poses or not _follows(some, who)):
                yield together()
            if len(rows) == 1:
                alone.append(int(rows[0]))
                continue
            one: dict[str, Any] = {
                name: plane[rows if name in moving else rows[:1]] for name, plane in planes.items()
            }
            yield rows, slice(who, who + 1), View(**one)
        if alone:
            yield together()


def _follows(people: NDArray[np.intp], person: int) -> bool:
    """Whether a person is the one that all of these are, or the next after each a next one.

    people: of whom each one follows those before it.
    """
    step = person - int(people[-1])
    return step in (0, 1) and (len(people) == 1 or step == people[1] - people[0])
