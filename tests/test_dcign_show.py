"""render-sweep: what is shown, and what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dcign.commands.render_sweep
import dcign.console
from dcign.calibration import CALIBRATION, calibration_of
from dcign.checkpoint import load_run, sealed
from dcign.show import FRAME, SIDE, find_run, rendered, show_picture, show_run
from facegen.errors import UserError
from facegen.latents import FACTORS
from runs import call, one_line, save_run


def test_find_run_takes_the_newest_a_name_or_a_path(tmp_path, blobs):
    runs = tmp_path / "runs"
    assert find_run(None, runs) is None
    old, new = save_run(runs / "old", blobs), save_run(runs / "new", blobs)
    (runs / "empty").mkdir()
    assert find_run(None, runs) == new
    assert find_run("old", runs) == old
    assert find_run(str(old), runs) == old
    with pytest.raises(UserError, match="no run here"):
        load_run(find_run("nothing", runs) or "")


def test_truth_stands_above_with_the_input_framed(run, head):
    show = show_run(run, *rendered("light", 5, 0, None))
    above, below = (row.frames for row in show.strip)
    assert above.shape == below.shape == (5, SIDE, SIDE)
    assert np.flatnonzero((above[:, 0] == FRAME).all(1)).tolist() == [2]
    assert [row.title for row in show.film] == ["input", "renderer", "network"]
    assert len(show.captions) == 5
    show = show_run(run, *rendered("identity", 2, 0, None))
    assert (show.strip[0].frames[[0, 1], 0] == FRAME).all()
    assert len(show.film) == 2


def test_a_foreign_picture_has_no_truth_row_and_may_be_strange(run, tmp_path):
    noise = np.random.default_rng(0).integers(0, 2, (40, 30), np.uint8) * 255
    Image.fromarray(noise).save(tmp_path / "noise.png")
    calibration = dataclasses.replace(calibration_of(run), strange=1e-3)
    (run.path / CALIBRATION).write_text(sealed(calibration.to_json()))
    for factor in FACTORS:
        show = show_picture(run, factor, 5, tmp_path / "noise.png")
        assert [row.title.partition(":")[0] for row in show.strip] == ["input", "network"]
        assert "far from the training data" in show.notes[0]


def test_render_sweep_from_a_picture(here):
    Image.new("RGB", (30, 40), "gray").save("face.jpg")
    result = call("render-sweep", "--latent", "light", "--image", "face.jpg", "--frames", 4)
    assert result.exit_code == 0, result.output
    with Image.open("sweeps/light.gif") as film:
        assert film.width >= 2 * SIDE
    with Image.open("sweeps/light.png") as strip:
        assert strip.width > 4 * SIDE


def test_without_a_run_the_truth_alone(head, tmp_path, monkeypatch):
    monkeypatch.setattr(dcign.console, "RUNS", tmp_path / "runs")
    result = call("render-sweep", "--latent", "azimuth", "--frames", 2, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "no trained run in" in result.stderr
    assert "cli.py train" in result.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["azimuth.gif", "azimuth.png"]


def test_the_truth_alone_at_any_size_and_in_colour(head, blobs, tmp_path, monkeypatch):
    save_run(tmp_path / "runs" / "one", blobs)
    monkeypatch.setattr(dcign.console, "RUNS", tmp_path / "runs")
    options = ("--frames", 3, "--size", 40, "--colour", "--out", tmp_path)
    result = call("render-sweep", "--latent", "light", *options)
    assert result.exit_code == 0, result.output
    assert not result.stderr, "a run is there, and not asked for"
    with Image.open(tmp_path / "light.png") as strip, Image.open(tmp_path / "light.gif") as film:
        assert 3 * 40 < strip.width < 3 * 100
        for picture in (strip, film):
            pixels = np.asarray(picture.convert("RGB")).astype(int)
            assert np.ptp(pixels, axis=-1).max() > 20, "skin has a colour"


def test_bad_pictures_are_refused_in_one_line(here):
    Path("text.png").write_text("not a picture")
    Image.new("1", (10_000, 10_000)).save("huge.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save("cut.png")
    Path("cut.png").write_bytes(Path("cut.png").read_bytes()[:2000])
    Path("folder").mkdir()
    expected = {
        "text.png": "text.png: not a picture",
        "huge.png": "huge.png: more than 50 million pixels",
        "cut.png": "cut.png: a damaged picture",
        "gone.png": "gone.png: No such file",
        "folder": "folder: not a file",
    }
    for name, problem in expected.items():
        result = call("render-sweep", "--latent", "light", "--image", name)
        assert problem in one_line(result)
    assert not Path("sweeps").exists()


def test_other_mistakes_are_one_line(here):
    assert "smile" in one_line(call("render-sweep", "--latent", "smile"))
    assert "--frames" in one_line(call("render-sweep", "--latent", "light", "--frames", 1))
    for options in (["--run", "one"], ["--image", "x"], ["--run", "one", "--image", "x"]):
        line = one_line(call("render-sweep", "--latent", "roll", *options))
        assert f"leave {' and '.join(options[::2])} out" in line
    for options in (["--size", 40], ["--colour"]):
        line = one_line(call("render-sweep", "--latent", "light", "--run", "one", *options))
        assert options[0] in line and "leave --run out" in line
    line = one_line(call("render-sweep", "--latent", "roll", "--size", 4096, "--frames", 20))
    assert "20 pictures of 4096 x 4096 pixels" in line and "choose fewer --frames" in line
    Path("file").touch()
    assert "file" in one_line(call("render-sweep", "--latent", "light", "--out", "file"))
    assert "gone" in one_line(call("render-sweep", "--latent", "light", "--run", "gone"))
    Path("face.png").touch()
    (here / "runs").rename(here / "elsewhere")
    line = one_line(call("render-sweep", "--latent", "light", "--image", "face.png"))
    assert "cli.py train" in line
