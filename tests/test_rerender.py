"""The default head end to end: an image comes back, bit for bit, from its labels alone."""

import numpy as np
import pytest

from facegen.generate import Generation
from facegen.morphable import DEFAULT_MODEL, MorphableModel
from facegen.presets import GenerateConfig
from facegen.render import Renderer, RenderSettings
from facegen.shards import Dataset


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, face_model: MorphableModel) -> Dataset:
    """4 + 4 mini-batches of real faces at 32x32, without shadows, by two workers."""
    out = tmp_path_factory.mktemp("real") / "faces"
    config = GenerateConfig(size=32, train=1, test=1, shadows=False)
    list(Generation(config, out, DEFAULT_MODEL, workers=2))
    return Dataset(out)


def test_an_image_comes_back_from_its_labels(faces: Dataset, face_model: MorphableModel) -> None:
    assert faces.manifest.header.fingerprint == face_model.fingerprint
    settings = RenderSettings(size=faces.size, shadows=faces.config["shadows"])
    renderer = Renderer(face_model, settings)
    for group in (0, 3):
        stored = faces.read("train", [group])
        again = renderer.images(stored.labels[0, 5:8], stored.identity[0, 5:8])
        np.testing.assert_array_equal(again, stored.images[0, 5:8])


def test_real_faces_vary_and_stand_on_white(faces: Dataset) -> None:
    for split in ("train", "test"):
        images = faces.read(split, range(4)).images.astype(float)
        assert (images.std(axis=1).mean(axis=(1, 2)) > 1).all()
        assert (images[:, :, 0, 0] == 255).mean() > 0.8
        assert 30 < images[:, :, 10:22, 10:22].mean() < 225
