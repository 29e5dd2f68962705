"""The default head end to end: an image comes back, bit for bit, from its labels alone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen.errors import UserError
from facegen.generate import Generation
from facegen.morphable import DEFAULT_MODEL, MorphableModel
from facegen.presets import GenerateConfig
from facegen.render import Renderer, RenderSettings
from facegen.rerender import lit_by, new_scene
from facegen.shards import Dataset


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, head: MorphableModel) -> Dataset:
    """4 + 4 mini-batches of real faces at 32x32, without shadows, by two workers."""
    out = tmp_path_factory.mktemp("real") / "faces"
    config = GenerateConfig(size=32, train=1, test=1, shadows=False)
    list(Generation(config, out, DEFAULT_MODEL, workers=2))
    return Dataset(out)


def test_an_image_comes_back_from_its_labels(faces: Dataset, head: MorphableModel) -> None:
    assert faces.manifest.header.fingerprint == head.fingerprint
    settings = RenderSettings(size=faces.size, shadows=faces.config["shadows"])
    renderer = Renderer(head, settings)
    for group in (0, 3):
        stored = faces.read("train", [group])
        again = renderer.images(stored.labels[0, 5:8], stored.identity[0, 5:8])
        np.testing.assert_array_equal(again, stored.images[0, 5:8])


def test_a_scene_makes_one_renderer(head: MorphableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(model: MorphableModel, settings: RenderSettings) -> Renderer:
        made.append(Renderer(model, settings))
        return made[-1]

    monkeypatch.setattr("facegen.rerender.Renderer", counted)
    scene = new_scene(head, RenderSettings(size=16), 0, {}, {}, {})
    assert scene.picture().shape == scene.truth().depth.shape[1:] == (16, 16)
    assert len(made) == 1


def test_a_panorama_is_averaged_in_linear_light(tmp_path: Path) -> None:
    pixels = np.full((128, 1024), 188, np.uint8)
    # Half of the energy of white, as 188 is in sRGB.
    pixels[:, :512:2], pixels[:, 1:512:2] = 0, 255
    Image.fromarray(pixels).save(tmp_path / "stripes.png")
    lit = lit_by(RenderSettings(), tmp_path / "stripes.png", key=False)
    mean, _, _, right, *_ = lit.environment
    assert abs(right[0]) < 0.02 * mean[0]


def test_a_panorama_may_be_of_any_size(tmp_path: Path) -> None:
    for size in ((1, 1), (3, 200), (300, 150)):
        Image.new("RGB", size, "white").save(tmp_path / "white.png")
        mean, *others = lit_by(RenderSettings(), tmp_path / "white.png", key=False).environment
        np.testing.assert_allclose(mean, 2 * np.sqrt(np.pi), rtol=1e-2)
        np.testing.assert_allclose(others, 0.0, atol=1e-2)


def test_a_panorama_without_light_is_refused_as_the_only_light(tmp_path: Path) -> None:
    Image.new("RGB", (64, 32)).save(tmp_path / "night.png")
    with pytest.raises(UserError, match=r"night\.png: all black.*give a panorama with light"):
        lit_by(RenderSettings(), tmp_path / "night.png", key=False)
    night = lit_by(RenderSettings(), tmp_path / "night.png", key=True)
    assert not np.any(night.environment)


def test_real_faces_vary_and_stand_on_white(faces: Dataset) -> None:
    for split in ("train", "test"):
        images = faces.read(split, range(4)).images.astype(float)
        assert (images.std(axis=1).mean(axis=(1, 2)) > 1).all()
        assert (images[:, :, 0, 0] == 255).mean() > 0.8
        assert 30 < images[:, :, 10:22, 10:22].mean() < 225
