"""What the first identity coefficients mean: the traits that shape, skin and hair agree on."""

import math

import torch
from torch import Tensor

from facegen.device import constant

TRAITS = ("sex", "age", "weight", "muscle", "ancestry_1", "ancestry_2")
"""Standard normals: masculinity, age, body weight, muscle, and a plane in which three directions
120 degrees apart stand for the ancestries that MakeHuman has targets for."""

ANCESTRIES = ("african", "asian", "caucasian")
_AXES = ((0.0, 1.0), (-math.sqrt(0.75), -0.5), (math.sqrt(0.75), -0.5))


def ancestry_weights(traits: Tensor) -> Tensor:
    """Traits (..., trait) to the weights (..., 3) of ANCESTRIES, which sum to 1."""
    return torch.softmax(2.2 * traits[..., 4:6] @ constant(_AXES, traits).T, dim=-1)


def masculinity(traits: Tensor) -> Tensor:
    """Traits (..., trait) to 0 (female) .. 1 (male)."""
    male: Tensor = torch.special.ndtr(2.0 * traits[..., 0])
    return male


def age_years(traits: Tensor) -> Tensor:
    """Traits (..., trait) to years, 16 .. 85."""
    older: Tensor = torch.special.ndtr(0.9 * traits[..., 1] - 0.2)
    return 16.0 + 69.0 * older
