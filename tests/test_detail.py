"""Large pictures are painted sample by sample: the same people, more sharply."""

import dataclasses

import numpy as np
import pytest
import torch

from facegen.latents import draw_identity
from facegen.render import FINE, Renderer, RenderSettings


@pytest.fixture(scope="module")
def renderer(head):
    return Renderer(head, RenderSettings(size=FINE, samples_per_axis=1))


@pytest.fixture(scope="module")
def people(head, renderer):
    identity = np.stack([draw_identity(head.identity_size, 0, "train", i) for i in (64, 67)])
    with torch.no_grad():
        return renderer.people(torch.from_numpy(identity))


def views(renderer, count, **names):
    labels = torch.tensor([[15.0, 0.0, 30.0], [-70.0, 10.0, -60.0]])[:count]
    return renderer.view(labels)


@pytest.mark.parametrize("colour", [False, True])
def test_painted_finely_or_coarsely_it_is_the_same_person(renderer, people, colour) -> None:
    view = views(renderer, 2)
    with torch.no_grad():
        fine = renderer.render(people, view, colour=colour)
        coarse = renderer.render(dataclasses.replace(people, appearance=None), view, colour=colour)
    assert torch.isfinite(fine).all()
    assert fine.min() >= 0 and fine.max() <= 1
    difference = (fine - coarse).abs()
    assert 0.002 < difference.mean() < 0.03
    assert ((fine == 1) == (coarse == 1)).float().mean() > 0.98, "the same outline"


def test_hair_has_strands(renderer, people) -> None:
    """Neighbours in a head of hair differ more than triangles' corners can make them."""
    view = views(renderer, 2)
    with torch.no_grad():
        fine = renderer.render(people, view)
        coarse = renderer.render(dataclasses.replace(people, appearance=None), view)
    hair = np.s_[1, 30:60, 110:150, 0]
    roughness = [float(p[hair].diff(dim=1).abs().mean()) for p in (fine, coarse)]
    assert roughness[0] > 2 * roughness[1]


def test_one_person_in_two_lights_is_that_person_twice(renderer, people) -> None:
    person = people.one(1)
    with torch.no_grad():
        both = renderer.render(person, views(renderer, 2))
        second = renderer.render(person, renderer.view(torch.tensor([[-70.0, 10.0, -60.0]])))
    torch.testing.assert_close(both[1:], second, rtol=0, atol=1e-5)


def test_gradients_reach_shape_pigments_and_pose(head, renderer) -> None:
    identity = torch.from_numpy(draw_identity(head.identity_size, 0, "train", 64))[None]
    identity.requires_grad_()
    labels = torch.tensor([[15.0, 0.0, 30.0]], requires_grad=True)
    picture = renderer.render(renderer.people(identity), renderer.view(labels), colour=True)
    weights = torch.linspace(0, 1, FINE)[:, None]
    to_identity, to_labels = torch.autograd.grad((picture * weights).sum(), (identity, labels))
    assert torch.isfinite(to_identity).all() and torch.isfinite(to_labels).all()
    assert (to_labels != 0).all()
    assert (to_identity[0, : len(head.basis) + 3] != 0).all()
