"""Anatomy carried over to foreign heads: the default head in disguise, whose truth is known."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from foreign_models import Shape, write_bfm2017, write_gnm
from PIL import Image

from cli import cli
from facegen.appearance import APPEARANCE
from facegen.latents import draw_identity
from facegen.maker import open_source
from facegen.morphable import MorphableModel, load
from facegen.morphable.cache import cached, folder
from facegen.presets import GenerateConfig
from facegen.render import Renderer, RenderSettings
from facegen.traits import TRAITS

TURN = 4.0
MOVED = np.array([12.0, -40.0, 25.0])


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def stranger(head: MorphableModel) -> Shape:
    """Somebody else's head, turned and moved, whose vertices are the default head's shuffled."""
    person = draw_identity(len(head.basis), 7, "train", 3)
    tilt = np.radians(TURN)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    mean = head.vertices(person[None])[0].astype(np.float64) @ turn.T + MOVED
    return Shape(
        mean=mean,
        modes=head.basis[:3].astype(np.float64) @ turn.T,
        faces=head.faces.astype(np.int64),
        expressions=head.expression_basis[:2].astype(np.float64) @ turn.T,
        colours=np.full(mean.shape, 0.6),
        colour_modes=np.full((2, *mean.shape), 0.01),
    )


@pytest.fixture(scope="module")
def path(head: MorphableModel, stranger: Shape, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stranger as a GNM file that says where the eyes are."""
    eyes = np.flatnonzero(head.fields["eye_angle"] >= 0)
    left = head.mean[eyes, 0] > 0
    path = tmp_path_factory.mktemp("models") / "gnm_head.npz"
    parts = {"left_eye": eyes[left], "right_eye": eyes[~left], "eye_exteriors": eyes}
    write_gnm(path, stranger, parts)
    return path


@pytest.fixture(scope="module")
def dressed(path: Path) -> MorphableModel:
    return load(path)


def skin(head: MorphableModel) -> np.ndarray:
    """The vertices of the face that can be seen."""
    fields = head.fields
    seen = (fields["eye_angle"] < 0) & (fields["occlusion"] > 0.3) & (fields["face"] > 0.5)
    return np.flatnonzero(seen & (fields["inside_mouth"] < 0.2))


def test_every_point_of_the_face_finds_its_twin(
    head: MorphableModel, dressed: MorphableModel
) -> None:
    face = skin(head)
    off = np.linalg.norm(dressed.canonical[face] - head.mean[face], axis=1)
    assert np.median(off) < 2.0 and np.quantile(off, 0.95) < 6.0, "mm"
    lips = head.fields["lips"][face] > 0.5
    found = dressed.fields["lips"][face] > 0.5
    assert (lips & found).sum() / (lips | found).sum() > 0.75


def test_the_origin_is_the_default_heads(head: MorphableModel, dressed: MorphableModel) -> None:
    face = skin(head)
    off = dressed.mean[face].mean(axis=0) - head.mean[face].mean(axis=0)
    assert np.abs(off).max() < 8, "mm, of which this person's own shape is some"


def test_eyeballs_become_ours(head: MorphableModel, dressed: MorphableModel) -> None:
    eyes = dressed.fields["eye_angle"] >= 0
    ours = head.fields["eye_angle"] >= 0
    assert eyes.sum() == ours.sum() == len(dressed.parts["left_eye"]) * 2
    assert (dressed.mean[dressed.parts["left_eye"], 0] > 0).all()
    np.testing.assert_array_equal(dressed.fields["eye_angle"][eyes], head.fields["eye_angle"][ours])
    for model in (head, dressed):
        left = (model.fields["eye_angle"] >= 0) & (model.mean[:, 0] > 0)
        points = model.mean[left]
        radius = np.linalg.norm(points - points.mean(axis=0), axis=1).max()
        assert 12 < radius < 20, "mm"


def test_identity_goes_where_it_belongs(dressed: MorphableModel) -> None:
    """Shape first, then the traits that the shape lacks, then looks."""
    assert not dressed.has_traits
    identity = torch.arange(float(dressed.identity_size))[None]
    shape, colours, traits, looks = dressed.split(identity)
    assert torch.equal(torch.cat([shape, colours, traits, looks], dim=1), identity)
    assert (shape.shape[1], colours.shape[1], traits.shape[1]) == (3, 0, len(TRAITS))
    assert dressed.identity_names == (*dressed.mode_names, *TRAITS, *APPEARANCE)


def test_traits_without_a_shape_still_age_the_skin(dressed: MorphableModel) -> None:
    renderer = Renderer(dressed, RenderSettings(size=32))
    identity = torch.zeros(2, dressed.identity_size)
    identity[1, dressed.identity_names.index("age")] = 2.5
    with torch.no_grad():
        people = renderer.people(identity)
    assert (people.hair[1].mean() - people.hair[0].mean()) > 0.05, "old hair is grey"


def crop_of(head: MorphableModel, stranger: Shape) -> tuple[Shape, np.ndarray]:
    """A face without neck, ears or back of the head."""
    keep = (head.mean[:, 2] > 30) & (head.mean[:, 1] > -75) & (head.mean[:, 1] < 80)
    return cut(stranger, keep), keep


