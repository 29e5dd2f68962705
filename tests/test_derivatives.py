"""The whole renderer's gradients, group by group, beside differences of densely sampled pictures.

The loss is the squared difference of two smoothed pictures, of a person and of another one in
another pose, light and lens, with cast shadows: edges, self-occlusion, surfaces that intersect, the
hairline, shading and shadows all count. Both wear short hair: where locks of a sheet are thinner
than a sample, differences are rough, too. So are slopes where the bright edges of teeth turn out of
sight, faces of which samples hit one in ten: the first scene's are not about to.

A loss's difference over a path is the mean of its slopes on the way. A difference over a short
path instead, taken for the slope in its middle, is wrong by several percent: lips and humps of hair
roll out of sight within a degree, and over less than that, samples are too coarse even here.
"""

import pytest
import torch
from test_silhouette import smooth

from facegen import shadow
from facegen.appearance import APPEARANCE
from facegen.latents import LABELS, draw_identity
from facegen.raster import rasterize
from facegen.render import Renderer, RenderSettings

SIZE = 48
SCENE = (*LABELS, "roll", "light_elevation", "focal_length")
HERE = (25.0, 9.0, 35.0, 8.0, 25.0, 80.0)
THERE = (45.0, -18.0, -60.0, -3.0, 45.0, 110.0)
POSE_STEPS = {"azimuth": 1.5, "elevation": 1.5, "roll": 1.5, "focal_length": 8.0}
LIGHT_STEPS = {"light_azimuth": 2.0, "light_elevation": 3.0}
"""Half the paths' lengths."""
LIT = ((HERE, 3), ((-35.0, -10.0, -50.0, 8.0, 10.0, 80.0), 11))
"""Scenes and people under a light that moves."""
POINTS, LIGHT_POINTS = 16, 8
"""Slopes on a path; each is off by a percent or two for want of samples, their mean by less."""
SIDES = (32, 64)
"""Samples along a pixel, for slopes and for the losses at the paths' ends."""
FINE = 6


def dense_visibility(vertices, normals, faces, light, sight=None):
    """What shadow.key_visibility estimates, from a map of FINE times as many samples a side."""
    seen, look = shadow.from_light(vertices, light)
    receivers, slopes = (plane[0] for plane in shadow.receive(seen, look @ normals))
    side = FINE * shadow.SAMPLES
    magnified = seen * torch.tensor([FINE, FINE, 1.0])
    depth = rasterize(magnified.float().contiguous(), faces, side, side).depth[0]
    reach = torch.arange(-2 * FINE, 2 * FINE + 1)
    first = (FINE * receivers[:, :2]).floor().long()
    places = first[:, None] + reach[:, None]
    away = (places + 0.5) / FINE - receivers[:, None, :2]
    across, down = (2 - away.abs()).clamp(0, 1).unbind(-1)
    column, row = places.clamp(0, side - 1).unbind(-1)
    right, deeper = (away * slopes[:, None]).unbind(-1)
    plane = receivers[:, 2, None, None] + deeper[:, :, None] + right[:, None]
    lit = depth[row[:, :, None], column[:, None]] >= plane
    weight = down[:, :, None] * across[:, None]
    share = (lit * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))
    turned_away = (receivers[:, 2] - seen[0, :, 2]) > 0.3 * shadow.BIAS_MM
    return torch.where(turned_away, 1.0, share)[None]


