"""How shards keep the truth about their images: one dataset for each thing that is known.

Nothing that renders is imported here: readers of data sets come by.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = (
    "background", "skin", "neck", "ear", "lips", "mouth", "teeth", "sclera", "iris", "pupil",
    "hair", "beard", "brow", "lash", "cloth",
)  # fmt: skip
"""What a pixel can show; a part's label is its index."""

LANDMARKS = 68
"""See facegen.landmarks for their order."""


@dataclass(frozen=True)
class Column:
    """A dataset of the truth, with the name that facegen.truth.Truth has for it.

    dtype: of the values kept. unit: as the dataset's attribute says it.
    shape: of one image's truth; None stands for the picture's size.
    share: whether values are shares 0..1, which are kept as bytes, times 255.
    """

    name: str
    dtype: str
    unit: str
    shape: tuple[int | None, ...]
    share: bool = False

    def row_shape(self, size: int) -> tuple[int, ...]:
        return tuple(size if length is None else length for length in self.shape)

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values as Truth has them to values as they are kept."""
        return (np.rint(values * 255.0) if self.share else values).astype(self.dtype)


COLUMNS = (
    Column(
        "landmarks",
        "<f4",
        "pixels from the top left corner: x to the right, y down",
        (LANDMARKS, 2),
    ),
    Column("landmarks_visible", "|u1", "1 in sight, 0 hidden or outside the picture", (LANDMARKS,)),
    Column("depth", "<f4", "mm along the camera's axis, 0 at the background", (None, None)),
    Column("normals", "<f2", "unit vectors: x right, y up, z to the camera", (None, None, 3)),
    Column("albedo", "|u1", "linear reflectance times 255: R, G, B", (None, None, 3), share=True),
    Column("parts", "|u1", "index into the attribute part_names", (None, None)),
    Column("mask", "|u1", "share that is not background, times 255", (None, None), share=True),
    Column("intrinsics", "<f4", "camera matrix as OpenCV has it, pixels", (3, 3)),
    Column("extrinsics", "<f4", "[R t] from the head's frame to OpenCV's camera, mm", (3, 4)),
)
