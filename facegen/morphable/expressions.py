"""The default head's expressions: MakeHuman's face units, which carry ARKit's names."""

import numpy as np
from numpy.typing import NDArray

from facegen.morphable.makehuman import MakeHumanWheel
from facegen.morphable.phenotype import COMPOSURE

EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "jawOpen": ("jawOpen",),
    "jawLeft": ("jawLeft",),
    "jawRight": ("jawRight",),
    "mouthSmile_L": ("mouthSmileLeft",),
    "mouthSmile_R": ("mouthSmileRight",),
    "mouthFrown": ("mouthFrownLeft", "mouthFrownRight"),
    "mouthPucker": ("mouthPucker",),
    "mouthFunnel": ("mouthFunnel",),
    "mouthStretch": ("mouthStretchLeft", "mouthStretchRight"),
    "mouthPress": ("mouthPressLeft", "mouthPressRight"),
    "mouthUpperUp": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "mouthLowerDown": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "browDown": ("browDownLeft", "browDownRight"),
    "browInnerUp": ("browInnerUp",),
    "browOuterUp_L": ("browOuterUpLeft",),
    "browOuterUp_R": ("browOuterUpRight",),
    "eyeBlink_L": ("eyeBlinkLeft",),
    "eyeBlink_R": ("eyeBlinkRight",),
    "eyeWide": ("eyeWideLeft", "eyeWideRight"),
    "eyeSquint": ("eyeSquintLeft", "eyeSquintRight"),
    "cheekSquint": ("cheekSquintLeft", "cheekSquintRight"),
    "cheekPuff": ("cheekPuff",),
    "noseSneer": ("noseSneerLeft", "noseSneerRight"),
}
"""Which face units make each expression at a weight of 1."""

_REACH = {"eyeBlinkLeft": 0.65, "eyeBlinkRight": 0.65}
"""The share of a face unit that its expression reaches: all of a blink crosses the mean's lids."""


def expression_targets(
    wheel: MakeHumanWheel, vertex_count: int, keep: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Displacements (expression, kept, 3) in mm, from the composed neutral face to each extreme."""
    return np.stack(
        [
            sum(
                (_REACH.get(unit, 1.0) - COMPOSURE.get(unit, 0.0))
                * wheel.face_unit(unit, vertex_count)[keep]
                for unit in units
            )
            for units in EXPRESSIONS.values()
        ]
    )
