"""Data sets in colour: made, read, checked, rendered again, and refused by what reads gray."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from fakes import CONFIG, FakeModel, generation
from PIL import Image
from test_cli import assert_one_line, run

from facegen.errors import UserError
from facegen.generate import Generation
from facegen.live import LiveDataset
from facegen.morphable import DEFAULT_MODEL, MorphableModel
from facegen.presets import PRESETS, GenerateConfig, folder
from facegen.shards import Dataset

COLOUR = replace(CONFIG, colour=True)


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("colour") / "faces"
    list(generation(out, COLOUR))
    return out


def test_images_have_three_channels(coloured: Path) -> None:
    dataset = Dataset(coloured)
    images = dataset.read("train", [3, 4]).images
    assert images.shape == (2, 20, 16, 16, 3)
    assert not np.array_equal(images[..., 0], images[..., 2])
    rows = np.array([[1, 5], [0, 2]])
    some, _ = dataset.some_images("train", np.array([3, 4]), rows)
    np.testing.assert_array_equal(some[1, 1], images[1, 2])
    with h5py.File(coloured / "train-00000.h5") as shard:
        assert shard["images"].shape[1:] == (16, 16, 3)


def test_commands_take_them(coloured: Path, tmp_path: Path) -> None:
    assert "16x16 RGB" in run("info", coloured).output
    assert run("verify", coloured).exit_code == 0
    assert run("preview", coloured, "--out", tmp_path / "sheet.png").exit_code == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).max() > 100


def test_gray_is_not_gone_on_with_in_colour(coloured: Path) -> None:
    with pytest.raises(UserError, match="its colour is True, and False was asked for"):
        generation(coloured, CONFIG)


def test_networks_refuse_them(coloured: Path) -> None:
    line = assert_one_line(run("train", "--data", coloured))
    assert "in colour" in line and "without --colour" in line


def test_one_comes_back_bit_for_bit(head: MorphableModel, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    config = GenerateConfig(size=40, train=1, test=1, factors=("light",), colour=True)
    list(Generation(config, out, DEFAULT_MODEL, workers=1))
    stored = Dataset(out).read("train", [0]).images[0, 7]
    result = run("render", "--from", out, "--index", 7, "--out", tmp_path / "face.png")
    assert result.exit_code == 0 and "warning" not in result.output
    with Image.open(tmp_path / "face.png") as face:
        np.testing.assert_array_equal(np.asarray(face), stored)
    live = LiveDataset(config).read("train", [0]).images[0, 7]
    assert np.abs(live.astype(int) - stored).max() <= 1


def test_their_shards_are_no_larger(tmp_path: Path, head: MorphableModel) -> None:
    found = [
        run("generate", "--preset", "paper", "--out", tmp_path / "a", "--dry-run", *options).output
        for options in ([], ["--colour"], ["--colour", "--truth"])
    ]
    for text, most in zip(found, (100, 33, 10), strict=True):
        assert f'"per_shard": {most}, ' in text


def test_they_have_a_folder_of_their_own() -> None:
    config = replace(PRESETS["small"], colour=True, truth=True)
    assert folder("small", config) == Path("data/faces-small-colour-truth")


def test_coefficients_are_named_in_every_shard(coloured: Path) -> None:
    names = FakeModel().identity_names
    assert Dataset(coloured).header.identity_names == names
    with h5py.File(coloured / "test-00000.h5") as shard:
        assert [name.decode() for name in shard.attrs["identity_names"]] == list(names)
        assert "expression_names" not in shard.attrs
