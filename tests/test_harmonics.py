"""Spherical harmonics: orthonormal, true to an integrated environment, and a light for faces."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from facegen.errors import UserError
from facegen.harmonics import COUNT, basis, exposed, of_panorama, reflected, surroundings
from facegen.latents import draw_identity
from facegen.render import FINE, Renderer, RenderSettings

HEIGHT, WIDTH = 120, 240


def directions(height, width):
    """Unit vectors (3, height, width) of a panorama's pixels, and their solid angles."""
    polar = (np.arange(height) + 0.5) * np.pi / height
    turn = (np.arange(width) + 0.5) * 2 * np.pi / width - np.pi
    polar, turn = np.meshgrid(polar, turn, indexing="ij")
    unit = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar), -np.sin(polar) * np.cos(turn)])
    return unit, np.sin(polar) * (np.pi / height) * (2 * np.pi / width)


@pytest.fixture(scope="module")
def sky():
    """A sunset of three colours: a broad warm light at one side, a bluish sky, a dark ground."""
    unit, _ = directions(HEIGHT, WIDTH)
    sun = np.exp(3 * (unit[0] * 0.8 + unit[1] * 0.3 + unit[2] * 0.52 - 1))
    blue = np.clip(unit[1], 0, 1)
    return np.stack([2 * sun + 0.1 * blue, 1.2 * sun + 0.2 * blue, 0.5 * sun + 0.6 * blue], -1)


@pytest.fixture(scope="module")
def normals():
    generator = np.random.default_rng(0)
    drawn = generator.standard_normal((3, 60))
    return drawn / np.linalg.norm(drawn, axis=0)


def integrated(picture, normals):
    """What a white surface reflects (channel, normal), summed over a panorama."""
    unit, area = directions(*picture.shape[:2])
    cosine = np.clip(np.einsum("chw,cn->nhw", unit, normals), 0, None)
    return np.einsum("nhw,hw,hwk->kn", cosine, area, picture) / np.pi


def test_the_basis_is_orthonormal():
    unit, area = directions(HEIGHT, WIDTH)
    values = basis(torch.from_numpy(unit.reshape(1, 3, -1)))[0].numpy()
    products = (values * area.reshape(1, -1)) @ values.T
    np.testing.assert_allclose(products, np.eye(COUNT), atol=1e-3)


def test_it_reflects_what_integration_says(sky, normals):
    found = reflected(
        of_panorama(torch.from_numpy(sky))[None], torch.from_numpy(normals[None]).float()
    )[0].numpy()
    expected = integrated(sky, normals)
    apart = np.abs(found - expected) / expected.max()
    # The paper's bounds for any environment: 9 % at worst, and its average of about 1 %.
    assert apart.max() < 0.05
    assert apart.mean() < 0.015


def test_what_order_two_can_hold_is_exact(normals):
    coefficients = np.random.default_rng(1).normal(size=(COUNT, 1))
    coefficients[0] = 6.0
    unit, _ = directions(HEIGHT, WIDTH)
    values = basis(torch.from_numpy(unit.reshape(1, 3, -1)))[0].numpy()
    picture = (coefficients.T @ values).T.reshape(HEIGHT, WIDTH, 1)
    back = of_panorama(torch.from_numpy(picture))
    np.testing.assert_allclose(back.numpy(), coefficients, atol=5e-3)
    found = reflected(back[None], torch.from_numpy(normals[None]).float())[0].numpy()
    np.testing.assert_allclose(found, integrated(picture, normals), atol=5e-3)


def test_light_from_everywhere_makes_white_white(normals):
    everywhere = of_panorama(torch.ones(40, 80, 1))
    white = reflected(everywhere[None], torch.from_numpy(normals[None]).float())
    np.testing.assert_allclose(white.numpy(), 1.0, atol=2e-3)
    assert torch.allclose(exposed(7 * everywhere), everywhere, atol=1e-2)


@pytest.fixture(scope="module")
def scene(head):
    """A renderer, a person, and a view of them without any light of its own."""
    settings = RenderSettings(size=48)
    lights = dataclasses.replace(settings.lights, key=0.0)
    renderer = Renderer(head, dataclasses.replace(settings, lights=lights))
    with torch.no_grad():
        return renderer, renderer.people(somebody(head))


def somebody(head):
    return torch.from_numpy(draw_identity(head.identity_size, 0, "test", 3)[None])


def lit(scene, panorama):
    renderer, people = scene
    view = renderer.view(torch.zeros(1, 3))
    light = of_panorama(panorama)[None]
    with torch.no_grad():
        picture = renderer.render(
            people, dataclasses.replace(view, environment=light), colour=True
        )[0].numpy()
    return picture[(picture < 0.98).any(-1)], picture


