"""Derivatives of pictures beside differences, where nothing hides anything."""

import dataclasses

import pytest
import torch

from facegen.latents import LATENTS, draw_identity
from facegen.render import Renderer, RenderSettings

SIZE = 64


@pytest.fixture(scope="module")
def renderer(head):
    return Renderer(head, RenderSettings(size=SIZE))


@pytest.fixture(scope="module")
def person(head):
    return draw_identity(head.identity_size, 0, "test", 6)


def smooth_loss(renderer, people, angles, weights):
    picture = renderer.render(people, renderer.view(angles[None]))
    return (picture.double() * weights).sum()


@pytest.fixture(scope="module")
def problem(renderer, person):
    """A patch of cheek: nothing hides anything there, so that the picture is differentiable."""
    angles = torch.tensor([12.0, 4.0, 35.0])
    with torch.no_grad():
        people = renderer.people(torch.from_numpy(person[None]))
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, SIZE)] * 2, indexing="ij")
    weights = (1 - ((x + 0.1) ** 2 + (y - 0.2) ** 2) / 0.11**2).clamp(min=0)[None, ..., None] ** 2
    return people, angles, weights


def difference_quotient(function, value, direction, step):
    with torch.no_grad():
        ahead, behind = function(value + step * direction), function(value - step * direction)
        return (ahead - behind) / (2 * step)


@pytest.mark.parametrize("column", range(len(LATENTS)), ids=[latent.name for latent in LATENTS])
def test_gradient_of_pose_and_light(head, problem, column) -> None:
    # Dense samples and no cast shadow: differences then see little of the jumps at silhouettes.
    renderer = Renderer(head, RenderSettings(size=SIZE, samples_per_axis=8, shadows=False))
    people, angles, weights = problem
    angles = angles.clone().requires_grad_()
    gradient = torch.autograd.grad(smooth_loss(renderer, people, angles, weights), angles)[0]
    axis = torch.eye(3)[column]
    expected = difference_quotient(
        lambda a: smooth_loss(renderer, people, a, weights), angles.detach(), axis, 0.5
    )
    assert gradient[column] == pytest.approx(float(expected), rel=0.05)


@pytest.mark.parametrize("what", ["vertices", "skin"])
def test_gradient_of_shape_and_albedo(head, problem, what) -> None:
    renderer = Renderer(head, RenderSettings(size=SIZE, samples_per_axis=8, shadows=False))
    people, angles, weights = problem
    value = getattr(people, what).clone().requires_grad_()

    def loss(tensor):
        return smooth_loss(renderer, dataclasses.replace(people, **{what: tensor}), angles, weights)

    gradient = torch.autograd.grad(loss(value), value)[0]
    generator = torch.Generator().manual_seed(0)
    direction = (
        torch.nn.functional.pad(
            torch.from_numpy(head.basis[6].T.copy())[None],
            (0, people.vertices.shape[2] - len(head.mean)),
        )
        if what == "vertices"
        else 0.1 * torch.rand(value.shape, generator=generator)
    )
    expected = difference_quotient(loss, value.detach(), direction, 0.2)
    assert float((gradient * direction).sum()) == pytest.approx(float(expected), rel=0.05)


def test_identity_coefficients_have_gradients(renderer, person, problem) -> None:
    _, angles, weights = problem
    identity = torch.from_numpy(person[None]).requires_grad_()
    loss = smooth_loss(renderer, renderer.people(identity), angles, weights)
    gradient = torch.autograd.grad(loss, identity)[0][0]
    assert torch.isfinite(gradient).all()
    assert (gradient[: len(renderer.model.basis)] != 0).all(), "every shape mode moves the face"
    melanin = len(renderer.model.basis)
    assert gradient[melanin] != 0
