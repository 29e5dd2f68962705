"""What is found in photographs before and after the descent: pupils, mouths, hairdos."""

import math
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from facegen.benchmark import one_thread
from facegen.errors import UserError
from facegen.fit import Picture, find_pupils
from facegen.fit.evidence import HAIR, OTHER, SKIN, Evidence
from facegen.fit.hairdo import with_hairdo
from facegen.fit.objective import Objective, see_eyes
from facegen.fit.scan import face_region
from facegen.fit.unknowns import CAMERA, SCENE, Unknowns
from facegen.latents import draw_identity
from facegen.pictures import LUMA
from facegen.render import Renderer, RenderSettings
from facegen.rerender import new_scene

SIDE = 150


@pytest.fixture(scope="module")
def renderer(head):
    return Renderer(head, RenderSettings(size=SIDE))


@pytest.fixture(scope="module")
def unknowns(head):
    return Unknowns(SCENE + CAMERA, head, expressions=True)


@pytest.fixture(scope="module")
def people(head, unknowns):
    """Two vectors of one shape: the appearance is another's in the second."""
    first = len(SCENE + CAMERA)
    vectors = unknowns.rest.repeat(2, 1)
    for vector, number in zip(vectors, (11, 3), strict=True):
        identity = torch.from_numpy(draw_identity(head.identity_size, 0, "test", number))
        vector[first : first + len(identity)] = identity
    vectors[1, first : first + len(head.basis)] = vectors[0, first : first + len(head.basis)]
    return vectors


def test_signed_expressions_are_normals_as_identities_are(head) -> None:
    components = replace(
        head,
        expression_signed=True,
        expression_names=tuple(f"expression_{k}" for k in range(len(head.expression_basis))),
    )
    unknowns = Unknowns(SCENE, components, expressions=True)
    for column in (unknowns.sigma, unknowns.step, unknowns.low, unknowns.high):
        assert column[len(SCENE) :].unique().numel() == 1
    assert float(unknowns.low[-1]) == -float(unknowns.high[-1]) < -2


def seen(renderer, unknowns, vector, background=0.6):
    people = unknowns.people(renderer, vector[None])
    view = unknowns.view(renderer, vector[None], background)
    with torch.no_grad():
        return renderer.render(people, view, colour=True)[0], people, view


def weights(head, unknowns, vector):
    values = unknowns.expression(vector[None])[0].tolist()
    return dict(zip(head.expression_names, values, strict=True))


def test_teeth_are_found_and_closed_lips_stay_closed(head, renderer, unknowns, people) -> None:
    """Of a picture of the same shape, with somebody else's skin."""
    true, fitted = people
    face = face_region(head)
    for mouth, shows in (({}, False), ({"mouthSmile": 0.8, "mouthUpperUp": 0.8}, True)):
        vector = unknowns.mouths(true)[0]
        for name in head.expression_names:
            value = mouth.get(name.split("_")[0], 0.0)
            vector[len(vector) - len(head.expression_names) :][
                head.expression_names.index(name)
            ] = value
        picture, _, _ = seen(renderer, unknowns, vector)
        objective = Objective(renderer, unknowns, picture, 0.6, face)
        found = weights(head, unknowns, objective.best_mouth(unknowns.mouths(fitted)))
        assert (found["mouthUpperUp"] + found["mouthLowerDown"] >= 0.5) == shows
        assert (found["mouthSmile_L"] >= 0.5) == shows
        assert found["jawOpen"] < 0.3


