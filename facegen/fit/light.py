"""The light of a photograph, and what is left of the picture without it: reflectance."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from facegen.fit.unroll import Unrolled
from facegen.geometry import direction
from facegen.harmonics import COUNT, reflected, reflected_basis
from facegen.people import People
from facegen.pictures import LUMA
from facegen.reflection import bled, from_around, from_key, skin_shine
from facegen.shading import Lights, exposure, halfway
from facegen.view import View

_ROUNDS = 4
_NOISE = 0.12
"""How far skin is off the model's, as a part of its luminance."""
_INDEPENDENT = 300.0
"""The map's points count as so many: neighbours err alike."""
_DOUBT = (0.4, *[0.3] + [0.15] * 3 + [0.08] * 5)
"""Standard deviations of the key light's factor and of the harmonics' coefficients."""


@dataclass(frozen=True)
class Shading:
    """What meets the skin at each point (height, width): all light, what bleeds, shine."""

    received: Tensor
    taken: Tensor
    shine: Tensor

    def floored(self, least: float) -> "Shading":
        """With no less light than that: in deep shadow nothing can be told."""
        return replace(self, received=self.received.clamp(min=least))


def shading(seen: Unrolled, people: People, view: View, lights: Lights) -> Shading:
    """The light of a view with an environment of one channel, as facegen.shading.shade has it."""
    assert view.environment is not None
    light = direction(view.light_azimuth, view.light_elevation)
    opened = float(people.exposure * exposure(light))
    normals = seen.normals.flatten(1)

    def along(vector: Tensor) -> Tensor:
        return (vector @ normals).reshape(seen.visible.shape)

    share = from_key(along(light[0])) * seen.visible
    key = lights.key * opened * share
    around = reflected(view.environment, normals[None])[0, 0].reshape(share.shape)
    shine = skin_shine(along(halfway(light)[0]), key, people.gloss, seen.wet)
    return Shading(key + seen.occlusion * around * opened, bled(key, share), shine)


def reflectance(picture: Tensor, shading: Shading) -> Tensor:
    """Linear values (3, height, width) of a picture of skin to its reflectance.

    The inverse of facegen.reflection.lit_skin.
    """
    without = picture - shading.shine
    red = without[:1] / shading.received
    others = (without[1:] + shading.taken * red**2) / (shading.received + shading.taken * red)
    return torch.cat([red, others]).clamp(0.004, 1.0)


def relit(
    seen: Unrolled, weight: Tensor, people: People, view: View, lights: Lights
) -> tuple[View, float]:
    """The view under the light that explains a picture best, and how much brighter that is.

    Linear values divided by the latter are those of the view's own exposure.

    Beside the key light come harmonics of order 2 from all around, all of them white: the least
    squares over the points of weight (height, width), sure of the settings' sky and fill as far as
    the picture leaves open.
    """
    chosen = weight > 0.3
    normals = seen.normals[:, chosen]
    usual = from_around(normals[1], normals[2], lights.sky, lights.ground, lights.fill)
    harmonics = reflected_basis(normals[None])[0]
    start = torch.linalg.lstsq(harmonics.T, usual[:, None]).solution[:, 0]
    prior = torch.cat([torch.ones(1), start])
    luma = torch.tensor(LUMA)
    picture, painted = seen.seen[:, chosen], seen.painted[:, chosen]
    opened = float(people.exposure * exposure(direction(view.light_azimuth, view.light_elevation)))
    solution = prior
    weights = weight[chosen]
    for _ in range(_ROUNDS):
        lit = shading(seen, people, _under(view, solution), lights)
        received, taken, shine = (plane[chosen] for plane in (lit.received, lit.taken, lit.shine))
        around = (
            seen.occlusion[chosen] * opened * (solution[1:] / solution[0] @ harmonics).clamp(min=0)
        )
        key = received - around
        gray = luma @ painted
        off = solution[0] * (luma @ (-taken * painted[:1] * (painted[:1] - painted)) + shine)
        columns = torch.cat(
            [(gray * key)[None], gray * seen.occlusion[chosen] * opened * harmonics]
        )
        target = luma @ picture
        left = (solution @ columns + off - target) / target.clamp(min=0.01)
        trust = weights / (target.clamp(min=0.01) * (1 + (left / (2 * _NOISE)) ** 2))
        scale = _INDEPENDENT / (weights.sum() * _NOISE**2)
        rows = columns * trust
        doubt = torch.tensor(_DOUBT) ** -2
        matrix = scale * rows @ rows.T + torch.diag(doubt)
        right = scale * rows @ (trust * (target - off)) + doubt * prior
        solution = torch.linalg.solve(matrix.double(), right.double()).float()
        solution[0] = solution[0].clamp(min=0.05)
    return _under(view, solution), float(solution[0])


def _under(view: View, solution: Tensor) -> View:
    """The view in the light that a solution (1 + COUNT,) describes, relative to the key light."""
    return replace(view, environment=(solution[1:] / solution[0]).reshape(1, COUNT, 1))