def cut(shape: Shape, keep: np.ndarray) -> Shape:
    """What keep (vertex,) marks of a shape."""
    number = np.cumsum(keep) - 1
    faces = number[shape.faces[keep[shape.faces].all(axis=1)]]
    kept = {
        field.name: getattr(shape, field.name)[..., keep, :]
        for field in dataclasses.fields(shape)
        if field.name != "faces"
    }
    return Shape(faces=faces, **kept)


def test_a_crop_in_its_own_colours(head: MorphableModel, stranger: Shape, tmp_path: Path) -> None:
    crop, keep = crop_of(head, stranger)
    path = tmp_path / "model2017-1_face12_nomouth.h5"
    write_bfm2017(path, crop)
    model = load(path)
    off = np.linalg.norm(model.canonical - head.mean[keep], axis=1)
    face = np.isin(np.flatnonzero(keep), skin(head))
    assert np.median(off[face]) < 3.0, "mm"

    renderer = Renderer(model, RenderSettings(size=48, shadows=False))
    identity = torch.zeros(3, model.identity_size)
    identity[1, model.identity_names.index("colour_1")] = 5.0
    with torch.no_grad():
        people = renderer.people(identity)
        linear = ((0.6 + 0.055) / 1.055) ** 2.4
        # What comes after the model's own vertices is long hair, which a crop cannot wear.
        own, covered = people.skin[..., : len(model.mean)], people.covered[:, : len(model.mean)]
        torch.testing.assert_close(own[0], torch.full_like(own[0], linear))
        assert (own[1] > own[0]).all(), "the model's own colours vary"
        assert covered.max() <= 0, "brows and hair are the colours' own affair"
        angles = torch.tensor([[0.0, 0.0, 0.0], [80.0, 0.0, 60.0], [-80.0, 20.0, -60.0]])
        pictures = renderer.render(people, renderer.view(angles), colour=True)
    drawn = (pictures < 0.99).any(dim=-1).float().mean(dim=(1, 2))
    assert pictures.isfinite().all() and (drawn > 0.08).all(), "the face is in the picture"


def test_a_second_load_comes_from_the_cache(
    dressed: MorphableModel, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegen.morphable.transfer.register", _never)
    assert load(path).fingerprint == dressed.fingerprint
    kept = max(folder().iterdir(), key=lambda file: file.stat().st_size)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:1000])
    with pytest.raises(AssertionError, match="registered again"):
        load(path)
    kept.write_bytes(whole)


def test_a_damaged_cache_costs_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEGEN_CACHE", str(tmp_path))
    path, expected = tmp_path / "one.npz", np.arange(3)
    cached("one", "", lambda: {"values": expected})
    whole = path.read_bytes()
    # The archive's directory, of which zipfile complains in many ways.
    for place in range(whole.index(b"PK\x01\x02"), len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        found = cached("one", "", lambda: {"values": expected})
        np.testing.assert_array_equal(found["values"], expected)


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FACEGEN_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cached("one", "", lambda: {"values": np.arange(3)}).keys() == {"values"}


def test_a_mask_with_holes_for_eyes(head: MorphableModel, stranger: Shape, tmp_path: Path) -> None:
    # Everything about the eyes is cut away, and nothing says where they were.
    pupils = head.mean[head.fields["eye_angle"] == 0]
    far = np.linalg.norm(head.mean[:, None] - pupils, axis=2).min(axis=1) > 21
    mask = cut(stranger, (head.mean[:, 2] > 0) & (head.mean[:, 1] > -75) & far)
    write_gnm(tmp_path / "mask.npz", mask)
    model = load(tmp_path / "mask.npz")
    assert (model.fields["eye_angle"] >= 0).sum() == 2, "one vertex stands for each"
    renderer = Renderer(model, RenderSettings(size=32, shadows=False))
    with torch.no_grad():
        people = renderer.people(torch.zeros(1, model.identity_size))
        picture = renderer.render(people, renderer.view(torch.zeros(1, 3)))
    assert people.normals.isfinite().all() and picture.isfinite().all()
    assert (picture < 0.99).float().mean() > 0.08, "the face is in the picture"


def test_commands_take_it(path: Path, dressed: MorphableModel, tmp_path: Path) -> None:
    source = open_source(GenerateConfig(size=16), path)
    assert source.model.fingerprint == dressed.fingerprint and "Apache-2.0" in source.model.licence
    out = tmp_path / "face.png"
    arguments = ["render", "--face-model", str(path), "--size", "64", "--out", str(out)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert (np.asarray(Image.open(out)) < 250).mean() > 0.3


def test_a_painted_crop_wears_no_hairdo(
    head: MorphableModel, stranger: Shape, tmp_path: Path
) -> None:
    crop, _ = crop_of(head, stranger)
    write_gnm(tmp_path / "crop.npz", crop)
    model = load(tmp_path / "crop.npz")
    renderer = Renderer(model, RenderSettings(size=32))
    # After the model's own vertices come those of long hair.
    assert renderer.anatomy.scalp[: len(model.mean)].max() < 0 < renderer.anatomy.brow.max()
    eyes = model.fields["eye_angle"] >= 0
    for side in (1, -1):
        assert (eyes & (side * model.canonical[:, 0] > 0)).sum() > 50, "eyes are painted on"


def _never(*_: object) -> None:
    raise AssertionError("registered again")
