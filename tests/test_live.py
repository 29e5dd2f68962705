"""A data set that is rendered as it is read, against the one that is written to a disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import CONFIG, open_fake

from facegen.errors import UserError
from facegen.live import LiveDataset
from facegen.morphable import MorphableModel
from facegen.presets import GenerateConfig
from facegen.shards import Dataset


@pytest.fixture
def live() -> LiveDataset:
    return LiveDataset(CONFIG, open_source=open_fake)


def test_it_holds_what_a_disk_would(live: LiveDataset, made: Path) -> None:
    disk = Dataset(made)
    assert live.header == disk.header
    for split in ("train", "test"):
        assert live.group_count(split) == disk.group_count(split)
        np.testing.assert_array_equal(live.factor_ids(split), disk.factor_ids(split))
    wanted = [disk.group_count("train") - 1, 0, 2]
    ours, theirs = live.read("train", wanted), disk.read("train", wanted)
    for column in ("images", "labels", "factor_id", "group_id", "identity", "expression"):
        np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column), column)


def test_some_images_of_some_mini_batches(live: LiveDataset, made: Path) -> None:
    groups, samples = np.array([3, 1]), np.array([[0, 2, 1], [1, 1, 0]])
    for mine, theirs in zip(
        live.some_images("train", groups, samples),
        Dataset(made).some_images("train", groups, samples),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_nothing_and_too_much(live: LiveDataset) -> None:
    assert live.read("test", []).images.shape == (0, live.group_size, live.size, live.size)
    assert live.group_count("validation") == 0
    with pytest.raises(IndexError, match="mini-batches"):
        live.read("test", [live.group_count("test")])


def test_other_settings_are_another_data_set(live: LiveDataset) -> None:
    again = LiveDataset(CONFIG, open_source=open_fake)
    other = LiveDataset(replace(CONFIG, seed=CONFIG.seed + 1), open_source=open_fake)
    assert live.fingerprint == again.fingerprint != other.fingerprint


def test_a_missing_face_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.h5"):
        LiveDataset(GenerateConfig(size=16), tmp_path / "none.h5")


def test_faces_come_as_they_are_stored(head: MorphableModel) -> None:
    """The real renderer: a part of a mini-batch is the same as the whole, but for rounding."""
    config = GenerateConfig(size=32, train=1, test=1)
    live = LiveDataset(config)
    whole = live.read("train", np.arange(4)).images
    part, _ = live.some_images("train", np.array([3, 0]), np.array([[4, 9], [0, 19]]))
    wanted = np.stack([whole[3, [4, 9]], whole[0, [0, 19]]])
    assert np.abs(part.astype(int) - wanted).max() <= 1
    assert part.std() > 20
