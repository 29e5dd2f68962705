"""What stands between a person and the picture: pose, camera, key light, background."""

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from facegen.geometry import about


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
    """

    turn: Tensor
    light_azimuth: Tensor
    light_elevation: Tensor
    distance: Tensor
    half_height: Tensor
    middle: Tensor
    background: Tensor

    def turned(self, axis: Literal["x", "y", "z"], angle: Tensor) -> "View":
        """The head turned further, by degrees (batch,) about an axis of the camera's frame."""
        return replace(self, turn=about(axis, angle) @ self.turn)
