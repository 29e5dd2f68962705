"""Redrawing, swaps, effects and recognition, where one network is exact and others err as known."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fakes import IDENTITY_SIZE, FakeRenderer, make_dataset

import dcign.evaluation.studio
from dcign.checkpoint import load_run
from dcign.codes import Codes, untracked
from dcign.evaluate import Extras, evaluate
from dcign.evaluation.effects import effects, steadiness
from dcign.evaluation.recognition import recognition
from dcign.evaluation.redrawing import Edit, redraw, tasks
from dcign.evaluation.seen import see
from dcign.evaluation.studio import PEOPLE, VIEWS, Studio
from dcign.evaluation.tables import tables
from dcign.methods import make
from dcign.models.network import Network, Posterior
from facegen.errors import UserError
from facegen.latents import FACTORS, LATENTS
from facegen.shards import Dataset
from runs import SIZE, TINY, save_run

HIGH = np.array([latent.high for latent in LATENTS], np.float32)
HALF = SIZE // 2


class Quadrants(FakeRenderer):
    """Three quadrants as bright as the three latents are large, the fourth as identity 0 says."""

    def images(self, labels, identity):
        values = np.concatenate([labels / HIGH, np.tanh(identity[:, :1])], axis=1)
        gray = (127.5 + 100 * values).reshape(-1, 2, 2)
        return gray.repeat(HALF, 1).repeat(HALF, 2).round().astype(np.uint8)


class Exact(Network):
    """Reads the quadrants into its first four units, and draws them from there."""

    def encode(self, image):
        gray = image.reshape(-1, 2, HALF, 2, HALF).mean((2, 4)).reshape(-1, 4)
        values = (255 * gray - 127.5) / 100
        mean = torch.cat([self.twist(values), torch.zeros(len(values), 2)], 1)
        return Posterior(mean, torch.full_like(mean, -20.0))

    def decode(self, code):
        gray = (127.5 + 100 * self.twist(code[:, :4])) / 255
        picture = gray.clamp(0.01, 0.99).reshape(-1, 2, 2)
        return torch.logit(picture.repeat_interleave(HALF, 1).repeat_interleave(HALF, 2))

    @staticmethod
    def twist(values):
        """How the code differs from the truth; its own inverse."""
        return values


class RelativeToThePerson(Exact):
    """The azimuth's sign means something else for every other person."""

    @staticmethod
    def twist(values):
        sign = torch.where(values[:, 3:] > 0, 1.0, -1.0)
        return torch.cat([sign * values[:, :1], values[:, 1:]], 1)


class Exchanged(Exact):
    """The units stand in another order."""

    @staticmethod
    def twist(values):
        return values[:, [3, 2, 1, 0]]


