"""The pictures themselves: signs, light, shadow, background, colour, sharing."""

import dataclasses

import numpy as np
import pytest
import torch

from facegen.errors import UserError
from facegen.geometry import project, rotation
from facegen.latents import draw_identity
from facegen.render import Renderer, RenderSettings

SIZE = 64


@pytest.fixture(scope="module")
def renderer(head):
    return Renderer(head, RenderSettings(size=SIZE))


@pytest.fixture(scope="module")
def person(head):
    return draw_identity(head.identity_size, 0, "test", 6)


def shoot(renderer, person, azimuth=0.0, elevation=0.0, light=0.0, **kwargs):
    labels = np.array([[azimuth, elevation, light]], np.float32)
    return renderer.images(labels, person[None], **kwargs)[0].astype(float)


def ink_centre(picture):
    """The centre (x, y) of the foreground, in pixels."""
    y, x = np.nonzero(picture < 250)
    return x.mean(), y.mean()


def nose_tip(renderer, person, azimuth, elevation):
    """Where (x, y) the most protruding vertex of the turned head lies on the picture."""
    people = renderer.people(torch.from_numpy(person[None]))
    nose = int(renderer.model.mean[:, 2].argmax())
    turn = rotation(torch.tensor([azimuth]), torch.tensor([elevation]))
    screen = project(turn @ people.vertices, renderer.settings.camera, SIZE)
    return screen[0, nose, :2].tolist()