@pytest.mark.parametrize("style", ["short", "loose"])
def test_the_hairdo_is_the_pictures(renderer, unknowns, people, style) -> None:
    """Whatever colours hair, skin and background have: somebody else's are given."""
    true, fitted = (unknowns.styled(vector, style) for vector in people)
    picture, _, _ = seen(renderer, unknowns, true, background=0.3)
    photograph = Picture(picture @ torch.tensor(LUMA), None, picture)
    other = "loose" if style == "short" else "short"
    with one_thread():
        found = with_hairdo(renderer, unknowns, unknowns.styled(fitted, other), photograph)
    _, worn, _ = seen(renderer, unknowns, found)
    _, truly, _ = seen(renderer, unknowns, true)
    assert worn.appearance is not None
    assert truly.appearance is not None
    assert float(worn.appearance.long) == float(truly.appearance.long)
    assert float(worn.appearance.tied) == 0
    if style == "loose":
        assert float(worn.appearance.tip) == pytest.approx(float(truly.appearance.tip), abs=15)


@pytest.mark.parametrize("mirrored", [False, True])
def test_full_hair_is_found_on_either_side(renderer, unknowns, people, mirrored) -> None:
    """Wide at the ears, hardly below them; a few pixels off the middle, from short hair on."""
    true, fitted = people
    lengths = [unknowns.groomed(true, {"hair_length": 0.1 * k}) for k in range(-40, 40)]
    shortest = next(
        vector for vector in lengths if unknowns.people(renderer, vector[None]).appearance.long > 0
    )
    worn = {"hair_volume": 3.2, "hair_sides": 3.4, "hair_part": -0.6, "fringe": 1.0}
    vector = unknowns.groomed(shortest, worn)
    start = unknowns.styled(fitted, "short")
    column = [unknown.name for unknown in unknowns.scene].index("middle_x")
    vector[column] = start[column] = 6.0
    picture, _, _ = seen(renderer, unknowns, vector, background=0.7)
    if mirrored:
        picture, start[column] = picture.flip(1), -6.0
    photograph = Picture(picture @ torch.tensor(LUMA), None, picture)
    with one_thread():
        found = with_hairdo(renderer, unknowns, start, photograph)
    _, shown, _ = seen(renderer, unknowns, found)
    looks = shown.appearance
    assert float(looks.long) == 1
    assert float(looks.tied) == 0
    assert float(looks.tip) > -60
    assert float(looks.body + looks.bulk) > 15


def test_a_bald_head_is_found(renderer, unknowns, people) -> None:
    bald, fitted = (
        unknowns.groomed(vector, {"hair_length": -2.0, "baldness": 4.0}) for vector in people
    )
    picture, _, _ = seen(renderer, unknowns, bald, background=0.3)
    photograph = Picture(picture @ torch.tensor(LUMA), None, picture)
    with one_thread():
        found = with_hairdo(renderer, unknowns, unknowns.styled(fitted, "loose"), photograph)
    _, shown, _ = seen(renderer, unknowns, found)
    assert float(shown.appearance.crown) < 0.1


