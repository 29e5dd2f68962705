"""Which pictures are drawn together, and that it changes none of their bits."""

import numpy as np
import pytest
import torch

from facegen.errors import UserError
from facegen.geometry import Camera, project, rotation
from facegen.latents import LABELS, LATENTS, OPTIONAL, set_up
from facegen.settings import RenderSettings
from facegen.turning import turned
from facegen.view import View

POSES = 3


def views(angles: list[float], lights: list[float]) -> View:
    turn, light = torch.tensor(angles), torch.tensor(lights)
    rest = View.at_rest(torch.ones(len(angles)), Camera(), 20.0, 1.0)
    return View(
        turn=rotation(turn, 0 * turn),
        light_azimuth=light,
        **{
            name: getattr(rest, name)
            for name in ("light_elevation", "distance", "half_height", "middle", "background")
        },
    )


@pytest.mark.parametrize(
    ("person", "angles", "lights", "expected"),
    [
        # One pose under three lights is rasterized once, between other poses of other people.
        ([0, 0, 0, 1], [5, 5, 5, 5], [1, 2, 3, 1], [([0, 1, 2], 0, 1), ([3], 1, 2)]),
        # One person in many poses, so many at a time.
        ([0, 0, 0, 0], [4, 3, 2, 1], [0] * 4, [([0, 1, 2], 0, 1), ([3], 0, 1)]),
        # People who follow each other, one picture each; then one twice; then one further on.
        ([0, 1, 2, 2, 4], [7, 7, 8, 7, 7], [0] * 5, [([0, 1, 2], 0, 3), ([3], 2, 3), ([4], 4, 5)]),
    ],
)
def test_pictures_drawn_together(person, angles, lights, expected) -> None:
    view = views([float(a) for a in angles], [float(a) for a in lights])
    found = list(view.grouped(np.array(person), POSES))
    drawn = [(sorted(rows.tolist()), who.start, who.stop) for rows, who, _ in found]
    assert drawn == [(sorted(rows), start, stop) for rows, start, stop in expected]
    for rows, who, part in found:
        assert len(part.turn) in (1, len(rows))
        assert torch.equal(part.light_azimuth, view.light_azimuth[torch.from_numpy(rows)])
        assert torch.equal(part.turn.expand(len(rows), 3, 3), view.turn[torch.from_numpy(rows)])
        assert [who.start] * len(rows) == [person[r] for r in rows] or list(
            range(who.start, who.stop)
        ) == [person[r] for r in rows]


def test_a_view_rests_where_the_settings_camera_looks() -> None:
    """The middle of the picture is the point that the camera names, in pixels, too."""
    camera = Camera(middle_x=12.0, middle_y=-7.0)
    view = View.at_rest(torch.ones(3), camera, 20.0, 1.0)
    assert view.middle.tolist() == [[12.0, -7.0]] * 3
    point = torch.tensor([12.0, -7.0, 0.0]).reshape(1, 3, 1)
    torch.testing.assert_close(project(point, view.camera, 150)[:, 0, :2], torch.full((3, 2), 75.0))


def test_the_table_says_where_scene_variables_rest() -> None:
    """Set to what it says, all of them leave a view as the default settings have it."""
    settings = RenderSettings()
    one, lights = torch.ones(1), settings.lights
    rest = View.at_rest(one, settings.camera, lights.elevation, settings.background)
    table = (*LATENTS, *OPTIONAL)
    values = torch.tensor([[latent.rest for latent in table]])
    view = set_up(rest, values, [latent.name for latent in table])
    for name in ("turn", "light_azimuth", "light_elevation", "distance", "background"):
        torch.testing.assert_close(getattr(view, name), getattr(rest, name), rtol=1e-4, atol=0.0)


def test_labels_have_a_column_for_each_name() -> None:
    view = View.at_rest(torch.ones(2), Camera(), 20.0, 1.0)
    with pytest.raises(UserError, match=r"\(2, 2\): .* each of azimuth, elevation, light_azimuth"):
        set_up(view, torch.zeros(2, 2), LABELS)


def test_turned_together_or_alone_the_same_bits() -> None:
    generator = torch.Generator().manual_seed(0)
    turn = rotation(torch.linspace(-80, 80, 5), torch.linspace(-20, 20, 5))
    vectors = 100 * torch.randn(5, 3, 1001, generator=generator)
    moved = torch.randn(5, 3, generator=generator)
    together = turned(turn, vectors, moved)
    torch.testing.assert_close(together, turn @ vectors + moved[..., None])
    for n in range(5):
        alone = turned(turn[n : n + 1], vectors[n : n + 1], moved[n : n + 1])
        assert torch.equal(alone[0], together[n])
    assert torch.equal(turned(turn, vectors[:1])[2], turned(turn[2:3], vectors[:1])[0])


def test_turned_has_gradients() -> None:
    turn = rotation(torch.tensor([20.0]), torch.tensor([5.0]))
    vectors = torch.ones(1, 3, 7, requires_grad=True)
    (slope,) = torch.autograd.grad(turned(turn, vectors).sum(), vectors)
    torch.testing.assert_close(slope, turn.mT @ torch.ones(1, 3, 7))
