"""The figures of an evaluation, and the page that holds them."""

import base64
import dataclasses
import io
import os
import re

import numpy as np
import pytest
from fakes import IDENTITY_SIZE, FakeRenderer
from PIL import Image

from dcign.checkpoint import load_run
from dcign.codes import untracked
from dcign.evaluate import Extras, Sights, judge
from dcign.evaluation.figures import figures
from dcign.evaluation.page import page, png
from dcign.evaluation.scatter import Panel, draw_panels
from dcign.evaluation.studio import Studio
from runs import SIZE, call, save_run


@pytest.fixture(scope="module")
def judged(tmp_path_factory, blobs):
    run = load_run(save_run(tmp_path_factory.mktemp("judged") / "run", blobs))
    extras = Extras(
        scores=False, studio=Studio(FakeRenderer(SIZE).images, IDENTITY_SIZE), baseline=run
    )
    sights = Sights.of(run, blobs, extras, untracked)
    notes: list[str] = []
    report = judge(sights, extras, notes.append)
    # All of the long stages, each before it begins.
    found = ("reading", "rendering", *["redrawing"] * 4, "telling")
    assert [note.split()[0] for note in notes] == list(found)
    return report, sights, extras.studio


def test_a_page_needs_nothing_else(judged):
    report, sights, studio = judged
    drawn = figures(report, sights, studio)
    assert [figure.name for figure in drawn] == [
        "sweeps", "swaps", "entangled", "scatter", "cosines"
    ]  # fmt: skip
    marked = dataclasses.replace(
        report, run="runs/<b>", continued_from=(3, 5000), skipped=("a & b",)
    )
    html = page(marked, drawn)
    assert "step 7, continued from a training of 3 and 5,000" in html
    assert "<b>" not in html
    assert "a &amp; b" in html
    assert not re.search(r"https?:|<script|<link|@import|url\(", html)
    inside = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert [base64.b64decode(x) for x in inside] == [png(figure) for figure in drawn]
    # The table that matters stands before the first figure.
    assert html.index("Spearman of unit and truth") < html.index("<figure>")
    for tag in ("table", "figure", "tr", "h2"):
        assert html.count(f"<{tag}") == html.count(f"</{tag}>")


def test_figures_without_a_renderer_are_those_of_the_codes(judged):
    report, sights, _ = judged
    drawn = figures(report, dataclasses.replace(sights, baseline=None), None)
    assert [figure.name for figure in drawn] == ["scatter", "cosines"]
    for figure in drawn:
        with Image.open(io.BytesIO(png(figure))) as picture:
            assert picture.size == figure.picture.size
            assert len(np.unique(np.asarray(picture))) > 10


def test_a_panel_holds_all_but_one_point_in_a_hundred():
    values = np.append(np.linspace(-1.0, 1.0, 999), 1000.0)
    panel = Panel("title", "notes", "x", "y", values, values, ([0, 1], [1, 0]), (-1, 1))
    (frame,) = draw_panels([panel]).axes
    assert frame.get_xlim() == (-1, 1)
    low, high = frame.get_ylim()
    assert -1.2 < low < -0.99
    assert 0.98 < high < 1.2
    (points,), (line,) = frame.collections, frame.lines
    assert np.array_equal(points.get_offsets(), np.stack([values, values], axis=1))
    assert line.get_xydata().tolist() == [[0, 1], [1, 0]]


def test_the_command_writes_page_and_figures(here):
    # A name that is no text.
    name = os.fsdecode(b"caf\xe9")
    (here / "runs" / "one").rename(here / "runs" / name)
    result = call("evaluate", name, "--quick", "--report", "out/page.html")
    assert result.exit_code == 0, result.output
    assert "<h1>runs/caf\\udce9</h1>" in (here / "out" / "page.html").read_text()
    assert "skipped: swaps between people" in result.stdout
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "page-cosines.png", "page-scatter.png", "page.html"
    ]  # fmt: skip
