"""The truth about one picture: as arrays to be kept, and drawn for people to see."""

import io
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facegen.truth import Truth
from facegen.truth_columns import PARTS

_GAP, _PAPER = 4, 247
_COLOURS = (
    (247, 247, 247), (232, 184, 154), (186, 138, 110), (244, 130, 120), (205, 40, 80), (90, 15, 25),
    (250, 245, 220),
    (235, 235, 250), (70, 130, 230), (25, 25, 30), (92, 66, 40), (150, 105, 60), (50, 150, 70),
    (190, 80, 190), (95, 100, 190),
)  # fmt: skip
"""Of PARTS, in their order."""


def arrays(truth: Truth) -> dict[str, NDArray[Any]]:
    """The first picture's truth by name, and part_names; units stand in facegen.truth.Truth."""
    found = {item.name: getattr(truth, item.name)[0].numpy() for item in fields(truth)}
    return {**found, "part_names": np.array(PARTS)}


def npz_bytes(named: dict[str, Any]) -> bytes:
    """A compressed .npz file of arrays; numpy writes no times into it."""
    file = io.BytesIO()
    np.savez_compressed(file, **named)
    return file.getvalue()


def draw(picture: NDArray[np.uint8], truth: Truth) -> NDArray[np.uint8]:
    """Two rows: landmarks on the picture, parts, mask; depth, normals, albedo."""
    known = arrays(truth)
    somebody = known["depth"] > 0
    depth = known["depth"]
    near, far = (depth[somebody].min(), depth[somebody].max()) if somebody.any() else (0.0, 1.0)
    panels = [
        _landmarks(picture, known["landmarks"], known["landmarks_visible"]),
        np.array(_COLOURS, np.uint8)[known["parts"]],
        _bytes(known["mask"]),
        _bytes(np.where(somebody, 0.9 * (far - depth) / max(far - near, 1.0) + 0.1, 0.0)),
        _bytes(np.where(somebody[..., None], 0.5 + 0.5 * known["normals"], 1.0)),
        # With the gamma of pictures.
        _bytes(np.where(somebody[..., None], np.sqrt(known["albedo"]), 1.0)),
    ]
    size = len(picture)
    sheet = np.full((2 * size + _GAP, 3 * (size + _GAP) - _GAP, 3), _PAPER, np.uint8)
    for number, panel in enumerate(panels):
        top, left = (place * (size + _GAP) for place in divmod(number, 3))
        sheet[top : top + size, left : left + size] = panel if panel.ndim == 3 else panel[..., None]
    return sheet


def _landmarks(
    picture: NDArray[np.uint8], places: NDArray[np.float32], visible: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Green where a landmark is in sight, red where something hides it."""
    page = Image.fromarray(picture).convert("RGB")
    brush, radius = ImageDraw.Draw(page), max(1.0, len(picture) / 200)
    for (x, y), seen in zip(places.tolist(), visible.tolist(), strict=True):
        box = (x - radius, y - radius, x + radius, y + radius)
        brush.ellipse(box, fill="#16c34b" if seen else "#e5352c")
    return np.asarray(page)


def _bytes(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    return (values * 255 + 0.5).astype(np.uint8)
