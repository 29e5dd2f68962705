"""ICT-FaceKit light, on its own files where they are at hand, and on files like them."""

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from facegen.errors import UserError
from facegen.morphable import MorphableModel, load
from facegen.morphable.formats import read
from facegen.morphable.loaders.ict import recognise
from facegen.render import Renderer, RenderSettings
from facegen.truth import GroundTruth

NEUTRAL = "generic_neutral_mesh.obj"
DATA = Path(os.environ.get("FACEGEN_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
FEW = (NEUTRAL, "identity000.obj", "identity001.obj", "jawOpen.obj")


@pytest.fixture(scope="module")
def kit() -> Path:
    folder = DATA / "ICT-FaceKit" / "FaceXModel"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: clone ICT-FaceKit, or set FACEGEN_TEST_DATA")
    return folder


@pytest.fixture
def few(kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four of its files, in a folder of our own, and an empty cache."""
    monkeypatch.setenv("FACEGEN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "ICT-FaceKit" / "FaceXModel"
    folder.mkdir(parents=True)
    for name in FEW:
        shutil.copy(kit / name, folder)
        (folder / name).chmod(0o644)
    return folder


def column(file: Path, vertex: int) -> np.ndarray:
    """One vertex of an OBJ file, read the slow way."""
    lines = [line for line in file.read_text().splitlines() if line.startswith("v ")]
    return np.array([float(word) for word in lines[vertex].split()[1:]])


@pytest.mark.parametrize("vertex", [0, 9000, 26718])
def test_every_value_arrives(few: Path, vertex: int) -> None:
    model = read(few.parent)
    neutral = column(few / NEUTRAL, vertex)
    np.testing.assert_allclose(model.mean[vertex], 10 * neutral, rtol=1e-5)
    assert model.mode_names == ("identity000", "identity001")
    assert model.expression_names == ("jawOpen",) and not model.expression_signed
    for mode, name in ((model.basis[1], FEW[2]), (model.expression_basis[0], FEW[3])):
        expected = 10 * (column(few / name, vertex) - neutral)
        np.testing.assert_allclose(mode[vertex], expected, atol=1e-4)


def test_frame_and_winding(few: Path) -> None:
    model = read(few)
    assert 200 < np.ptp(model.mean[:9409, 1]) < 320, "mm"
    nose = model.mean[:9409][model.mean[:9409, 2].argmax()]
    assert abs(nose[0]) < 3
    assert model.mean[model.parts["left_eye"], 0].min() > 10
    skin = model.faces[(model.faces < 9409).all(axis=1)]
    a, b, c = model.mean[skin].astype(np.float64).transpose(1, 0, 2)
    outward = np.cross(b - a, c - a)
    away = (a + b + c) / 3 - np.array([0.0, 0.0, -20.0])
    assert ((outward * away).sum(axis=1) > 0).mean() > 0.8, "counter-clockwise from outside"


def test_brows_nose_eyes_and_lips_are_marked_where_they_are_seen(few: Path) -> None:
    """And not on the surfaces of mouth and nose just behind them."""
    renderer = Renderer(load(few.parent), RenderSettings(size=64))
    people = renderer.people(torch.zeros(1, renderer.model.identity_size))
    truth = GroundTruth(renderer)(people, renderer.view(torch.zeros(1, 3)))
    assert truth.landmarks_visible[0, 17:].all()


def test_a_changed_file_is_read_again(few: Path, tmp_path: Path) -> None:
    first = read(few)
    (kept,) = (tmp_path / "cache").iterdir()
    written = kept.stat().st_mtime_ns
    assert np.array_equal(read(few).basis, first.basis) and kept.stat().st_mtime_ns == written
    shutil.copy(few / "identity001.obj", few / "identity000.obj")
    second = read(few)
    assert np.array_equal(second.basis[0], first.basis[1])
    (few / "identity001.obj").unlink()
    assert len(read(few).basis) == 1
    assert [kept] == list((tmp_path / "cache").iterdir()), "old results are replaced"


def test_no_place_for_a_cache(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FACEGEN_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        assert len(read(few).basis) == 2
    assert "not kept" in caplog.text


@pytest.mark.parametrize("damage", ["short", "text", "nan", "missing"])
def test_a_damaged_file_is_named(few: Path, damage: str) -> None:
    broken = few / "identity001.obj"
    lines = broken.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("v "))
    if damage == "short":
        broken.write_text("\n".join(lines[: len(lines) // 10]))
    elif damage == "missing":
        broken = few
        for file in few.glob("identity*"):
            file.unlink()
    else:
        lines[first] = "v 1.0 2.0 nan" if damage == "nan" else "v 1.0 2.0 three"
        broken.write_text("\n".join(lines))
    with pytest.raises(UserError) as caught:
        load(few)
    assert str(broken) in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("nothing")
    assert not recognise(tmp_path) and not recognise(tmp_path / "readme.md")


def test_it_is_painted_where_it_should_be(few: Path, head: MorphableModel) -> None:
    """On its published vertex numbers: lips, eyelids, ears, nose."""
    model = load(few)
    assert len(model.parts["left_eye"]) == len(model.parts["right_eye"]) > 100
    lips = np.flatnonzero(model.fields["lips"] > 0.5)
    original = read(few)
    kept = original.mean[:9409] + (model.mean[0] - original.mean[0])
    np.testing.assert_allclose(model.mean[:9409], kept, atol=1e-3)
    # The jaw parts the lips, so vertices that move apart lie along both.
    jaw = model.expression_basis[0][:9409, 1]
    middle = np.abs(model.mean[:9409, 0]) < 8
    lower = np.flatnonzero(middle & (jaw < 0.6 * jaw.min()) & (model.mean[:9409, 2] > 88))
    line = model.mean[lower, 1].max()
    assert abs(model.mean[lips, 1].mean() - line) < 6, "mm: lips lie about the mouth's line"
    assert 35 < np.ptp(model.mean[lips, 0]) < 75, "mm: a mouth's width"
    ears = model.fields["ears"] > 0.5
    assert (np.abs(model.mean[ears, 0]) > 55).mean() > 0.95, "ears are at the sides"
    scale = np.median(np.linalg.norm(model.canonical - model.mean, axis=1))
    assert scale < 15, "mm between a vertex and its twin on the default head"
