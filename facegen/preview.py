"""A contact sheet: what varies in each kind of mini-batch, at a glance."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facegen.latents import IDENTITY, LATENTS
from facegen.shards import Dataset, Groups

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
    columns = min(dataset.group_size, max(1, (WIDTH + GAP) // (dataset.size + GAP)))
    label_size = max(10, min(16, dataset.size // 7))
    cell = dataset.size + GAP
    row_height = dataset.size + label_size + 12
    title_height = 40
    kinds = [np.flatnonzero(factor_ids == i)[:rows] for i in range(len(dataset.factors))]
    height = sum(title_height + row_height * len(kind) for kind in kinds if len(kind))
    sheet = Image.new("RGB", (2 * MARGIN + columns * cell - GAP, height + 2 * MARGIN + 34), PAPER)
    draw = ImageDraw.Draw(sheet)
    count = dataset.group_size * sum(dataset.group_count(s) for s in ("train", "test"))
    _text(
        draw,
        (MARGIN, MARGIN),
        f"{count:,} faces, {dataset.size} x {dataset.size} pixels",
        22,
    )
    top = MARGIN + 34
    for factor, kind in zip(dataset.factors, kinds, strict=True):
        if not len(kind):
            continue
        _title(draw, (MARGIN, top + 14), factor)
        top += title_height
        groups = dataset.read(split, kind)
        for row in range(len(kind)):
            order, captions = _sorted(dataset, groups, row, factor)
            last = columns - 1 if factor == IDENTITY else dataset.group_size - 1
            chosen = np.linspace(0, last, columns).round().astype(int)
            for column, place in enumerate(chosen):
                left = MARGIN + column * cell
                sheet.paste(Image.fromarray(groups.images[row, order[place]]), (left, top))
                middle = (left + dataset.size // 2, top + dataset.size + 4)
                _text(draw, middle, captions[place], label_size, anchor="ma")
            top += row_height
    return sheet


def _sorted(
    dataset: Dataset, groups: Groups, row: int, factor: str
) -> tuple[NDArray[np.intp], list[str]]:
    """The order in which to show a mini-batch, and the captions in that order."""
    if factor == IDENTITY:
        return np.arange(dataset.group_size), [str(i + 1) for i in range(dataset.group_size)]
    names = [latent.name for latent in LATENTS if latent.factor == factor]
    column = dataset.labels.index(names[0])
    values = groups.labels[row, :, column]
    order = np.argsort(values)
    unit = dataset.units[column]
    sign = "\N{DEGREE SIGN}" if unit == "degree" else f" {unit}"
    return order, [f"{round(v):+d}{sign}" for v in values[order]]


def _title(draw: ImageDraw.ImageDraw, place: tuple[int, int], factor: str) -> None:
    """Write a kind's title: its name, then what a growing value shows."""
    _text(draw, place, factor, 18)
    meaning = [f"positive: {x.positive}" for x in LATENTS if x.factor == factor]
    note = meaning[0] if meaning else "other people, everything else fixed"
    left = place[0] + draw.textlength(factor, font=_font(18)) + 12
    _text(draw, (left, place[1] + 3), note, 14, fill=FAINT)


def _text(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: int,
    fill: str = INK,
    anchor: str = "la",
) -> None:
    draw.text(place, text, fill=fill, font=_font(size), anchor=anchor)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
