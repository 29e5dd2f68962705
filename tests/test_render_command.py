"""render: an image of a data set again, bit for bit or larger; a new face; the truth about both."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_cli import assert_one_line, run

from facegen.generate import Generation
from facegen.morphable import DEFAULT_MODEL, MorphableModel
from facegen.presets import GenerateConfig
from facegen.shards import Dataset
from facegen.truth_columns import PARTS


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, head: MorphableModel) -> Path:
    """2 + 2 mini-batches of real faces at 40x40: identity varies, and the expression."""
    out = tmp_path_factory.mktemp("real") / "faces"
    config = GenerateConfig(size=40, train=1, test=1, factors=("identity", "expression"), seed=3)
    list(Generation(config, out, DEFAULT_MODEL, workers=1))
    return out


def rendered(path: Path, *arguments: object) -> np.ndarray:
    result = run("render", *arguments, "--out", path)
    assert result.exit_code == 0, result.output
    assert "warning" not in result.output
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("index", [7, 33])
def test_an_image_comes_back_bit_for_bit(faces: Path, tmp_path: Path, index: int) -> None:
    for split in ("train", "test"):
        arguments = ("--from", faces, "--index", index, "--split", split)
        group, row = divmod(index, 20)
        stored = Dataset(faces).read(split, [group]).images[0, row]
        np.testing.assert_array_equal(rendered(tmp_path / "face.png", *arguments), stored)


def test_larger_and_in_colour_it_is_the_same_face(faces: Path, tmp_path: Path) -> None:
    stored = Dataset(faces).read("train", [0]).images[0, 5].astype(float)
    large = rendered(
        tmp_path / "large.png", "--from", faces, "--index", 5, "--size", 160, "--colour"
    )
    assert large.shape == (160, 160, 3)
    small = (large @ [0.21, 0.72, 0.07]).reshape(40, 4, 40, 4).mean(axis=(1, 3))
    assert np.abs(small - stored).mean() < 3


def test_a_picture_that_differs_is_pointed_out(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegen.shading.LUMA", (0.4, 0.4, 0.2))
    result = run("render", "--from", faces, "--index", 3, "--out", tmp_path / "face.png")
    assert result.exit_code == 0
    assert "warning: it differs from the stored picture by up to" in result.stderr


def test_the_truth_is_kept_and_shown(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "face.png"
    rendered(out, "--from", faces, "--index", 21, "--size", 96, "--truth")
    with np.load(tmp_path / "face.npz", allow_pickle=False) as known:
        assert known["landmarks"].shape == (68, 2)
        assert known["depth"].shape == known["parts"].shape == (96, 96)
        assert known["normals"].shape == known["albedo"].shape == (96, 96, 3)
        assert tuple(known["part_names"]) == PARTS
        assert 1000 < known["depth"][48, 48] < 1100
    with Image.open(tmp_path / "face-truth.png") as sheet:
        assert sheet.size == (3 * 96 + 8, 2 * 96 + 4)


def test_a_new_face_is_as_described(tmp_path: Path) -> None:
    def face(*arguments: object) -> np.ndarray:
        return rendered(tmp_path / "face.png", "--size", 64, *arguments).astype(float)

    plain, turned = face("--azimuth", 0), face("--azimuth", 60)
    assert np.abs(plain - turned).mean() > 5
    assert np.abs(plain - face("--azimuth", 0, "--seed", 1)).mean() > 4
    np.testing.assert_array_equal(plain, face("--azimuth", 0, "--seed", 0))
    assert face("--background", 0.5)[0, 0] == 128
    opened = np.abs(plain - face("--azimuth", 0, "--expression", "jawOpen=1"))
    assert opened[40:].mean() > 5 * opened[:20].mean()


def test_a_panorama_lights_a_new_face(tmp_path: Path) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    # Red to the viewer's left of what lies ahead, blue to the right.
    pixels[:, :16, 0] = pixels[:, 16:, 2] = 255
    Image.fromarray(pixels).save(tmp_path / "panorama.png")
    arguments = ("--environment", tmp_path / "panorama.png", "--azimuth", 0, "--colour")
    face = rendered(tmp_path / "face.png", "--size", 64, *arguments).astype(float)[20:40]
    redder = (face[..., 0] - face[..., 2]).mean(axis=0)
    assert redder[18:28].mean() > redder[36:46].mean() + 50


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--index", "3"], "--from"),
        (["--azimuth", "nan"], "azimuth must lie in -180 .. 180 degree, not nan"),
        (["--focal-length", "3"], "focal_length must lie in 35 .. 200 mm, not 3"),
        (["--expression", "grin=1"], "'grin'"),
        (["--expression", "jawOpen=nan"], "jawOpen must lie in"),
        (["--expression", "jawOpen"], "NAME=0.8"),
        (["--expression", "jawOpen=0.8, jawOpen =0.1"], "'jawOpen' is named twice"),
        (["--identity", "grin=1"], "no identity 'grin'; it has: sex age"),
        (["--identity", "age=-6"], "identity age must lie in -5 .. 5"),
        (["--size", "-4"], "-4"),
        (["--face-model", "nowhere"], "nowhere"),
        (["--out", "face.jpg"], ".png"),
        (["--environment", "README.md"], "README.md: not a picture"),
        (["--environment", "nowhere"], "nowhere: No such file"),
        (["--from", "nowhere", "--index", "0"], "nowhere"),
        (["--from", "nowhere"], "--index"),
        (["--from", "nowhere", "--index", "0", "--light-azimuth", "3"], "--light-azimuth"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], text: str, tmp_path: Path, head: MorphableModel
) -> None:
    out = [] if "--out" in arguments else ["--out", tmp_path / "face.png"]
    assert text in assert_one_line(run("render", *arguments, *out))
    assert not list(tmp_path.iterdir())


def test_no_such_image(faces: Path) -> None:
    line = assert_one_line(run("render", "--from", faces, "--index", "40"))
    assert "no image 40" in line
    assert "has 40" in line


def test_another_face_model_is_refused(synthetic_dataset: Path, head: MorphableModel) -> None:
    line = assert_one_line(run("render", "--from", synthetic_dataset, "--index", "0"))
    assert "--face-model" in line
    assert "fake head" in line


def test_somebody_is_described_by_coefficients(tmp_path: Path) -> None:
    pale, dark = (
        rendered(tmp_path / "face.png", "--size", 64, "--identity", f"melanin={melanin},sex=1")
        for melanin in (-3, 4)
    )
    cheek = np.s_[34:42, 26:38]
    assert pale[cheek].mean() > dark[cheek].mean() + 30
