"""The whole renderer's gradients, group by group, beside differences of densely sampled pictures.

The loss is the squared difference of two smoothed pictures, of a person and of another one in
another pose and light: edges, self-occlusion, the hairline and shading all count. Both wear short
hair: where a sheet of long hair comes out of the scalp, surfaces intersect, which has no
derivative.
"""

import pytest
import torch
from test_silhouette import derivative, smooth

from facegen.appearance import APPEARANCE
from facegen.latents import LABELS, draw_identity
from facegen.render import Renderer, RenderSettings

SIZE = 48
ANGLES = len(LABELS)


class Problem:
    """The loss of a vector: the labels in degrees, then the identity."""

    def __init__(self, head):
        # Cast shadows count as fixed: without them, the derivative is the whole one.
        self._renderers = {
            per_axis: Renderer(head, RenderSettings(SIZE, per_axis, shadows=False))
            for per_axis in (16, 24)
        }
        person, other = (
            torch.from_numpy(draw_identity(head.identity_size, 0, "test", i)) for i in (3, 5)
        )
        for identity in (person, other):
            identity[len(head.basis) + APPEARANCE.index("hair_length")] = -2.0
        self.at = torch.cat([torch.tensor([25.0, 6.0, -30.0]), person])
        with torch.no_grad():
            there = torch.cat([torch.tensor([45.0, -18.0, 20.0]), other])
            self._target = self._picture(there, 24)

    def loss(self, at, per_axis=24):
        return ((self._picture(at, per_axis) - self._target).double() ** 2).sum()

    def _picture(self, at, per_axis):
        renderer = self._renderers[per_axis]
        people = renderer.people(at[None, ANGLES:])
        return smooth(renderer.render(people, renderer.view(at[None, :ANGLES])))


@pytest.fixture(scope="module")
def problem(head):
    return Problem(head)


@pytest.fixture(scope="module")
def gradient(problem):
    at = problem.at.clone().requires_grad_()
    return torch.autograd.grad(problem.loss(at, 16), at)[0]


@pytest.mark.parametrize(("column", "step"), list(enumerate((1.5, 1.5, 2.0))), ids=LABELS)
def test_gradients_of_pose_and_light(problem, gradient, column, step) -> None:
    axis = torch.eye(len(problem.at))[column]
    # Measured: 6.8, 1 and 0.3 %: less of an edge that another surface makes by intersection.
    assert float(gradient[column]) == pytest.approx(
        derivative(problem.loss, problem.at, axis, step), rel=0.08
    )


@pytest.mark.parametrize(("group", "step"), [("shape", 0.3), ("appearance", 0.4)])
def test_gradients_of_identity(head, problem, gradient, group, step) -> None:
    """Straight uphill, and in three random directions of the group's coefficients.

    Measured, of the length of the group's gradient: at most 1.6 %.
    """
    modes = len(head.basis)
    group_gradient = torch.zeros_like(gradient)
    rows = slice(ANGLES, ANGLES + modes) if group == "shape" else slice(ANGLES + modes, None)
    group_gradient[rows] = gradient[rows]
    steepness = float(group_gradient.norm())
    directions = [group_gradient / steepness]
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        direction = torch.randn(len(gradient), generator=generator) * (group_gradient != 0)
        directions.append(direction / direction.norm())
    for direction in directions:
        expected = derivative(problem.loss, problem.at, direction, step)
        assert float(gradient @ direction) == pytest.approx(expected, abs=0.02 * steepness)


@pytest.mark.parametrize(("name", "tolerance"), [("light_azimuth", 0.1), ("light_elevation", 0.3)])
def test_shadows_move_with_the_light(head, name, tolerance) -> None:
    """Shadow maps have samples of their own, so that differences, too, are rough."""
    person = torch.from_numpy(draw_identity(head.identity_size, 0, "test", 3))[None]
    names = (*LABELS, "light_elevation")

    def picture(at, per_axis):
        renderer = Renderer(head, RenderSettings(SIZE, per_axis))
        return smooth(renderer.render(renderer.people(person), renderer.view(at[None], names)))

    with torch.no_grad():
        target = picture(torch.tensor([45.0, -6.0, 20.0, 18.0]), 16)

    def loss(at, per_axis=16):
        return ((picture(at, per_axis) - target).double() ** 2).sum()

    at = torch.tensor([25.0, 6.0, -30.0, 18.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(at, 8), at)
    axis = torch.eye(4)[names.index(name)]
    expected = derivative(loss, at.detach(), axis, 4.0)
    assert float(gradient @ axis) == pytest.approx(expected, rel=tolerance)