@pytest.mark.parametrize("axis", [0, 1], ids=["above", "right"])
def test_faces_are_lit_from_where_the_panorama_is_bright(scene, axis):
    towards = directions(30, 60)[0][1 - axis]
    one, other = (
        lit(scene, torch.from_numpy(np.clip(sign * towards, 0, None)[..., None] + 0.05))[1]
        for sign in (1, -1)
    )
    halves = np.array_split((one - other)[4:40].mean(axis=2), 2, axis=axis)
    # From above, the upper half comes first and gains; from the right, the right half comes second.
    gains, loses = halves if axis == 0 else halves[::-1]
    assert gains.mean() - loses.mean() > 0.02


def test_coloured_light_colours_faces(scene):
    red = torch.tensor([1.0, 0.2, 0.2]).expand(20, 40, 3)
    blue = torch.tensor([0.2, 0.2, 1.0]).expand(20, 40, 3)
    (warm, _), (cold, _) = lit(scene, red), lit(scene, blue)
    assert (warm[:, 0] / warm[:, 2]).mean() > 2 * (cold[:, 0] / cold[:, 2]).mean()


def test_a_key_light_that_is_off_is_not_exposed_for(scene):
    renderer, people = scene
    view = renderer.view(torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 75.0]]))
    light = of_panorama(torch.ones(20, 40, 1)).expand(2, -1, -1)
    with torch.no_grad():
        front, side = renderer.render(people, dataclasses.replace(view, environment=light))
    # But for highlights in eyes and hair, nothing says where it would be.
    assert float((front - side)[15:35, 15:35].abs().median()) < 1e-6


def test_large_pictures_are_lit_alike(scene):
    renderer, _ = scene
    dusk = directions(20, 40)[0][0][..., None] * np.array([0.4, 0.0, -0.4]) + 0.5
    _, small = lit(scene, torch.from_numpy(dusk))
    settings = dataclasses.replace(renderer.settings, size=FINE, samples_per_axis=1)
    fine = Renderer(renderer.model, settings)
    with torch.no_grad():
        people = fine.people(somebody(renderer.model))
    _, large = lit((fine, people), torch.from_numpy(dusk))
    for side in (0, 1):
        halves = [np.array_split(picture, 2, axis=1)[side] for picture in (small, large)]
        means = [half[(half < 0.98).any(-1)].mean(axis=0) for half in halves]
        # Brows, strands and collars are finer in a large one; the light makes a difference of 0.3.
        np.testing.assert_allclose(*means, atol=0.05)


def test_gray_light_is_coloured_light_of_equal_channels(scene):
    generator = torch.Generator().manual_seed(0)
    gray = torch.rand((20, 40, 1), generator=generator)
    np.testing.assert_allclose(
        lit(scene, gray)[1], lit(scene, gray.expand(-1, -1, 3))[1], atol=1e-6
    )


def test_pictures_are_differentiable_by_the_coefficients(scene):
    renderer, people = scene
    view = renderer.view(torch.zeros(1, 3))
    light = of_panorama(torch.full((20, 40, 1), 0.5))[None].double().float()

    def brightness(coefficients):
        shown = dataclasses.replace(view, environment=coefficients)
        return renderer.render(people, shown)[0, 15:35, 15:35].double().mean()

    value = light.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(brightness(value), value)
    for k in range(COUNT):
        step = torch.zeros_like(light)
        step[0, k] = 0.02
        with torch.no_grad():
            slope = (brightness(light + step) - brightness(light - step)) / 0.04
        assert float(gradient[0, k, 0]) == pytest.approx(float(slope), rel=0.02, abs=2e-5)


def test_the_settings_take_rows(head):
    rows = tuple((value,) for value in (3.0, 0.5, 0.5, 0, 0, 0, 0, 0, 0))
    renderer = Renderer(head, RenderSettings(size=24, environment=rows))
    person = draw_identity(head.identity_size, 0, "test", 3)[None]
    plain = Renderer(head, RenderSettings(size=24)).images(np.zeros((1, 3), np.float32), person)
    assert (
        np.abs(renderer.images(np.zeros((1, 3), np.float32), person) - plain.astype(int)).max() > 8
    )


@pytest.mark.parametrize("rows", [((1.0,),) * 8, ((1.0, 2.0),) * 9, ((math.nan,),) * 9])
def test_other_rows_are_refused(rows):
    with pytest.raises(UserError, match="9 rows of 1 or 3"):
        surroundings(rows, torch.ones(1))


def test_no_rows_are_no_environment():
    assert surroundings((), torch.ones(4)) is None
