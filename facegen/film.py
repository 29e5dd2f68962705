"""A sweep drawn for people: a strip of labelled rows, and the same as an animation."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facegen.preview import FAINT, INK, PAPER, text_width, write_text

_GAP, _MARGIN = 4, 16
_GRAY_PAPER = 247
"""PAPER, in gray."""


@dataclass(frozen=True)
class Row:
    """One row of a sweep.

    title: what made the pictures; no room is left for an empty one.
    frames: uint8 (frame, size, size), gray, or (frame, size, size, 3), RGB.
    """

    title: str
    frames: NDArray[np.uint8]


def draw_strip(rows: list[Row], captions: list[str], columns: int = 11) -> Image.Image:
    """Rows of faces at even steps of the sweep, a caption under each column."""
    steps = np.linspace(0, len(captions) - 1, min(columns, len(captions))).round().astype(int)
    side = rows[0].frames.shape[1]
    text = max(11, side // 9)
    # Under small faces, captions are wider than these.
    room = max(side, *(text_width(captions[step], text) for step in steps))
    cell = room + _GAP
    above = [2 * text - 4 if row.title else 0 for row in rows]
    height = sum(above) + len(rows) * (side + 4) + text + 2 * _MARGIN
    strip = Image.new("RGB", (2 * _MARGIN + len(steps) * cell - _GAP, height), PAPER)
    draw = ImageDraw.Draw(strip)
    top = _MARGIN
    for row, space in zip(rows, above, strict=True):
        write_text(draw, (_MARGIN, top), row.title, text, fill=FAINT)
        top += space
        for column, step in enumerate(steps):
            left = _MARGIN + column * cell + (room - side) // 2
            strip.paste(Image.fromarray(row.frames[step]), (left, top))
        top += side + 4
    for column, step in enumerate(steps):
        middle = _MARGIN + column * cell + room // 2
        write_text(draw, (middle, top), captions[step], text, fill=INK, anchor="ma")
    return strip


def animation(rows: list[Row], captions: list[str], seconds: float = 3.0) -> bytes:
    """A GIF file that plays the rows side by side, there and back, for ever."""
    side = max(150, rows[0].frames.shape[1])
    mode, paper = ("RGB", PAPER) if rows[0].frames.ndim == 4 else ("L", _GRAY_PAPER)
    order = [*range(len(captions)), *range(len(captions) - 2, 0, -1)]
    pages = []
    for step in order:
        page = Image.new(mode, (len(rows) * (side + _GAP) - _GAP, side + 22), paper)
        draw = ImageDraw.Draw(page)
        for column, row in enumerate(rows):
            face = Image.fromarray(row.frames[step]).resize((side, side), Image.Resampling.BICUBIC)
            page.paste(face, (column * (side + _GAP), 0))
            middle = column * (side + _GAP) + side // 2
            write_text(draw, (middle, side + 4), row.title, 13, fill="#555555", anchor="ma")
        pages.append(page)
    duration = max(20, round(1000 * seconds / max(1, len(order) / 2)))
    more, file = pages[1:], io.BytesIO()
    pages[0].save(file, "GIF", save_all=True, append_images=more, duration=duration, loop=0)
    return file.getvalue()
