"""A contact sheet: what varies in each kind of mini-batch, at a glance."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facegen.latents import EXPRESSION, IDENTITY, LATENTS, OPTIONAL, with_unit
from facegen.shards import Dataset

PAPER, INK, FAINT = "#f7f6f3", "#1f2328", "#6e7178"
MARGIN, GAP = 28, 6
WIDTH = 1870
"""Faces are left out rather than make a row wider than this, pixels."""


def contact_sheet(dataset: Dataset, rows: int = 2) -> Image.Image:
    """Draw rows mini-batches of every kind, the faces of each sorted by what varies in it.

    The value stands under each face in its unit; identities are numbered. Of a mini-batch that is
    too wide, faces at even steps of the order are shown. Raises UserError for a damaged shard.
    """
    split = "train" if dataset.group_count("train") else "test"
    factor_ids = dataset.factor_ids(split)
    label_size = max(10, min(16, dataset.size // 7))
    cell = max(dataset.size, _widest(dataset, label_size)) + GAP
    columns = min(dataset.group_size, max(1, (WIDTH + GAP) // cell))
    row_height = dataset.size + label_size + 12
    title_height = 40
    kinds = [np.flatnonzero(factor_ids == i)[:rows] for i in range(len(dataset.factors))]
    height = sum(title_height + row_height * len(kind) for kind in kinds if len(kind))
    sheet = Image.new("RGB", (2 * MARGIN + columns * cell - GAP, height + 2 * MARGIN + 34), PAPER)
    draw = ImageDraw.Draw(sheet)
    count = dataset.group_size * sum(dataset.group_count(s) for s in ("train", "test"))
    caption = f"{count:,} faces, {dataset.size} x {dataset.size} pixels"
    write_text(draw, (MARGIN, MARGIN), caption, 22)
    top = MARGIN + 34
    for factor, kind in zip(dataset.factors, kinds, strict=True):
        if not len(kind):
            continue
        _title(draw, (MARGIN, top + 14), factor)
        top += title_height
        groups = dataset.read(split, kind)
        for row in range(len(kind)):
            faces = _shown(dataset, groups.labels[row], factor, columns)
            for column, (sample, caption) in enumerate(faces):
                left = MARGIN + column * cell
                sheet.paste(Image.fromarray(groups.images[row, sample]), (left, top))
                middle = (left + dataset.size // 2, top + dataset.size + 4)
                write_text(draw, middle, caption, label_size, anchor="ma")
            top += row_height
    return sheet


def _widest(dataset: Dataset, size: int) -> int:
    """The width of the widest caption that the data set's labels can have, pixels."""
    bounds = zip(dataset.low + dataset.high, 2 * dataset.units, strict=True)
    return max(text_width(with_unit(value, unit), size) for value, unit in bounds)


def _shown(
    dataset: Dataset, labels: NDArray[np.float32], factor: str, columns: int
) -> list[tuple[int, str]]:
    """Which samples of a mini-batch with these labels (sample, latent) to show, and captions."""
    names = [x.name for x in (*LATENTS, *OPTIONAL) if x.factor == factor]
    if not names or names[0] not in dataset.labels:
        return [(i, str(i + 1)) for i in range(columns)]
    column = dataset.labels.index(names[0])
    values, unit = labels[:, column], dataset.units[column]
    steps = np.linspace(0, dataset.group_size - 1, columns).round().astype(int)
    return [(int(i), with_unit(float(values[i]), unit)) for i in np.argsort(values)[steps]]


def _title(draw: ImageDraw.ImageDraw, place: tuple[int, int], factor: str) -> None:
    """Write a kind's title: its name, then what a growing value shows."""
    write_text(draw, place, factor, 18)
    meaning = [f"positive: {x.positive}" for x in (*LATENTS, *OPTIONAL) if x.factor == factor]
    other = {IDENTITY: "other people", EXPRESSION: "other expressions of one person"}
    note = meaning[0] if meaning else f"{other.get(factor, factor)}, everything else fixed"
    left = place[0] + draw.textlength(factor, font=_font(18)) + 12
    write_text(draw, (left, place[1] + 3), note, 14, fill=FAINT)


def write_text(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: int,
    fill: str = INK,
    anchor: str = "la",
) -> None:
    draw.text(place, text, fill=fill, font=_font(size), anchor=anchor)


def text_width(text: str, size: int) -> int:
    """The width of what write_text writes, pixels."""
    return math.ceil(_font(size).getlength(text))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
