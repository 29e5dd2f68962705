"""What people look like: pigments in range, hair where it belongs, light that suits every skin."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from facegen.appearance import APPEARANCE
from facegen.commands.render_people import command
from facegen.errors import UserError
from facegen.hair import Hair
from facegen.latents import draw_identity
from facegen.looks import appearance_of
from facegen.morphable import DEFAULT_MODEL
from facegen.morphable.eyes import sphere_centre
from facegen.render import Renderer, RenderSettings
from facegen.traits import TRAITS, masculinity

SIZE = 64


@pytest.fixture(scope="module")
def renderer(head):
    return Renderer(head, RenderSettings(size=SIZE))


@pytest.fixture(scope="module")
def crowd(head):
    drawn = [draw_identity(head.identity_size, 1, "train", i) for i in range(1000)]
    return torch.from_numpy(np.stack(drawn))


def test_a_thousand_people_are_of_possible_colours(renderer, crowd) -> None:
    for some in crowd.split(50):
        people = renderer.people(some)
        for layer in (people.skin, people.hair):
            assert torch.isfinite(layer).all()
            assert layer.min() >= 0 and layer.max() <= 1
        assert torch.isfinite(people.covered).all() and torch.isfinite(people.vertices).all()
        assert (people.exposure > 0.8).all() and (people.exposure < 2.2).all()


def test_the_crowd_is_of_all_ages_skins_and_styles(head, crowd) -> None:
    split = head.split(crowd)
    person = appearance_of(split.traits, split.appearance)
    assert (person.age < 25).sum() > 50 and (person.age > 65).sum() > 50
    assert (person.melanin < 0.16).sum() > 100 and (person.melanin > 0.6).sum() > 100
    loose = (person.long > 0.5) & (person.tied < 0.5)
    tail = (person.tied > 0.5) & (person.bun < 0.5)
    bun, fringe = person.bun > 0.5, person.fringe > 25
    for style, least in ((loose, 150), (tail, 15), (bun, 15), (fringe, 50)):
        assert style.sum() > least
    assert 0.05 < (person.beard > 0.5).float().mean() < 0.5
    # Men seldom wear long hair.
    male = split.traits[:, TRAITS.index("sex")] > 0.5
    assert person.long[male].mean() < 0.2 < 0.35 < person.long[~male].mean()


def test_every_coefficient_of_appearance_changes_somebody(head, renderer) -> None:
    """An old man, and young women with loose hair, a tail, and short hair."""
    start = len(head.basis)
    base = torch.zeros(4, head.identity_size)
    base[:, TRAITS.index("sex")] = torch.tensor([1.2, -1.2, -1.2, -1.2])
    base[:, TRAITS.index("age")] = torch.tensor([1.0, -0.6, -0.6, -0.6])
    # Southwards of both other ancestries' axes lies the one with light eyes and freckles.
    base[:, TRAITS.index("ancestry_1")] = 1.0
    base[:, TRAITS.index("ancestry_2")] = -0.6
    for row, (length, style) in enumerate(((-2.0, 0.0), (1.0, 0.0), (1.0, 0.7), (-2.0, 0.0))):
        base[row, start + APPEARANCE.index("hair_length")] = length
        base[row, start + APPEARANCE.index("hair_style")] = style
    base[:, start + APPEARANCE.index("beard")] = 1.6
    base[:, start + APPEARANCE.index("fringe")] = 0.7
    base[:, start + APPEARANCE.index("mole_side")] = 0.7
    before = renderer.people(base)
    for number, name in enumerate(APPEARANCE):
        moved = base.clone()
        moved[:, start + number] += 0.4
        after = renderer.people(moved)
        change = max(
            float((getattr(after, field) - getattr(before, field)).abs().max())
            for field in ("vertices", "skin", "hair", "covered", "gloss")
        )
        assert change > 1e-3, name


def test_dense_hair_leaves_no_scalp_bare(head, renderer) -> None:
    identity = torch.zeros(2, head.identity_size)
    identity[:, TRAITS.index("sex")] = torch.tensor([-1.5, 1.5])
    identity[:, TRAITS.index("age")] = -1.0
    identity[:, len(head.basis) + APPEARANCE.index("baldness")] = -1.5
    split = head.split(identity)
    person = appearance_of(split.traits, split.appearance)
    body = len(head.mean)
    anatomy = renderer.anatomy
    grown = (anatomy.scalp[:body] > 26) & (anatomy.ear[:body] < 0.05)
    assert grown.sum() > 600
    covered = Hair(anatomy, person).coverage()[:, :body]
    assert covered[:, grown].min() > 0.85
    # And none grows on cheeks, nose and forehead.
    _, y, z = anatomy.points[:, :body]
    bare = (z > 70) & (y < 10) & (anatomy.lash[:body] < 0.05) & (anatomy.is_skin[:body] > 0.5)
    assert covered[0, bare].max() <= 0.05


@pytest.mark.parametrize("baldness", np.linspace(-1.5, 1.5, 13))
def test_a_crown_goes_bare_from_the_forehead_back(head, renderer, baldness: float) -> None:
    """No strip of hair is left in front of bare skin."""
    identity = torch.zeros(1, head.identity_size)
    identity[0, TRAITS.index("sex")] = 1.5
    identity[0, len(head.basis) + APPEARANCE.index("baldness")] = float(baldness)
    split = head.split(identity)
    person = appearance_of(split.traits, split.appearance)
    anatomy, body = renderer.anatomy, len(head.mean)
    x, y, z = anatomy.points[:, :body]
    middle = (x.abs() < 8) & (y > 60) & (z > -60) & (anatomy.is_skin[:body] > 0.5)
    backwards = z[middle].argsort(descending=True)
    covered = Hair(anatomy, person).coverage()[0, :body][middle][backwards].clamp(0, 1)
    lost = covered.cummax(0).values - covered
    # Hairs of a hairline begin unevenly: of two side by side one is further in.
    assert len(covered) > 40 and lost.max() < 0.3
    if abs(baldness) > 1.4:
        assert covered[len(covered) // 2] == (1 if baldness < 0 else 0)


def test_bald_temples_are_bare_and_hair_is_left_above_the_ears(head, renderer) -> None:
    identity = torch.zeros(1, head.identity_size)
    identity[0, TRAITS.index("sex")] = 1.5
    identity[0, len(head.basis) + APPEARANCE.index("baldness")] = 0.8
    covered = covered_by_hair(head, renderer, identity)
    around, height = renderer.anatomy.around[: len(head.mean)], renderer.anatomy.points[1]
    height = height[: len(head.mean)]
    temples = (around > 50) & (around < 60) & (height > 35) & (height < 60)
    above_ears = (around > 95) & (around < 110) & (height > 20) & (height < 35)
    assert temples.sum() > 10 and covered[temples].max() < 0.2
    assert above_ears.sum() > 10 and covered[above_ears].min() > 0.9


def covered_by_hair(head, renderer, identity):
    """How much hair hides (vertex,) of one person's body, 0..1 and beyond."""
    split = head.split(identity)
    person = appearance_of(split.traits, split.appearance)
    return Hair(renderer.anatomy, person).coverage()[0, : len(head.mean)]


