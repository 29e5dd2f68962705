"""What a picture depends on besides the person and the scene variables."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from facegen.errors import UserError
from facegen.geometry import Camera
from facegen.shading import Lights
from facegen.shards import Dataset


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


def read_settings(dataset: Dataset) -> RenderSettings:
    """The settings that a data set was rendered with.

    Raises UserError when a version of facegen wrote them that had other settings.
    """
    try:
        kept = dataset.config["render"]
        settings = RenderSettings(
            **{
                **kept,
                "neck": tuple(kept["neck"]),
                "camera": Camera(**kept["camera"]),
                "lights": Lights(**kept["lights"]),
                "environment": tuple(map(tuple, kept.get("environment", ()))),
            }
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{dataset.path}: rendered with settings that this version does not know "
            f"({' '.join(str(error).split())}); generate the data set anew"
        ) from error
    if not _same_kinds(json.loads(json.dumps(asdict(RenderSettings()))), kept):
        raise UserError(f"{dataset.path}: its render settings are not numbers where they should be")
    return settings


def _same_kinds(expected: Any, found: Any) -> bool:
    """Whether JSON has numbers, truth values and lists of numbers where they are expected."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(_same_kinds(expected[name], value) for name, value in found.items())
    if isinstance(expected, list) and isinstance(found, list):
        if not expected:
            return all(
                isinstance(row, list) and _same_kinds([0.0] * len(row), row) for row in found
            )
        return len(expected) == len(found) and all(map(_same_kinds, expected, found))
    numbers = (int, float)
    return type(expected) is type(found) or (
        type(expected) in numbers and type(found) in numbers and math.isfinite(found)
    )
