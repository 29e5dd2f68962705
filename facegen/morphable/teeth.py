"""Teeth of our own in MakeHuman's jaws: crowns beside one another on gums, thicker at the back.

MakeHuman's are a bent strip each, three rows of vertices outside and one inside: seen from the side
in an open mouth, a plate. Crowns are fixed mixtures of the strip's vertices, and move with them.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from facegen.morphable.surface import border_loops

_UPPER_MM = (8.5, 6.5, 7.6, 7.0, 6.8, 10.0, 9.8)
_LOWER_MM = (5.3, 5.9, 6.9, 7.0, 7.1, 11.0, 10.5)
"""Widths of crowns from the middle backwards. Source: Ash & Nelson, Wheeler's Dental Anatomy."""

_THICK = ((0.0, 0.35, 0.55, 1.0), (0.30, 0.34, 0.62, 0.80))
"""Along an arch from its middle to its end, how far in the edge lies of the way to the strip's
inner row: incisors are blades, and molars grind."""

_GUM = 0.30
"""How far the gum's edge is from the strip's middle outer row to its outermost one."""

_ROUND, _SHORT = 0.10, 0.06
"""How far crowns draw back where they meet: inwards, of the way to the inner row, and at the edge,
of a crown's height."""

_BEGUN, _BEVEL = 0.12, 0.06
"""How far up a crown is all enamel, and how far in its edge begins."""

_ROOT, _BEHIND = 0.5, 0.2
"""How much of the gum there is, the rest being behind lips, and how far in that ends."""

_BETWEEN = 0.72
"""Enamel where crowns meet: little light gets in."""

IS_GUM = 0.05
"""What marks gums among what are teeth otherwise."""


@dataclass(frozen=True)
class Arch:
    """The teeth of one jaw.

    weights (vertex, strip's vertex): of each vertex, they sum to 1. faces (face, 3): outward
    counter-clockwise. enamel (vertex,): 1 on crowns, IS_GUM on gums.
    """

    weights: NDArray[np.float64]
    faces: NDArray[np.int64]
    enamel: NDArray[np.float64]


def arch(vertices: NDArray[np.float64], quads: NDArray[np.int64], *, upper: bool) -> Arch:
    """Of a strip of vertices (vertex, 3) and quads (quad, 4), outward counter-clockwise."""
    strip = _rows(vertices, quads)
    along = np.concatenate([[0.0], np.cumsum(_length(vertices[strip[1]]))])
    along -= along[len(along) // 2]
    end = min(along[-1], -along[0])
    meet = np.concatenate([[0.0], np.cumsum(_UPPER_MM if upper else _LOWER_MM)])
    meet *= end / meet[-1]
    # Every crown has a column where it meets the next, and one in its middle.
    half = np.sort(np.concatenate([meet, (meet[1:] + meet[:-1]) / 2]))
    column = np.concatenate([-half[:0:-1], half])
    spline = CubicSpline(along, np.eye(len(along)))(column)
    gum, middle, edge, inner = (spline @ np.eye(len(vertices))[row] for row in strip)
    meets = np.isin(np.abs(column), meet)[:, None]
    thick = np.interp(np.abs(column) / end, *_THICK)[:, None]
    neck = middle + _GUM * (gum - middle)
    high, inwards = (edge - gum) @ vertices, (inner - gum) @ vertices
    # Straight in, as far as the inner row: without its way up.
    rise = (inwards * high).sum(axis=1) / (high * high).sum(axis=1)
    across = (inner - gum) - rise[:, None] * (edge - gum)
    front, crest = neck + meets * _ROUND * across, edge - meets * _SHORT * (edge - neck)
    crown = np.where(meets[:, 0], _BETWEEN, 1.0)
    gums = np.full(len(column), IS_GUM)
    rows = (
        (neck + _ROOT * (gum - neck) + _BEHIND * across, gums),
        (front, gums),
        (front + _BEGUN * (edge - neck), crown),
        (crest + (_BEVEL + meets * _ROUND) * across, crown),
        (crest + thick * across, crown),
        (inner, gums),
    )
    grid = np.arange(len(rows) * len(column)).reshape(len(rows), -1)
    sides = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=-1)
    sides = sides.reshape(-1, 4)
    faces = np.concatenate(
        [
            sides[:, [0, 1, 2]],
            sides[:, [0, 2, 3]],
            *(_fan(end) for end in (grid[:, 0], grid[::-1, -1])),
        ]
    )
    return Arch(
        weights=np.concatenate([row for row, _ in rows]),
        faces=faces,
        enamel=np.concatenate([enamel for _, enamel in rows]),
    )


def _rows(vertices: NDArray[np.float64], quads: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The strip's four rows, from the gum over the edge inwards, along the arch.

    A quad's corners follow one another as row[c], row[c + 1] and the same of the next row do.
    """
    (loop,) = border_loops(quads)
    ends = np.flatnonzero(np.bincount(quads.ravel())[loop] == 1)
    ring, turns = np.roll(loop, -ends[0]), [*(ends - ends[0]), len(loop)]
    ring = np.append(ring, ring[0])
    sides = [ring[start : stop + 1] for start, stop in itertools.pairwise(turns)]
    # Along the gum it is the longest way.
    rows = [max(sides, key=lambda side: _length(vertices[side]).sum())]
    beyond = {
        (a, b): (d, c)
        for quad in quads.tolist()
        for a, b, c, d in (np.roll(quad, -turn) for turn in range(4))
    }
    for _ in range(3):
        steps = [beyond[step] for step in itertools.pairwise(rows[-1].tolist())]
        rows.append(np.array([steps[0][0], *(stop for _, stop in steps)]))
    return rows


def _length(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the steps (point - 1,) of a path (point, 3)."""
    return np.asarray(np.linalg.norm(np.diff(path, axis=0), axis=1))


def _fan(ring: NDArray[np.int64]) -> NDArray[np.int64]:
    """The triangles (triangle, 3) of a ring's inside."""
    first = np.full(len(ring) - 2, ring[0])
    return np.stack([first, ring[1:-1], ring[2:]], axis=1)