class Problem:
    """The loss of a vector: SCENE, then the identity, then the expression."""

    def __init__(self, head, here=HERE, person=3, sides=SIDES, *, shadows=True):
        self._renderer, self._dense = (
            Renderer(head, RenderSettings(SIZE, side, shadows=shadows)) for side in sides
        )
        self._sizes = [len(SCENE), head.identity_size, len(head.expression_basis)]
        generator = torch.Generator().manual_seed(0)
        vectors = []
        for scene, number in ((here, person), (THERE, 5)):
            identity = torch.from_numpy(draw_identity(head.identity_size, 0, "test", number))
            identity[len(head.basis) + APPEARANCE.index("hair_length")] = -2.0
            expression = 0.3 * torch.rand(self._sizes[2], generator=generator)
            vectors.append(torch.cat([torch.tensor(scene), identity, expression]))
        self.at, there = vectors
        with torch.no_grad():
            self._target = self._picture(there, self._dense)
        start, stop = len(SCENE), len(SCENE) + len(head.basis)
        self.groups = {name: slice(k, k + 1) for k, name in enumerate(SCENE)}
        self.groups |= {"shape": slice(start, stop)}
        self.groups |= {"appearance": slice(stop, start + head.identity_size)}
        self.groups |= {"expression": slice(start + head.identity_size, None)}

    def gradient(self, at):
        at = at.clone().requires_grad_()
        return torch.autograd.grad(self._loss(at, self._renderer), at)[0]

    def slopes(self, direction, step, points=POINTS):
        """The mean slope from step before to step after, by gradients and by the difference."""
        middles = (2 * torch.arange(points) + 1 - points) / points
        gradients = [self.gradient(self.at + m * step * direction) for m in middles]
        with torch.no_grad():
            before, after = (
                self._loss(self.at + way * step * direction, self._dense) for way in (-1, 1)
            )
        mean = torch.stack(gradients).mean(0) @ direction
        return float(mean), float(after - before) / (2 * step)

    def axis(self, name):
        """The unit vector of one of SCENE."""
        axis = torch.zeros_like(self.at)
        axis[self.groups[name]] = 1.0
        return axis

    def _loss(self, at, renderer):
        return ((self._picture(at, renderer) - self._target).double() ** 2).sum()

    def _picture(self, at, renderer):
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
    return problem.gradient(problem.at)


@pytest.mark.parametrize("name", POSE_STEPS)
def test_gradients_of_the_scene(problem, name) -> None:
    slope, expected = problem.slopes(problem.axis(name), POSE_STEPS[name])
    assert slope == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("group", "step"), [("shape", 0.3), ("appearance", 0.4), ("expression", 0.2)]
)
def test_gradients_of_the_person(problem, gradient, group, step) -> None:
    """Straight uphill, and in a random direction of the group's coefficients.

    Measured, of the length of the group's gradient: at most 0.3, 0.3 and 1.2 %.
    """
    rows = problem.groups[group]
    uphill = torch.zeros_like(gradient)
    uphill[rows] = gradient[rows]
    steepness = float(uphill.norm())
    other = torch.zeros_like(gradient)
    other[rows] = torch.randn(len(gradient[rows]), generator=torch.Generator().manual_seed(0))
    for direction in (uphill / steepness, other / other.norm()):
        slope, expected = problem.slopes(direction, step)
        assert slope == pytest.approx(expected, abs=0.02 * steepness)


@pytest.mark.parametrize(
    ("here", "person", "least"), [(*LIT[0], 0.0), (*LIT[1], 0.015)], ids=("right", "left")
)
def test_gradients_of_light_that_casts_shadows(head, monkeypatch, here, person, least) -> None:
    """Few samples do: what they see is the same under any light. Shadows need a finer map.

    Measured from the left, azimuth and elevation: 0.8 and 0.4 % of both slopes' length.
    """
    monkeypatch.setattr(shadow, "key_visibility", dense_visibility)
    monkeypatch.setattr(__name__ + ".FINE", 12)
    problem = Problem(head, here, person, sides=(6, 6))
    slopes, expected = torch.tensor(
        [
            problem.slopes(problem.axis(name), step, LIGHT_POINTS)
            for name, step in LIGHT_STEPS.items()
        ]
    ).T
    assert slopes == pytest.approx(expected, rel=0.02, abs=least * float(expected.norm()))


def test_gradients_of_light_that_casts_no_shadow(head) -> None:
    problem = Problem(head, sides=(6, 6), shadows=False)
    for name in LIGHT_STEPS:
        slope, expected = problem.slopes(problem.axis(name), 2.0, LIGHT_POINTS)
        assert slope == pytest.approx(expected, rel=0.01)