@pytest.fixture(scope="module")
def quadrants(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quadrants") / "faces"
    make_dataset(folder, size=SIZE, groups=(80, 40), renderer=Quadrants)
    return Dataset(folder)


@pytest.fixture(scope="module")
def studio():
    return Studio(Quadrants(SIZE).images, IDENTITY_SIZE)


@pytest.fixture
def look(tmp_path, quadrants):
    """A function from a network's class, and a method's name, to what it sees."""
    run = load_run(save_run(tmp_path / "run", quadrants))

    def of(network, method="dcign"):
        config = dataclasses.replace(run.config, method=make(method))
        known = dataclasses.replace(run, network=network(TINY), config=config)
        return see(known, quadrants, untracked)

    return of


def redrawings(seen, studio=None, **others):
    return {task.name: redraw(seen, task, **others) for task in tasks(seen, studio)}


def test_an_exact_network_redraws_the_truth(look, studio):
    found = redrawings(look(Exact), studio)
    assert list(found) == ["azimuth", "elevation", "light", "all three"]
    for drawn in found.values():
        # Eight bits a pixel bound what can be read.
        assert min(drawn.shown.psnr, drawn.own.psnr, drawn.oracle.psnr) > 45
        # The curve's 24 knots bound what can be told.
        assert drawn.told.psnr > 30
        assert drawn.told.ssim > 0.98
        assert drawn.copy.psnr < 25
        assert drawn.ceiling is None
        assert drawn.told.perceptual is None
    assert found["all three"].pairs == PEOPLE


def test_trap_26_a_code_relative_to_the_person_fails_between_people_only(look, studio):
    found = redrawings(look(RelativeToThePerson), studio)
    for name in ("azimuth", "all three"):
        assert found[name].own.ssim > 0.999, "within a person it is consistent"
        assert found[name].shown.ssim < 0.9, "between people it is not"
    assert found["elevation"].shown.ssim > 0.99


def test_pairs_differ_in_one_factor_and_donors_in_the_person(look, quadrants):
    seen = look(Exact)
    for place, task in enumerate(tasks(seen, None)):
        source, target, donor = (seen.codes(x) for x in (task.source, task.target, task.donor))
        others = np.delete(np.arange(4), place)
        assert np.allclose(source[:, others], target[:, others])
        assert (np.abs(source[:, place] - target[:, place]) > 0).mean() > 0.9
        assert np.allclose(target[:, place], task.values[:, place] / HIGH[place], atol=0.01)
        assert np.abs(donor[:, place] - target[:, place]).max() < 0.1
        assert (np.abs(donor[:, 3] - target[:, 3]) > 0).mean() > 0.9


def test_units_without_names_are_found_by_what_they_know(look):
    assert look(Exchanged).units == (0, 1, 2)
    found = look(Exchanged, "vae")
    assert found.units == (3, 2, 1)
    assert found.rest.tolist() == [0, 4, 5]
    assert redrawings(found)["azimuth"].shown.psnr > 45


def test_a_ceiling_is_told_the_same_values(look, studio):
    worse, exact = look(RelativeToThePerson), look(Exact)
    drawn = redrawings(worse, studio, ceiling=exact)["azimuth"]
    assert drawn.ceiling.psnr > drawn.told.psnr + 3


def test_a_distance_is_taken_between_pictures_and_truth(look):
    drawn = redrawings(look(Exact), distance=lambda a, b: np.abs(a - b).max((1, 2)))["light"]
    assert drawn.oracle.perceptual < 0.01 < 0.1 < drawn.copy.perceptual


def test_effects_of_an_exact_code_are_the_identity_matrix(look):
    seen = look(Exact)
    found = effects(seen.test, seen.units)
    assert np.array(found.units) == pytest.approx(np.eye(4)[:, :3], abs=0.35)
    assert found.on_units < 0.001
    assert found.on_intrinsic < 0.001
    assert found.intrinsic[FACTORS.index("identity")] > 0.5
    relative = look(RelativeToThePerson)
    # A person of the other kind turns the unit's sign.
    assert effects(relative.test, relative.units).units[3][0] > 0.3


def test_the_intrinsic_code_stays_beside_the_frontal_one(look):
    seen = look(Exact)
    for steady in steadiness(seen.test, seen.units):
        assert np.allclose(steady.cosines, 1)
        assert steady.ends == pytest.approx(1)
        assert steady.people < 0.5
        assert list(steady.values) == sorted(steady.values)
    # Where the pose is counted as part of the intrinsic code, its sign is what the code is about.
    wrong = steadiness(seen.test, (3, 4, 5))
    assert wrong[0].ends < 0.9


def test_recognition_beats_pixels_and_knows_nothing_from_the_pose(look, studio):
    seen = look(Exact)
    found = recognition(seen, studio, {"baseline": look(Exchanged), "ceiling": None})
    assert set(found) == {"intrinsic", "baseline", "units", "pixels", "eigenfaces"}
    assert found["units"].auc == pytest.approx(0.5, abs=0.1)
    assert found["intrinsic"].auc > found["pixels"].auc
    assert found["intrinsic"].auc > 0.7
    assert len(studio.crowd.images) == PEOPLE * VIEWS


def test_a_whole_report(look, studio, quadrants):
    run, extras = look(Exact).run, Extras(studio=studio, scores=False)
    report = evaluate(run, quadrants, dataclasses.replace(extras, ceiling=run))
    assert report.skipped == ()
    assert report.redrawing[0].ceiling == report.redrawing[0].told
    found = tables(report)
    assert next(iter(found)) == "Units and factors"
    assert "The same: perceptual distance" not in found, "not asked for"
    for table in found.values():
        assert len({len(row) for row in table}) == 1, table
    assert report.identity_in_units.neighbours < 0.1


def test_a_studio_wants_the_model_that_made_the_data(quadrants, head):
    with pytest.raises(UserError, match="from the face model fake head"):
        Studio.open(quadrants)


def test_a_renderer_that_has_changed_is_no_judge(quadrants, monkeypatch):
    stored = np.full((SIZE, SIZE), 100, np.uint8)
    for shift in (0, 5):
        scene = SimpleNamespace(
            stored=stored,
            picture=lambda shift=shift: stored + np.uint8(shift),
            model=SimpleNamespace(identity_size=4),
            settings=None,
        )
        monkeypatch.setattr(dcign.evaluation.studio, "stored_scene", lambda *_, s=scene: s)
        monkeypatch.setattr(dcign.evaluation.studio, "Renderer", lambda *_: Quadrants(SIZE))
        if shift:
            with pytest.raises(UserError, match="draws its people otherwise"):
                Studio.open(quadrants)
        else:
            assert Studio.open(quadrants).identity_size == 4


def test_edits_follow_what_a_factor_does_to_each_code():
    """A unit that azimuth moves by as much as another one says, and one along a curve."""
    random, latent = np.random.default_rng(0), LATENTS[0]
    group = np.repeat(np.arange(300), 5)
    who = random.standard_normal(300)[group]
    azimuth = random.uniform(latent.low, latent.high, len(group))

    def code(value):
        part = value / latent.high
        return np.stack([who, who * part, np.sin(2 * part)], axis=1).astype(np.float32)

    labels = np.zeros((len(group), len(LATENTS)), np.float32)
    labels[:, 0] = azimuth
    kind = np.zeros(len(group), np.uint8)
    kind[group % 2 == 1] = 3  # who is who varies: no pair to learn from
    train = Codes(code(azimuth), np.zeros((len(group), 3), np.float32), labels, labels, kind,
                  group.astype(np.int32), {})  # fmt: skip
    wanted = random.uniform(latent.low, latent.high, len(group))
    off = Edit(train, 0)(code(azimuth), azimuth, wanted) - code(wanted)
    assert np.sqrt((off**2).mean()) < 0.01
