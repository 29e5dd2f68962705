"""Skin taken off photographs: of pictures of people who are known, so that it can be measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from facegen.fit.light import Shading, reflectance
from facegen.fit.skin import take_skin
from facegen.fit.spread import carried_on
from facegen.fit.unroll import unroll
from facegen.geometry import project
from facegen.latents import draw_identity
from facegen.raster import interpolate, rasterize
from facegen.reflection import lit_skin
from facegen.render import Renderer, RenderSettings
from facegen.texture import unrolled

NAMES = ("azimuth", "elevation", "light_azimuth")


@pytest.fixture(scope="module")
def renderer(head):
    return Renderer(head, RenderSettings(size=256))


@pytest.fixture(scope="module")
def truth(head):
    return torch.from_numpy(draw_identity(head.identity_size, 0, "test", 16))[None]


@pytest.fixture(scope="module")
def fitted(head, truth):
    """The same shape, and the skin, brows and eyes of somebody else."""
    other = torch.from_numpy(draw_identity(head.identity_size, 0, "test", 3))[None]
    return torch.cat([truth[:, : len(head.basis)], other[:, len(head.basis) :]], dim=1)


def view(renderer, *labels):
    return renderer.view(torch.tensor([labels]), NAMES)


def photograph(renderer, truth, *labels, background=1.0):
    shown = replace(view(renderer, *labels), background=torch.tensor([background]))
    return renderer.render(renderer.people(truth), shown, colour=True)[0]


@pytest.fixture(scope="module")
def texture(renderer, truth, fitted):
    picture = photograph(renderer, truth, 20.0, 4.0, 35.0)
    seen = view(renderer, 20.0, 4.0, 35.0)
    return take_skin(renderer, renderer.people(fitted), seen, picture, 1.0)[0]


def face(renderer, people, seen):
    """Which pixels show bare skin and features, brows to chin."""
    anatomy, size = renderer.anatomy, renderer.settings.size
    region = (anatomy.scalp < -14) & (anatomy.points[1] > -95) & (anatomy.around < 70)
    screen = project(renderer.pose(people.vertices, seen.turn), seen.camera, size)
    fragments = rasterize(screen, renderer.faces, size, size)
    return interpolate(region.float()[None, :, None], screen, renderer.faces, fragments)[0, ..., 0]


def psnr(one, other, where):
    return -10 * float(torch.log10(((one - other)[where > 0.9] ** 2).mean()))


def test_reflectance_is_what_was_lit() -> None:
    generator = torch.Generator().manual_seed(0)
    albedo = 0.05 + 0.9 * torch.rand((3, 8, 8), generator=generator)
    received, taken, shine = torch.rand((3, 8, 8), generator=generator)
    lit = lit_skin(albedo, albedo[:1], received + 0.2, 0.3 * taken, 0.05 * shine)
    found = reflectance(lit, Shading(received + 0.2, 0.3 * taken, 0.05 * shine))
    assert torch.allclose(found, albedo, atol=1e-4)


def test_what_is_known_stays_and_the_rest_lies_between() -> None:
    planes = torch.linspace(0, 1, 64).expand(1, 64, 64).clone()
    weight = torch.zeros(64, 64)
    weight[:, :8] = weight[:, -8:] = 1
    planes[:, weight == 0] = 99.0
    found = carried_on(planes, weight)[0]
    assert torch.equal(found[weight == 1], planes[0][weight == 1])
    assert float(found.max()) <= 1
    assert float(found.diff(dim=1).abs().max()) < 0.2


def test_left_and_right_mirror_each_other_on_the_map() -> None:
    points = torch.tensor([[30.0, -30.0, 0.0], [-20.0, -20.0, -25.0], [70.0, 70.0, 90.0]])
    places = unrolled(points)
    assert torch.allclose(places[0] * torch.tensor([-1.0, 1.0]), places[1])
    assert torch.allclose(places[2], torch.zeros(2))


@pytest.mark.parametrize(
    ("labels", "least", "gain"),
    [
        ((20.0, 4.0, 35.0), 35.4, 5.0),
        ((20.0, 4.0, -40.0), 35.0, 4.0),
        ((-25.0, 0.0, 10.0), 33.0, 2.0),
    ],
)
def test_faces_in_new_poses_and_lights_are_nearer_the_truth(
    renderer, truth, fitted, texture, labels, least, gain
) -> None:
    """Decibels, and over the model's own paint: as seen; in another light; turned away."""
    seen = view(renderer, *labels)
    people = renderer.people(truth)
    true = renderer.render(people, seen, colour=True)[0]
    where = face(renderer, people, seen)
    painted, textured = (
        psnr(renderer.render(renderer.people(fitted, None, x), seen, colour=True)[0], true, where)
        for x in (None, texture)
    )
    assert textured > max(least, painted + gain)


def test_nothing_of_the_background_gets_on_the_skin(renderer, truth, fitted, texture) -> None:
    picture = photograph(renderer, truth, 20.0, 4.0, 35.0, background=0.0)
    seen = view(renderer, 20.0, 4.0, 35.0)
    other, _, _ = take_skin(renderer, renderer.people(fitted), seen, picture, 1.0)
    face = slice(0, 820)  # Down to the throat.
    apart = (other.tint - texture.tint)[:, face].abs()
    # A point at the edge of what counts as hair may go either way, by how sums are rounded.
    assert float((apart > 0.02).float().mean()) < 1e-3
    assert float(apart.max()) < 0.15


def test_a_forehead_out_of_the_picture_tells_no_hair(renderer, truth, fitted) -> None:
    # From the chin to below the eyes.
    middle, half_height = torch.tensor([[0.0, -55.0]]), torch.tensor([50.0])
    seen = replace(view(renderer, 0.0, 0.0, 35.0), middle=middle, half_height=half_height)
    picture = renderer.render(renderer.people(truth), seen, colour=True)[0]
    found, _, _ = take_skin(renderer, renderer.people(fitted), seen, picture, 1.0)
    assert found.tint.isfinite().all() and (found.tint != 0).any()
    assert found.hair is None


def test_where_the_map_is_filled_there_is_no_seam(texture) -> None:
    unseen = texture.certain < 0.02  # That is, a centimetre from what is seen.
    for dim in (1, 2):
        steps = texture.tint.diff(dim=dim).abs().amax(dim=0)
        there = unseen[: steps.shape[0], : steps.shape[1]]
        assert float(steps[there].max()) < 0.06


def test_the_far_cheek_is_out_of_sight(renderer, fitted) -> None:
    seen = view(renderer, 40.0, 0.0, 0.0)
    laid = unroll(renderer, renderer.people(fitted), seen, torch.full((64, 64, 3), 0.5))
    assert float(laid.there.float().mean()) > 0.99
    x, y, _ = laid.anatomy.points
    cheek = laid.there & (y < -10) & (y > -70) & (x.abs() > 45) & (x.abs() < 60)
    near, far = (laid.sight[cheek & (side * x > 0)].mean() for side in (-1, 1))
    assert float(far) < 0.05
    assert float(near) > 0.8
    assert np.isfinite(laid.seen.numpy()).all()
