"""What is seen of teeth: when lips part they lie upon them, and light falls in between."""

import torch
from torch import Tensor

from facegen.anatomy import Anatomy

DARK = 0.1
"""Light on teeth behind lips that are shut: more shows as specks where lips hardly meet."""

_ENAMEL = 0.4
"""How dark the lips' shadow is on teeth, which light gets into from around it and from below."""

_OPEN_MM, _MIDDLE_MM = 3.0, 6.0
"""The gap between lips at which teeth are lit in full, and how far from the middle it counts."""

_LIPS_MM = 3.5
"""How thick lips are before teeth on which they lie."""


class Mouth:
    """How far the expressions of a face model open the mouth."""

    def __init__(self, mean: Tensor, expressions: Tensor, anatomy: Anatomy):
        """Of a mean face (3, vertex) and its expressions (expression, 3 * vertex), both in mm."""
        middle = mean[0].abs() < _MIDDLE_MM
        lips = (anatomy.lips > 0.5) & middle
        rise = expressions.reshape(len(expressions), 3, mean.shape[1])[:, 1, lips]
        self._gaps = rise.amax(dim=1) - rise.amin(dim=1) if rise.numel() else rise.sum(dim=1)
        self._which = (anatomy.teeth > 0).nonzero()[:, 0]
        teeth = (anatomy.teeth > 0.5) & middle
        behind = torch.zeros(())
        if lips.any() and teeth.any():
            behind = mean[2, lips].amin() - mean[2, teeth].amax() - _LIPS_MM
        self._forward = behind.clamp(min=0.0) * (anatomy.teeth > 0)

    def lit(self, expression: Tensor) -> Tensor:
        """The share (batch,) of their light that teeth get: expression (batch, expression)."""
        return DARK + (1 - DARK) * self._opened(expression)

    def forward(self, expression: Tensor) -> Tensor:
        """How far forward (batch, vertex), mm, teeth come: expression (batch, expression).

        At rest they stand well behind the lips, where they cannot pierce them. Lips that part are
        drawn over teeth; seen from the side, the gap between the two would be black.
        """
        return self._opened(expression)[:, None] * self._forward

    def _opened(self, expression: Tensor) -> Tensor:
        return (expression @ self._gaps / _OPEN_MM).clamp(0, 1)

    def past_lips(self, visible: Tensor) -> Tensor:
        """What vertices (batch, vertex) get of the key light, teeth more than shadows say.

        In place, where no gradients are recorded.
        """
        lit = 1 - _ENAMEL * (1 - visible[:, self._which])
        if visible.requires_grad:
            return visible.index_copy(1, self._which, lit)
        return visible.index_copy_(1, self._which, lit)
