"""The settings that a data set was rendered with, out of what it says of itself."""

import json
import math
from dataclasses import asdict
from typing import Any

from facegen.errors import UserError
from facegen.geometry import Camera
from facegen.settings import RenderSettings
from facegen.shading import Lights
from facegen.shards import Dataset


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
