"""What a picture depends on besides the person and the scene variables."""

from dataclasses import dataclass, field

from facegen.geometry import Camera
from facegen.shading import Lights


@dataclass(frozen=True)
class RenderSettings:
    """Everything about a picture that no label says.

    size: pixels a side. samples_per_axis: its square is the number of samples a pixel.
    shadows: whether the key light casts them. background: its gray value, 0..1.
    neck: the point, mm in the head's frame, about which the head turns and nods. It lies behind the
        head's centre, so a turning face also moves sideways, as it does on a real neck.
    environment: see View; a row for each coefficient, or none.
    """

    size: int = 150
    samples_per_axis: int = 2
    shadows: bool = True
    background: float = 1.0
    neck: tuple[float, float, float] = (0.0, 0.0, -30.0)
    camera: Camera = field(default_factory=Camera)
    lights: Lights = field(default_factory=Lights)
    environment: tuple[tuple[float, ...], ...] = ()

    @property
    def spacing(self) -> float:
        """Distance of samples that lie next to one another, mm where the camera looks at."""
        shown = 2 * float(self.camera.half_height)
        return shown / (self.size * self.samples_per_axis)