def test_evidence_knows_again_what_it_was_shown() -> None:
    """Two colours, each shown in a corner: the right labels are certain, the wrong ones are not."""
    size = 96
    picture = torch.full((size, size, 3), 0.7)
    picture[:, : size // 2] = torch.tensor([0.2, 0.15, 0.1])
    evidence = Evidence(picture, torch.zeros(size, size, dtype=torch.bool))
    examples = torch.zeros(3, size, size, dtype=torch.bool)
    examples[HAIR, :24, :24] = True
    examples[OTHER, -24:, -24:] = True
    evidence.learn(examples)
    right = torch.full((size, size), OTHER)
    right[:, : size // 2] = HAIR
    # Each has half the picture: what is known says a factor of two, but for what may be odd.
    assert evidence.of(right) == pytest.approx(math.log(2), abs=0.2)
    assert evidence.of(torch.full_like(right, SKIN)) == 0.0, "nothing was shown of it"
    assert evidence.of(HAIR - right) < -1.0


@pytest.fixture
def portrait(renderer, unknowns, people, tmp_path):
    """A file with a face off its middle, and where its pupils are."""
    vector = people[0].clone()
    picture, shown, view = seen(renderer, unknowns, vector)
    eyes = see_eyes(renderer, shown, view)[0]
    scene = Image.new("RGB", (400, 500), (120, 130, 140))
    pixels = (picture * 255).byte().numpy()
    scene.paste(Image.fromarray(pixels).resize((300, 300)), (70, 120))
    scene.save(tmp_path / "portrait.png")
    places = [(70 + 150 * (1 + float(x)), 120 + 150 * (1 - float(y))) for x, y in eyes]
    return tmp_path / "portrait.png", places


def assert_found(path, places) -> None:
    found = find_pupils(path)
    apart = places[1][0] - places[0][0]
    for one, (x, y) in zip((found[:2], found[2:]), places, strict=True):
        assert math.hypot(one[0] - x, one[1] - y) < 0.06 * apart


def pretend(monkeypatch, faces) -> None:
    """A scikit-image whose cascade finds these faces."""

    class Cascade:
        def __init__(self, _):
            pass

        def detect_multi_scale(self, *_, **__):
            return faces

    data = SimpleNamespace(lbp_frontal_face_cascade_filename=lambda: "")
    monkeypatch.setitem(sys.modules, "skimage", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "skimage.data", data)
    monkeypatch.setitem(sys.modules, "skimage.feature", SimpleNamespace(Cascade=Cascade))


def test_pupils_are_found_in_the_largest_face(portrait, monkeypatch) -> None:
    path, places = portrait
    side = 2.6 * (places[1][0] - places[0][0])
    left, top = places[0][0] - 0.33 * side, places[0][1] - 0.37 * side
    faces = [{"r": top, "c": left, "width": side}, {"r": 0, "c": 0, "width": 50}]
    pretend(monkeypatch, faces)
    assert_found(path, places)


def test_pupils_are_found_by_scikit_image(portrait) -> None:
    pytest.importorskip("skimage")
    assert_found(*portrait)


def test_what_hinders_finding_pupils_is_said_with_the_remedy(portrait, monkeypatch) -> None:
    pretend(monkeypatch, [])
    with pytest.raises(UserError, match=r"portrait.png: no face found .* --eyes X Y X Y"):
        find_pupils(portrait[0])
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(UserError, match=r"pip install scikit-image, or .* --eyes X Y X Y"):
        find_pupils(portrait[0])


def test_teeth_are_bright_between_lips(head, renderer, unknowns, people) -> None:
    """In photographs they are as bright as skin: a shadow of the lips must not make them gray."""
    smiling = unknowns.mouths(people[0])
    values = [weights(head, unknowns, vector) for vector in smiling]
    wide = next(
        vector
        for vector, each in zip(smiling, values, strict=True)
        if each["mouthSmile_L"] == each["mouthUpperUp"] == 1.0 and each["jawOpen"] == 0
    )
    picture, shown, view = seen(renderer, unknowns, wide)
    white = replace(shown, skin=renderer.anatomy.teeth.expand_as(shown.skin))
    teeth = renderer.render(white, view, colour=True)[0][..., 1]
    skin = picture[80:90, 70:80, 1].mean()
    assert float(picture[..., 1][teeth > 0.6].mean()) > 0.8 * float(skin)


def test_no_brow_is_taken_for_an_eye(head, tmp_path) -> None:
    pytest.importorskip("skimage")
    where = {"azimuth": 18.0, "elevation": 5.0, "light_azimuth": 30.0}
    path = tmp_path / "face.png"
    for seed in (1, 7, 13, 31):
        scene = new_scene(head, RenderSettings(size=384), seed, where, {}, {})
        Image.fromarray(scene.picture(colour=True)).save(path)
        marks = scene.truth().landmarks[0]
        places = [marks[first : first + 6].mean(dim=0).tolist() for first in (36, 42)]
        found = find_pupils(path)
        for one, (x, y) in zip((found[:2], found[2:]), places, strict=True):
            assert math.hypot(one[0] - x, one[1] - y) < 0.15 * (places[1][0] - places[0][0]), seed
