"""Sheets and strips of faces, drawn for people."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fakes import make_dataset
from PIL import ImageDraw

from facegen.film import Row, draw_strip
from facegen.preview import contact_sheet, text_width
from facegen.shards import Dataset


def test_captions_of_small_faces_do_not_touch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[float, float, float, float]] = []

    def record(
        draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, **style: str
    ) -> None:
        if style.get("anchor") == "ma":
            half = text_width(text, size) / 2
            written.append((place[1], place[0] - half, place[0] + half, draw.im.size[0]))

    make_dataset(tmp_path / "faces", size=8)
    monkeypatch.setattr("facegen.preview.write_text", record)
    monkeypatch.setattr("facegen.film.write_text", record)
    contact_sheet(Dataset(tmp_path / "faces"))
    draw_strip([Row("", np.zeros((2, 8, 8), np.uint8))], ["with the skin seen", "turned"])
    assert len(written) == 8 * 20 + 2
    for (top, left, right, width), (next_top, next_left, *_) in pairwise(written):
        assert left >= 0 and right <= width
        assert top != next_top or right < next_left
