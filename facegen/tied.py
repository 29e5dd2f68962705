"""Hair that is tied: a tail that leaves the back of the head and falls, or a bun."""

import torch
from torch import Tensor

from facegen.appearance import Appearance


def tied(person: Appearance, row: Tensor, column: Tensor, locks: Tensor) -> tuple[Tensor, Tensor]:
    """What is around a tail's or a bun's middle line, and that line: (batch, 3, row, column), mm.

    The line's origin is between the eyes. row (row, 1): 0 at the root .. 1 at the tip. column
    (column,): -1 .. 1 around the line. locks (batch, 1, column): about standard normal.
    """
    bun = person.bun[:, None, None]
    height = 25.0 + 37.0 * person.tie_height[:, None, None]
    back = -96.0 + 22.0 * person.tie_height[:, None, None]
    reach = (person.tip[:, None, None] - height).clamp(max=-40.0)
    # A tail leaves the head backwards, and falls.
    tail_y = height + 10.0 * torch.sin(3.0 * row) + reach * row**1.5
    tail_z = back + 8.0 - 52.0 * torch.sin((2.2 * row).clamp(max=1.57)) + 30.0 * row**2
    narrow = (1 - 3 * row).clamp(min=0)
    tail_r = (13.0 + 9.0 * (1 - narrow)) * (1 - row**3).clamp(min=0.02) ** 0.5
    lush = 0.75 + 0.5 * person.lushness[:, None, None] / 10.0
    half = torch.pi * (row - 0.5)
    size = 24.0 * lush
    bun_y, bun_z = height + 0 * row, back - 0.55 * size - 0.8 * size * torch.sin(half)
    bun_r = size * half.cos()
    y, z, r = (
        tail + bun * (ball - tail)
        for tail, ball in ((tail_y, bun_y), (tail_z, bun_z), (tail_r * lush, bun_r))
    )
    swirl = torch.sin(5 * torch.pi * column + 9 * row)
    r = r * (1 + 0.05 * locks + 0.05 * swirl)
    turn = torch.pi * column
    # Around a tail that falls and a ball that points backwards alike: x, and up or backwards.
    lying = bun + (1 - bun) * (1 - (3.0 * row).clamp(0, 1))
    x, level = r * turn.sin(), r * turn.cos()
    line = torch.stack([0 * x, y + 0 * x, z + 0 * x], dim=1)
    return torch.stack([x, level * lying, -level * (1 - lying)], dim=1), line
