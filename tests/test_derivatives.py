"""The whole renderer's gradients, group by group, beside differences of densely sampled pictures.

The loss is the squared difference of two smoothed pictures, of a person and of another one in
another pose, light and lens, with cast shadows: edges, self-occlusion, surfaces that intersect, the
hairline, shading and shadows all count. Both wear short hair: where locks of a sheet are thinner
than a sample, differences are rough, too.
"""

import pytest
import torch
from test_silhouette import derivative, smooth

from facegen import shadow
from facegen.appearance import APPEARANCE
from facegen.latents import LABELS, draw_identity
from facegen.raster import rasterize
from facegen.render import Renderer, RenderSettings

SIZE = 48
SCENE = (*LABELS, "roll", "light_elevation", "focal_length")
HERE = (25.0, 6.0, 35.0, 8.0, 25.0, 80.0)
THERE = (45.0, -18.0, -60.0, -3.0, 45.0, 110.0)
STEPS = (1.5, 1.5, 2.0, 1.5, 3.0, 8.0)
TOLERANCES = (0.04, 0.08, 0.06, 0.02, 0.03, 0.02)
"""Measured: azimuth 2.7, elevation 6.7, light azimuth 4.7, roll 1.1, light elevation 1.6, focal
length 0.7 %. Before hair had tufts: azimuth 0.1, elevation 1.0 to 3.9. Shadows' maps are coarse:
without shadows, both of the light's are within 0.2 %."""
SIDE = 32
"""Samples along a pixel."""
FINE = 6


def dense_visibility(vertices, normals, faces, light, sight=None):
    """What shadow.key_visibility estimates, from a map of FINE times as many samples a side."""
    seen, look = shadow.from_light(vertices, light)
    receivers = (seen + shadow.BIAS_MM * (look @ normals).mT)[0]
    side = FINE * shadow.SAMPLES
    magnified = seen * torch.tensor([FINE, FINE, 1.0])
    depth = rasterize(magnified.float().contiguous(), faces, side, side).depth[0]
    reach = torch.arange(-2 * FINE, 2 * FINE + 1)
    first = (FINE * receivers[:, :2]).floor().long()
    places = first[:, None] + reach[:, None]
    away = (places + 0.5) / FINE - receivers[:, None, :2]
    across, down = (2 - away.abs()).clamp(0, 1).unbind(-1)
    column, row = places.clamp(0, side - 1).unbind(-1)
    lit = depth[row[:, :, None], column[:, None]] >= receivers[:, 2, None, None]
    weight = down[:, :, None] * across[:, None]
    share = (lit * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))
    turned_away = (receivers[:, 2] - seen[0, :, 2]) > 0.3 * shadow.BIAS_MM
    return torch.where(turned_away, 1.0, share)[None]


class Problem:
    """The loss of a vector: SCENE, then the identity, then the expression."""

    def __init__(self, head, shadows=True):
        self.renderer = Renderer(head, RenderSettings(SIZE, SIDE, shadows=shadows))
        self._sizes = [len(SCENE), head.identity_size, len(head.expression_basis)]
        generator = torch.Generator().manual_seed(0)
        vectors = []
        for scene, number in ((HERE, 3), (THERE, 5)):
            person = torch.from_numpy(draw_identity(head.identity_size, 0, "test", number))
            person[len(head.basis) + APPEARANCE.index("hair_length")] = -2.0
            expression = 0.3 * torch.rand(self._sizes[2], generator=generator)
            vectors.append(torch.cat([torch.tensor(scene), person, expression]))
        self.at, there = vectors
        with torch.no_grad():
            self._target = self._picture(there)
        start, stop = len(SCENE), len(SCENE) + len(head.basis)
        self.groups = {name: slice(k, k + 1) for k, name in enumerate(SCENE)}
        self.groups |= {"shape": slice(start, stop)}
        self.groups |= {"appearance": slice(stop, start + head.identity_size)}
        self.groups |= {"expression": slice(start + head.identity_size, None)}

    def loss(self, at):
        return ((self._picture(at) - self._target).double() ** 2).sum()

    def _picture(self, at):
        renderer = self.renderer
        scene, person, expression = torch.split(at[None], self._sizes, dim=1)
        people = renderer.people(person, expression)
        return smooth(renderer.render(people, renderer.view(scene, SCENE)))


@pytest.fixture(scope="module")
def problem(head):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shadow, "key_visibility", dense_visibility)
        yield Problem(head)


@pytest.fixture(scope="module")
def gradient(problem):
    at = problem.at.clone().requires_grad_()
    return torch.autograd.grad(problem.loss(at), at)[0]


@pytest.mark.parametrize(
    ("name", "step", "tolerance"), list(zip(SCENE, STEPS, TOLERANCES, strict=True))
)
def test_gradients_of_the_scene(problem, gradient, name, step, tolerance) -> None:
    axis = torch.zeros_like(gradient)
    axis[problem.groups[name]] = 1.0
    expected = derivative(problem.loss, problem.at, axis, step)
    assert float(gradient @ axis) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(
    ("group", "step", "tolerance"),
    [("shape", 0.3, 0.03), ("appearance", 0.4, 0.03), ("expression", 0.2, 0.035)],
)
def test_gradients_of_the_person(problem, gradient, group, step, tolerance) -> None:
    """Straight uphill, and in a random direction of the group's coefficients.

    Measured, of the length of the group's gradient: at most 0.5, 0.7 and 3.1 %.
    """
    rows = problem.groups[group]
    uphill = torch.zeros_like(gradient)
    uphill[rows] = gradient[rows]
    steepness = float(uphill.norm())
    other = torch.zeros_like(gradient)
    other[rows] = torch.randn(len(gradient[rows]), generator=torch.Generator().manual_seed(0))
    for direction in (uphill / steepness, other / other.norm()):
        expected = derivative(problem.loss, problem.at, direction, step)
        assert float(gradient @ direction) == pytest.approx(expected, abs=tolerance * steepness)


def test_gradients_of_light_that_casts_no_shadow(head) -> None:
    problem = Problem(head, shadows=False)
    at = problem.at.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(problem.loss(at), at)
    for name in ("light_azimuth", "light_elevation"):
        axis = torch.zeros_like(gradient)
        axis[problem.groups[name]] = 1.0
        expected = derivative(problem.loss, problem.at, axis, 1.0)
        assert float(gradient @ axis) == pytest.approx(expected, rel=0.01)
