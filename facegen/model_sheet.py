"""A face model at a glance: what its modes and expressions do."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from facegen.levels import levels
from facegen.morphable import MorphableModel
from facegen.preview import FAINT, INK, MARGIN, PAPER, write_text
from facegen.render import Renderer, RenderSettings

_SIDE, _GAP, _CELL_GAP, _TEXT = 128, 2, 14, 15
_COLUMNS = 4
_MODES, _COLOURS, _EXPRESSIONS = 16, 4, 24
_LABELS = (18.0, 0.0, -28.0)
"""Azimuth, elevation and light azimuth: a little from the side, so that depth shows."""


@dataclass(frozen=True)
class _Cell:
    """One mode: coefficients (3, size) of identity and expression at its three steps."""

    title: str
    steps: str
    identity: Tensor
    expression: Tensor


def model_sheet(model: MorphableModel) -> Image.Image:
    """The first identity modes at -2, 0 and +2 standard deviations, then colours, expressions."""
    renderer = Renderer(model, RenderSettings(size=_SIDE))
    cells = list(_cells(model))
    rows = -(-len(cells) // _COLUMNS)
    width, height = 3 * _SIDE + 2 * _GAP, _SIDE + 2 * _TEXT
    sheet = Image.new(
        "RGB",
        (
            2 * MARGIN + _COLUMNS * (width + _CELL_GAP) - _CELL_GAP,
            2 * MARGIN + 34 + rows * height,
        ),
        PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    caption = f"{model.name}: {len(model.basis)} modes, {len(model.expression_names)} expressions"
    write_text(draw, (MARGIN, MARGIN), caption, 22)
    for number, cell in enumerate(cells):
        left = MARGIN + number % _COLUMNS * (width + _CELL_GAP)
        top = MARGIN + 34 + number // _COLUMNS * height
        write_text(draw, (left, top), cell.title, _TEXT - 2, fill=INK)
        write_text(draw, (left + width, top), cell.steps, _TEXT - 3, fill=FAINT, anchor="ra")
        for step, picture in enumerate(_pictures(renderer, cell)):
            place = (left + step * (_SIDE + _GAP), top + _TEXT + 4)
            sheet.paste(Image.fromarray(picture), place)
    return sheet


def _cells(model: MorphableModel) -> Iterator[_Cell]:
    rest = torch.zeros(3, model.identity_size)
    neutral = torch.zeros(3, len(model.expression_names))
    signed, weights = torch.tensor([-2.0, 0.0, 2.0]), torch.tensor([0.0, 0.5, 1.0])

    def driven(still: Tensor, column: int, values: Tensor) -> Tensor:
        moved = still.clone()
        moved[:, column] = values
        return moved

    _, colours, *_ = model.split(torch.arange(model.identity_size)[None])
    for column in (*range(len(model.basis))[:_MODES], *colours[0, :_COLOURS].tolist()):
        moved = driven(rest, column, signed)
        yield _Cell(model.identity_names[column], "-2, 0, +2 sd", moved, neutral)
    for number, name in enumerate(model.expression_names[:_EXPRESSIONS]):
        values, steps = (
            (signed, "-2, 0, +2 sd") if model.expression_signed else (weights, "0, 0.5, 1")
        )
        yield _Cell(name, steps, rest, driven(neutral, number, values))


def _pictures(renderer: Renderer, cell: _Cell) -> NDArray[np.uint8]:
    """The three pictures (3, side, side, 3) of a mode."""
    with torch.no_grad():
        people = renderer.people(cell.identity, cell.expression)
        view = renderer.view(torch.tensor([_LABELS] * 3))
        pictures = renderer.render(people, view, colour=True)
    return levels(pictures)
