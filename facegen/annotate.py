"""The truth about whole mini-batches, as shards keep it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facegen.device import carried
from facegen.people import distinct
from facegen.render import Renderer
from facegen.truth import GroundTruth
from facegen.truth_columns import COLUMNS


class Annotator:
    """Tells the truth about labelled scenes."""

    def __init__(self, renderer: Renderer):
        self._renderer = renderer
        self._tell = GroundTruth(renderer)

    def truth(
        self,
        labels: NDArray[np.float32],
        identity: NDArray[np.float32],
        expression: NDArray[np.float32] | None,
        *,
        names: Sequence[str],
    ) -> dict[str, NDArray[Any]]:
        """What is known about renderer.images of these, by column: (batch, *the column's shape)."""
        size = self._renderer.settings.size
        found = {
            column.name: np.empty((len(labels), *column.row_shape(size)), column.dtype)
            for column in COLUMNS
        }
        _, first, which = distinct(identity, expression)
        for number, person in enumerate(first):
            rows = np.flatnonzero(which == number)
            how = None if expression is None else self._there(expression[[person]])
            with torch.no_grad():
                people = self._renderer.people(self._there(identity[[person]]), how)
                view = self._renderer.view(self._there(labels[rows]), names)
            told = self._tell(people, view)
            for column in COLUMNS:
                found[column.name][rows] = column.encode(getattr(told, column.name).cpu().numpy())
        return found

    def _there(self, values: NDArray[np.float32]) -> Tensor:
        return carried(values, self._renderer.device)
