"""Long, tied and pinned hair: a sheet of its own beside the head, one grid for every style.

The grid has columns around the head and rows from root to tip, an outside and an inside. As a
curtain it falls from the parting round to the other side of the face; as a tail or a bun it closes
to a tube or a ball behind the head. It follows the shape of the head through the vertices that its
places on the mean head lie next to. Who wears none has the grid folded up within the skull, where
it costs nothing.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.appearance import PART_MM, Appearance
from facegen.curtain import COARSE, GUIDES, HIGHEST, LOWEST, TOP, Grid, Outside, curtain, under
from facegen.curves import smooth_step
from facegen.device import constant
from facegen.geometry import VertexNormals, unit
from facegen.tied import tied

_NEIGHBOURS = 6

RESTING = -120.0
"""Height over the eyes, mm, at which hair ends whose strands are as long as Hairdresser.combed has
them: those of other hair are as much longer or shorter below HIGHEST."""

_SKULL = 0.45
"""The share of the way from root to tip, as styles count it, that lies on the skull."""

_BENDS = 2
"""How often strands' directions are averaged with those further down, on the coarse grid."""


def longer(tip: Tensor) -> Tensor:
    """How many times as far as to RESTING hair falls whose tips are at a height, mm."""
    return (HIGHEST - tip) / (HIGHEST - RESTING)


class Tresses(NamedTuple):
    """What Hairdresser.dress makes of people; (batch, 3, vertex) and (batch, vertex).

    vertices: mm, head frame. tone: a factor of the hair's colour.
    """

    vertices: Tensor
    tone: Tensor


_ON_HAIR = {
    "is_skin": 1.0, "eye_angle": -1.0, "scalp": 99.0, "around": 180.0,
    "brow": -99.0, "beard": -99.0, "moustache": -99.0, "cloth": -99.0,
}  # fmt: skip