def test_a_positive_azimuth_shows_the_nose_at_the_right(renderer, person) -> None:
    assert nose_tip(renderer, person, 60.0, 0.0)[0] > SIZE / 2 + 8
    # The head turns on its neck, so the whole face moves to the side that the nose points to.
    for azimuth, side in ((80.0, 1), (-80.0, -1)):
        face = shoot(renderer, person, azimuth)[: SIZE // 2]
        assert side * (ink_centre(face)[0] - SIZE / 2) > 2


def test_a_positive_elevation_lifts_the_nose(renderer, person) -> None:
    rows = [nose_tip(renderer, person, 0.0, elevation)[1] for elevation in (-20.0, 0.0, 20.0)]
    assert rows[0] > rows[1] > rows[2], "y grows downwards"
    # Hair is the darkest part of this person: lifting the face moves it up and out of sight.
    hair = [(shoot(renderer, person, elevation=e)[: SIZE // 2] < 90).sum() for e in (-20.0, 20.0)]
    assert hair[0] > hair[1]


@pytest.mark.parametrize("azimuth", [0.0, 50.0])
def test_light_from_the_right_brightens_the_right(renderer, person, azimuth) -> None:
    lit_right = shoot(renderer, person, azimuth, light=70.0)
    lit_left = shoot(renderer, person, azimuth, light=-70.0)
    inside = lit_right < 250
    x = np.broadcast_to(np.arange(SIZE), inside.shape)[inside]
    change = (lit_right - lit_left)[inside]
    centre = ink_centre(lit_right)[0]
    # However the head is turned: the light belongs to the camera's frame.
    assert change[x > centre + 4].mean() > 10
    assert change[x < centre - 4].mean() < -10


def test_shadows_only_darken_and_fall_away_from_the_light(head, person) -> None:
    with_shadow = shoot(Renderer(head, RenderSettings(size=SIZE)), person, light=60.0)
    without = shoot(Renderer(head, RenderSettings(size=SIZE, shadows=False)), person, light=60.0)
    difference = without - with_shadow
    assert difference.min() >= -1
    shaded = np.nonzero(difference > 8)
    assert len(shaded[0]) > 20
    assert shaded[1].mean() < SIZE / 2, "light from the right throws shadows to the left"


def test_the_background_is_plain_and_the_head_fills_the_frame(renderer, head, person) -> None:
    picture = shoot(renderer, person)
    assert (picture[0, [0, -1]] == 255).all()
    rows = np.nonzero((picture < 250).any(axis=1))[0]
    assert np.ptp(rows) > 0.85 * SIZE
    black = Renderer(head, RenderSettings(size=SIZE, background=0.0))
    assert shoot(black, person)[0, 0] == 0


def test_edges_are_anti_aliased(head, person) -> None:
    hard = shoot(Renderer(head, RenderSettings(size=SIZE, samples_per_axis=1)), person)
    soft = shoot(Renderer(head, RenderSettings(size=SIZE, samples_per_axis=4)), person)
    default = shoot(Renderer(head, RenderSettings(size=SIZE)), person)
    assert np.abs(default - soft).mean() < 0.7 * np.abs(hard - soft).mean()


def test_gray_weighs_the_colours_as_the_paper_does(renderer, person) -> None:
    colour = shoot(renderer, person, 20.0, colour=True)
    gray = shoot(renderer, person, 20.0)
    assert np.abs(colour @ [0.21, 0.72, 0.07] - gray).max() < 3


def test_one_person_or_many_the_same_bytes(renderer, head) -> None:
    people = np.stack([draw_identity(head.identity_size, 0, "test", i) for i in (0, 1, 0, 2)])
    labels = np.array([[0, 0, 0], [40, 5, 20], [-60, 0, 10], [10, 10, -70]], np.float32)
    together = renderer.images(labels, people)
    alone = [renderer.images(labels[i : i + 1], people[i : i + 1])[0] for i in range(4)]
    assert np.abs(together.astype(int) - np.stack(alone)).max() <= 1
    np.testing.assert_array_equal(together, renderer.images(labels, people))


@pytest.mark.parametrize("colour", [False, True])
def test_what_pictures_share_changes_nothing(renderer, head, colour) -> None:
    """Two people, two poses, five lights: each picture is as it is alone, and with gradients."""
    people = np.stack([draw_identity(head.identity_size, 0, "test", i) for i in (1, 2)])
    which = [0, 1, 0, 0, 1]
    labels = np.array(
        [[30, 5, 60], [30, 5, 60], [30, 5, -40], [-50, 0, 0], [30, 5, 10]], dtype=np.float32
    )
    together = renderer.images(labels, people[which], colour=colour)
    # With the other person, elsewhere: how many are decoded at a time may change the last bit.
    elsewhere = np.array([-70, -10, -75], dtype=np.float32)
    for row, person in enumerate(which):
        both = people[[person, 1 - person]]
        alone = renderer.images(np.stack([labels[row], elsewhere]), both, colour=colour)
        np.testing.assert_array_equal(together[row], alone[0])
    seen = renderer.people(torch.from_numpy(people[which]))
    view = renderer.view(torch.from_numpy(labels).requires_grad_())
    pictures = renderer.render(seen, view, colour=colour)
    assert pictures.requires_grad
    difference = 255 * pictures.detach().numpy().reshape(together.shape) - together
    # Rounding to bytes, and people who are decoded together rather than alone.
    assert np.abs(difference).max() < 1


def test_one_head_under_many_lights_has_gradients(renderer, person) -> None:
    seen = renderer.people(torch.from_numpy(person[None]))
    angles = torch.tensor([[20.0, 0.0, -30.0], [20.0, 0.0, 50.0]])
    view = renderer.view(angles)
    fields = {field.name: getattr(view, field.name) for field in dataclasses.fields(view)}
    still = {
        name: plane if "light" in name else plane[:1]
        for name, plane in fields.items()
        if plane is not None
    }
    results = []
    for scene in (view, type(view)(**still)):
        vertices = seen.vertices.clone().requires_grad_()
        pictures = renderer.render(dataclasses.replace(seen, vertices=vertices), scene)
        results.append((pictures, *torch.autograd.grad(pictures.square().sum(), vertices)))
    # One turn is multiplied by other instructions than two: the last bits differ, and with them the
    # face that a sample on an edge sees.
    (pictures, gradient), (alike, same) = results
    torch.testing.assert_close(pictures, alike, rtol=1e-3, atol=1e-4)
    assert (gradient - same).norm() < 1e-3 * gradient.norm()


def test_people_differ(renderer, head) -> None:
    people = np.stack([draw_identity(head.identity_size, 0, "train", i) for i in range(6)])
    pictures = renderer.images(np.zeros((6, 3), np.float32), people).astype(float)
    for i in range(6):
        for j in range(i):
            assert np.abs(pictures[i] - pictures[j]).mean() > 4


def test_another_models_identity_is_refused(renderer) -> None:
    with pytest.raises(UserError, match="another model"):
        renderer.images(np.zeros((1, 3), np.float32), np.zeros((1, 7), np.float32))


def test_scenes_whose_columns_differ_are_refused(renderer, head, person) -> None:
    labels, identity = np.zeros((2, 3), np.float32), np.stack([person] * 2)
    expression = np.zeros((2, len(head.expression_basis)), np.float32)
    with pytest.raises(UserError, match="labels of 2 scenes and identity of 1"):
        renderer.images(labels, identity[:1])
    with pytest.raises(UserError, match="labels of 1 scenes and identity of 2"):
        renderer.images(labels[:1], identity)
    with pytest.raises(UserError, match="labels of 2 scenes and expression of 1"):
        renderer.images(labels, identity, expression[:1])
    with pytest.raises(UserError, match=r"expression has 1 coefficients.*another model"):
        renderer.images(labels, identity, expression[:, :1])


def dark(picture):
    """The place (row, column) of what is darker than the background."""
    return np.argwhere(picture < 250)


def shoot_with(renderer, person, **values):
    names, labels = tuple(values), np.array([list(values.values())], np.float32)
    return renderer.images(labels, person[None], names=names)[0].astype(float)


def test_roll_leans_the_head_to_the_left(renderer, person) -> None:
    upright, leaning = (shoot_with(renderer, person, roll=angle) for angle in (0, 25))
    top = SIZE // 4
    assert dark(leaning[:top])[:, 1].mean() < dark(upright[:top])[:, 1].mean() - 0.05 * SIZE


def test_light_from_above_and_from_below(renderer, person) -> None:
    below, above = (shoot_with(renderer, person, light_elevation=x) for x in (-20, 70))
    forehead = np.s_[SIZE // 3 : SIZE * 2 // 5, SIZE * 2 // 5 : SIZE * 3 // 5]
    chin = np.s_[SIZE * 3 // 4 : SIZE * 4 // 5, SIZE * 9 // 20 : SIZE * 11 // 20]
    assert above[forehead].mean() / above[chin].mean() > below[forehead].mean() / below[chin].mean()


def test_focal_length_keeps_the_heads_size(renderer, person) -> None:
    near, far = (shoot_with(renderer, person, focal_length=mm) for mm in (35, 200))
    assert len(dark(near)) == pytest.approx(len(dark(far)), rel=0.15)
    # From nearby, the ears hide behind the cheeks and the nose is large.
    assert np.abs(near - far).mean() > 2


def test_the_background_is_as_asked(renderer, person) -> None:
    assert shoot_with(renderer, person, background=0.5)[0, 0] == 128


def test_labels_may_be_whole_numbers(renderer, person) -> None:
    whole, real = (
        torch.tensor([[20, 0, -30]], dtype=kind) for kind in (torch.int64, torch.float32)
    )
    people = renderer.people(torch.from_numpy(person[None]))
    one, other = (renderer.render(people, renderer.view(labels)) for labels in (whole, real))
    assert torch.equal(one, other)


def test_an_unknown_scene_variable_is_refused(renderer, person) -> None:
    with pytest.raises(UserError, match=r"'pitch'.*roll"):
        shoot_with(renderer, person, pitch=1.0)


def test_an_expression_moves_the_face_alone(renderer, head, person) -> None:
    expression = np.zeros((2, len(head.expression_basis)), np.float32)
    expression[1, head.expression_names.index("jawOpen")] = 1.0
    labels, people = np.zeros((2, 3), np.float32), np.stack([person, person])
    neutral, opened = renderer.images(labels, people, expression).astype(float)
    np.testing.assert_array_equal(neutral, renderer.images(labels[:1], people[:1])[0])
    moved = np.abs(neutral - opened)
    assert moved[SIZE // 2 :].mean() > 5 * moved[: SIZE // 3].mean()