def test_a_fringe_hangs_lower_away_from_the_parting(head, renderer) -> None:
    """How low is hair on the two halves of a boy's forehead, parted left, in the middle, right."""
    lowest = []
    for part in (-1.5, 0.0, 1.5):
        identity = torch.zeros(1, head.identity_size)
        for name, value in (("age", -1.0), ("sex", 1.0), ("ancestry_1", 1.0)):
            identity[0, TRAITS.index(name)] = value
        for name, value in (("fringe", 2.0), ("hair_part", part), ("hair_length", -1.5)):
            identity[0, len(head.basis) + APPEARANCE.index(name)] = value
        covered = covered_by_hair(head, renderer, identity)
        x, y, z = renderer.anatomy.points[:, : len(head.mean)]
        forehead = (covered > 0.5) & (y > 28) & (z > 40) & (x.abs() > 15) & (x.abs() < 35)
        lowest.append([float(y[forehead & half].min()) for half in (x < 0, x > 0)])
    right, left = np.array(lowest).T
    assert right[0] > right[2] + 5 and left[2] > left[0] + 5


def test_no_fringe_hangs_into_eyes(head, renderer) -> None:
    identity = torch.zeros(5, head.identity_size)
    identity[:, TRAITS.index("sex")] = -1.5
    identity[:, TRAITS.index("ancestry_1")] = 1.0
    for name, value in (("fringe", 2.0), ("hair_part", torch.linspace(-1.6, 1.6, 5))):
        identity[:, len(head.basis) + APPEARANCE.index(name)] = value
    x, y, z = renderer.anatomy.points[:, : len(head.mean)]
    on_face = (z > 40) & (y > -60) & (renderer.anatomy.brow[: len(head.mean)] < -4)
    on_face &= renderer.anatomy.lash[: len(head.mean)] == 0
    for one in identity.split(1):
        covered = covered_by_hair(head, renderer, one)
        lowest = y[on_face & (covered > 0.5) & (x.abs() < 40)].min()
        assert 14 < lowest < 50, "mm above the eyes"