class Hairdresser:
    """The grid of one head model: its faces, and where they are for people.

    faces int32 (face, 3): indices from 0 on. normals: makes unit normals of places of the vertices.
    strand (3, vertex): unit tangents from root to tip. occlusion (vertex,): the share of the sky in
    view. combed (2, vertex): mm across the strands and, over the eyes, along them, of hair that
    ends at RESTING.
    """

    def __init__(self, mean: Tensor, body: Anatomy, grid: Grid = COARSE):
        """A head's mean (3, vertex), mm, and the anatomy of its body."""
        self._grid = grid
        # The share of the free fall above each row, and of the whole way from root to tip.
        hanging = (torch.arange(grid.fall) + 1.0) / grid.fall
        self._fallen = torch.cat([torch.zeros(grid.crown), hanging])[:, None]
        skull = torch.linspace(0, _SKULL, grid.crown)
        self._row = torch.cat([skull, _SKULL + (1 - _SKULL) * hanging])[:, None]
        # At the crown all locks meet: side by side they would show as a star.
        self._apart = smooth_step(self._row, 0.02, 0.22)
        eye_height = float(mean[1, body.is_skin < 0.5].mean())
        # Hair lies on skin, but not on ears.
        scalp = (body.is_skin > 0.5) & (body.ear < 0.02)
        points = mean.T.double().numpy() - [0.0, eye_height, 0.0]
        skin = np.flatnonzero(scalp.numpy())
        self._eye_height = eye_height
        # Where no hair grows, as on the crop of a face, it would hang from nowhere.
        self._whole = bool((body.scalp > 0).any())
        self._centre = torch.tensor([TOP[0], TOP[1] + eye_height, TOP[2]])[:, None, None]
        outside = Outside(points[skin])
        curtains = [curtain(outside, shift, grid) for shift in (-1.0, 0.0, 1.0)]
        # The crown's rows, and dense guides below them, by the side on which the parting is.
        raised = np.array([0.0, eye_height, 0.0])[:, None, None]
        left, middle, right = (torch.from_numpy(crown + raised).float() for crown, _ in curtains)
        self._crown = _quadratic(left, middle, right)
        depth = [torch.from_numpy(under(points, shift)).float() for shift in (-1.0, 0.0, 1.0)]
        self._sheet = _quadratic(*depth)
        self._guides = torch.from_numpy(curtains[1][1] + raised).float()
        resting = torch.cat([middle, self._fall(torch.tensor([RESTING]))[0]], dim=1)
        distance, near = cKDTree(points[skin]).query(
            (resting - torch.from_numpy(raised)).reshape(3, -1).T.numpy(), k=_NEIGHBOURS
        )
        weights = 1 / (distance + 4.0)
        self._near = torch.from_numpy(skin[near])
        self._weights = torch.from_numpy(weights / weights.sum(1, keepdims=True)).float()
        self._back = torch.from_numpy(skin[[outside.nearest(height) for height in (25.0, 62.0)]])
        self._mean = mean
        column = np.linspace(-1, 1, grid.columns)
        self._column = torch.from_numpy(column).float()
        outer = grid.faces()
        count = grid.rows * grid.columns
        self.faces = torch.from_numpy(np.concatenate([outer, outer[:, ::-1] + count])).int()
        self.normals = VertexNormals(self.faces, 2 * count)
        along = torch.diff(resting, dim=1, append=2 * resting[:, -1:] - resting[:, -2:-1])
        # Where the way bends from the skull downwards, light would find an edge.
        for _ in range(round(_BENDS * (grid.rows / COARSE.rows) ** 2)):
            along[:, :-1] = (along[:, :-1] + along[:, 1:]) / 2
        along = torch.nn.functional.normalize(along, dim=0).flatten(1)
        self.strand = torch.cat([along, along], dim=1)
        self.occlusion = torch.cat([torch.full((count,), 0.85), torch.full((count,), 0.75)])
        random = np.random.default_rng(7)
        height = torch.cat([resting[1], resting[1]]).flatten() - eye_height
        wide = torch.from_numpy(220.0 * column).float().repeat(2 * grid.rows)
        self.combed = torch.stack([wide, height])
        # The same locks on every grid.
        drawn = random.standard_normal((3, 1, COARSE.columns))
        lock = CubicSpline(np.linspace(-1, 1, COARSE.columns), drawn, axis=2)(column)
        self._lock = torch.from_numpy(lock).float()

    def hung(self, body: Anatomy) -> Anatomy:
        """The anatomy of a body that knows where a sheet of loose hair begins."""
        return dataclasses.replace(body, sheet=self._sheet) if self._whole else body

    def joined(self, body: Anatomy) -> Anatomy:
        """The anatomy of a body and, behind its vertices, the tresses'."""
        count = len(self.occlusion)
        own = {"strand": self.strand, "occlusion": self.occlusion}
        planes = {}
        for name in Anatomy.__dataclass_fields__:
            plane: Tensor = getattr(body, name)
            bare = plane.new_full((*plane.shape[:-1], count), _ON_HAIR.get(name, 0.0))
            planes[name] = torch.cat([plane, own.get(name, bare)], dim=-1)
        return Anatomy(**planes)

    def dress(self, body: Tensor, person: Appearance) -> Tresses:
        """The hair of people whose bodies are (batch, 3, vertex), mm, without hair of their own."""
        moved = body - self._mean
        loose = self._hang(person, moved)
        tail = self._tie(person, moved)
        style = person.tied[:, None, None, None]
        outer = torch.where(style > 0.5, tail[0], loose)
        inner = torch.where(style > 0.5, tail[1], self._lining(loose))
        nowhere = self._centre.expand_as(outer[0])
        worn = (person.long[:, None, None, None] > 0.5) & self._whole
        grid = torch.stack([torch.where(worn, side, nowhere) for side in (outer, inner)], dim=2)
        tone = 1 + 0.16 * self._locks(person, 0) * self._apart
        tone = tone * (1.05 - 0.25 * self._row)
        # Light gets through fair hair, and lights it from within.
        within = 0.8 + 1.2 * person.hair_colour.mean(dim=1)[:, None, None]
        return Tresses(grid.flatten(2), torch.stack([tone, within * tone], dim=1).flatten(1))

    def _locks(self, person: Appearance, kind: int) -> Tensor:
        """Irregular numbers (batch, 1, column), about standard normal, a person's own."""
        phase = (kind + 1) * person.mottle
        mixed = (phase.sin()[..., None, None] * self._lock).sum(1)
        return mixed + 0.6 * self._lock[kind]

    def _fall(self, tip: Tensor) -> Tensor:
        """Falling rows (batch, 3, row, column) of hair that ends at tip (batch, 1 or column)."""
        tip = tip.reshape(len(tip), 1, -1)
        whole = (HIGHEST - tip) / (HIGHEST - LOWEST) * (GUIDES - 1)
        reached = whole * self._fallen[-self._grid.fall :]
        table = self._guides.expand(len(tip), -1, -1, -1)
        return _between(table, reached.expand(-1, -1, self._grid.columns))

    def _follow(self, moved: Tensor, tip: Tensor) -> Tensor:
        """How far a curtain that ends at tip (batch, column) is carried (batch, 3, row, column).

        moved (batch, 3, vertex): how far a head's vertices are from the mean's.
        """
        rows, fall = self._grid.rows, self._grid.fall
        near = (moved[:, :, self._near] * self._weights).sum(-1).reshape(len(moved), 3, rows, -1)
        # Each row goes with what is beside it, and not with what would be were the hair longer.
        share = self._fallen[-fall:]
        beside = (longer(tip)[:, None] * share * fall).clamp(max=fall)
        falling = _between(near[:, :, -fall - 1 :], beside)
        return torch.cat([near[:, :, :-fall], falling], dim=2)

    def _hang(self, person: Appearance, moved: Tensor) -> Tensor:
        """The curtain (batch, 3, row, column) on a head, with volume, waves and locks."""
        part = (person.part / PART_MM)[:, None, None, None]
        crown = self._crown[0] + part * self._crown[1] + part**2 * self._crown[2]
        tip = person.tip[:, None]
        tip = tip + (1.0 + 2.0 * longer(tip)) * self._locks(person, 1)[:, 0]
        tip = tip.clamp(LOWEST, -12.0)
        base = torch.cat([crown, self._fall(tip)], dim=2)
        away = base - self._centre
        fall = self._fallen
        away = torch.stack([away[:, 0], away[:, 1] * (fall == 0), away[:, 2]], dim=1)
        away = unit(away, dim=1)
        # At the hairline it comes out of the skin, and below the temples it lies on cheek and neck.
        edge = 1 - self._column.abs()
        rise = (edge * 9.0).clamp(0, 1) ** 0.5
        rise = rise + (1 - rise) * (0.15 + 0.2 * (4 * fall).clamp(0, 1))
        lush = person.lushness[:, None, None]
        grown = (self._row * 7.0).clamp(0, 1)
        thick = (3.0 + lush * (0.55 + 0.45 * grown)) * rise - 1.5 * (1 - rise)
        turn = 2 * torch.pi * (base[:, 1] / 46.0) + 0.8 * self._locks(person, 2)
        wave = (person.wave[:, None, None] * torch.sin(turn)) * (fall + 0.3 * grown * (1 - fall))
        loose = 1.2 * self._locks(person, 0) * (0.4 * self._apart + fall)
        flare = 0.33 * person.flare[:, None, None] * torch.sin(torch.pi * fall) ** 2
        # Very full hair is closed in front, and turns in below.
        wide = smooth_step(base[:, 1] - self._eye_height, 95.0, 15.0)
        full = person.body[:, None, None] * (0.55 + 0.45 * grown)
        full = full + person.bulk[:, None, None] * wide
        full = full * (7.0 * edge).clamp(0, 1) ** 0.5 * (1 - 0.8 * fall**2)
        out = thick + (wave + loose + flare) * rise + full
        return base + self._follow(moved, tip) + away * out[:, None]

    def _lining(self, sheet: Tensor) -> Tensor:
        """The inside of the sheet: nearer to the axis than the outside."""
        away = sheet - self._centre
        level = torch.stack([away[:, 0], 0.0 * away[:, 1], away[:, 2]], dim=1)
        level = unit(level, dim=1)
        # Tips are thin, and at its free edges the sheet is closed: nobody looks in between.
        thin = (1 - 0.9 * self._row**8) * (0.02 + 7.0 * (1 - self._column.abs())).clamp(max=1)
        return sheet - level * (1.0 + 3.0 * self._row) * thin

    def _tie(self, person: Appearance, moved: Tensor) -> tuple[Tensor, Tensor]:
        """A tail or a bun (batch, 3, row, column), and the line in its middle."""
        around, line = tied(person, self._row, self._column, self._locks(person, 0))
        follow = moved[:, :, self._back].mean(-1)[..., None, None]
        line = line + constant((0.0, self._eye_height, 0.0), line)[:, None, None] + follow
        return line + around, line


def _between(table: Tensor, row: Tensor) -> Tensor:
    """What lies between rows of a table (batch, 3, row, column), at numbers (batch, at, column)."""
    count, columns = table.shape[2:]
    above = row.floor().clamp(max=count - 2)
    place = above.long() * columns + torch.arange(columns, device=row.device)
    place = place.flatten(1)[:, None].expand(-1, 3, -1)
    values = table.flatten(2)
    first, second = values.gather(2, place), values.gather(2, place + columns)
    part = (row - above).flatten(1)[:, None]
    return (first + part * (second - first)).reshape(len(row), 3, *row.shape[1:])


def _quadratic(left: Tensor, middle: Tensor, right: Tensor) -> Tensor:
    """Coefficients (3, ...) of 1, s and s**2 for what is that at s = -1, 0 and 1."""
    return torch.stack([middle, (right - left) / 2, (right + left) / 2 - middle])