@pytest.mark.parametrize("beard", [0.35, 2.0])
def test_beards_begin_sparsely(head, renderer, beard: float) -> None:
    """On the cheeks, stubble no less than a full beard: it has no edge that looks painted."""
    identity = torch.zeros(1, head.identity_size)
    identity[0, TRAITS.index("sex")] = 1.5
    identity[0, len(head.basis) + APPEARANCE.index("beard")] = beard
    covered = covered_by_hair(head, renderer, identity).clamp(min=0)
    anatomy, body = renderer.anatomy, len(head.mean)
    depth = anatomy.beard[:body]
    cheek = (anatomy.moustache[:body] < -20) & (anatomy.scalp[:body] < -9)
    rim, deep = cheek & (depth > 4) & (depth < 8), cheek & (depth > 20)
    assert 0 < covered[rim].mean() < 0.65 * covered[deep].mean()


def test_beards_are_mens_and_no_wig_sits_on_a_shaven_head(head, crowd) -> None:
    split = head.split(crowd)
    person = appearance_of(split.traits, split.appearance)
    assert person.beard[masculinity(split.traits) < 0.5].max() == 0
    assert (person.density[person.long > 0.5] == 2).all()
    assert person.density.min() < 1, "somebody is shaven"


def test_every_skin_is_well_exposed(head, renderer) -> None:
    identity = np.zeros((9, head.identity_size), np.float32)
    # From the darkest ancestry with much melanin to the lightest with little.
    identity[:, TRAITS.index("ancestry_1")] = np.linspace(-0.8, 0.8, 9)
    identity[:, TRAITS.index("ancestry_2")] = np.linspace(1.2, -0.6, 9)
    identity[:, len(head.basis) + APPEARANCE.index("melanin")] = np.linspace(1.5, -1.5, 9)
    identity[:, TRAITS.index("ancestry_1")] += np.linspace(0.8, 0.3, 9, dtype=np.float32)
    pictures = renderer.images(np.zeros((9, 3), np.float32), identity).astype(float)
    cheeks = pictures[:, int(0.55 * SIZE) : int(0.66 * SIZE), int(0.34 * SIZE) : int(0.66 * SIZE)]
    level = cheeks.mean(axis=(1, 2))
    assert level.min() > 60 and level.max() < 235
    assert level[-1] > level[0] + 50, "light and dark skin stay apart"
    assert (cheeks == 255).mean() < 0.01


def test_people_fit_on_a_sheet(head, tmp_path, monkeypatch) -> None:
    out = tmp_path / "people.png"
    options = ["--count", "5", "--columns", "3", "--size", "24", "--out", str(out)]
    options += ["--face-model", str(DEFAULT_MODEL)]
    assert CliRunner().invoke(command, options).exit_code == 0
    sheet = np.asarray(Image.open(out))
    assert sheet.shape == (48, 72, 3)
    assert (sheet[24:, 48:] == 255).all() and (sheet[24:, :24] < 200).any()
    assert not np.array_equal(sheet[:24, :24], sheet[:24, 24:48])
    refused = CliRunner().invoke(command, ["--out", "people.jpg"])
    assert isinstance(refused.exception, UserError)


def test_no_eyeball_shows_through_its_lids(head, renderer) -> None:
    """Of people made at random, one in twenty has lids too close, if eyes are not set back."""
    crowd = [draw_identity(head.identity_size, 101, "crowd", i) for i in range(40)]
    vertices = renderer.people(torch.from_numpy(np.stack(crowd)).float()).vertices
    anatomy, count = renderer.anatomy, len(head.mean)
    mean = torch.from_numpy(head.mean).T
    for side in (mean[0] > 0, mean[0] < 0):
        ball = side & (anatomy.eye_angle[:count] >= 0)

        def rises(shape, ball=ball):
            """How far points are over the ball, mm; how much their way there leads forwards."""
            centre = torch.from_numpy(sphere_centre(shape[:, ball].T.double().numpy())).float()
            away = shape - centre[:, None]
            distance = away.norm(dim=0)
            return distance - distance[ball].mean(), away[2] / distance

        height, forwards = rises(mean)
        lid = side & ~ball & (height > 0.8) & (height < 4) & (forwards > 0.5)
        assert lid.sum() > 100
        assert min(float(rises(shape)[0][lid].min()) for shape in vertices[:, :, :count]) > -0.3
