"""How well a vector of unknowns explains a picture at one size: residuals, gradient, curvature."""

import numpy as np
import torch
from torch import Tensor

from facegen.fit.picture import smooth
from facegen.fit.unknowns import Unknowns
from facegen.geometry import project
from facegen.people import People
from facegen.raster import interpolate, rasterize
from facegen.render import Renderer
from facegen.view import View

_PEOPLE_AT_ONCE = 8
_EYES = 4.0
"""Against the picture: an eye that is off by 1 / 75 of a picture counts as every pixel off by
as much of a gray value."""


def shows(renderer: Renderer, people: People, view: View, region: Tensor) -> Tensor:
    """1 where pictures (batch, size, size) show a region (vertex,) of the surface, 0 elsewhere."""
    size = renderer.settings.size
    screen = project(renderer.pose(people.vertices, view.turn), view.camera, size)
    fragments = rasterize(screen, renderer.faces, size, size)
    # Behind the model's vertices stand those of what grows on it.
    region = torch.nn.functional.pad(region, (0, screen.shape[1] - len(region)))
    shown = interpolate(region[None, :, None], screen, renderer.faces, fragments)
    return (shown[..., 0] > 0.5).float()


def see_eyes(renderer: Renderer, people: People, view: View) -> Tensor:
    """Where pupils are seen (batch, 2, 2), as in facegen.fit.picture.Picture."""
    model = renderer.model
    mean, is_eye = model.mean, model.fields["eye_angle"] >= 0
    depth = [np.where(is_eye & (side * mean[:, 0] > 0), mean[:, 2], -np.inf) for side in (-1, 1)]
    pupils = people.vertices[:, :, [int(values.argmax()) for values in depth]]
    screen = project(renderer.pose(pupils, view.turn), view.camera, 2)
    return (screen[..., :2] - 1.0) * torch.tensor([1.0, -1.0])


class Objective:
    """The residual of a picture at one level of the pyramid."""

    def __init__(
        self,
        renderer: Renderer,
        unknowns: Unknowns,
        target: Tensor,
        background: float,
        face: Tensor | None = None,
        eyes: Tensor | None = None,
    ) -> None:
        """Look for what explains target (size, size), the picture, gray 0..1.

        background: its gray value where there is nobody.
        face (vertex,): 1 where the surface counts, 0 elsewhere; None if all of the picture does.
        eyes (2, 2): where the pupils are, if that is known; see facegen.fit.picture.Picture.
        """
        self.unknowns = unknowns
        self._renderer = renderer
        self._background = background
        self._target = smooth(target[None])[0]
        self._face = face
        self._eyes = eyes
        self._weight = torch.ones_like(target)
        self.pixels = float(target.numel())

    def pictures(self, vectors: Tensor, people: People | None = None) -> Tensor:
        """Vectors (batch, unknown) to pictures (batch, size, size)."""
        people = people or self.unknowns.people(self._renderer, vectors)
        view = self.unknowns.view(self._renderer, vectors, self._background)
        gain = self.unknowns.gain(vectors)[:, None, None]
        return self._renderer.render(people, view)[..., 0] * gain

    def residuals(self, vectors: Tensor, people: People | None = None) -> Tensor:
        """Vectors (batch, unknown) to weighted residuals (batch, pixel), and those of the eyes."""
        people = people or self.unknowns.people(self._renderer, vectors)
        difference = smooth(self.pictures(vectors, people)) - self._target
        residuals = (self._weight * difference).flatten(1)
        if self._eyes is None:
            return residuals
        view = self.unknowns.view(self._renderer, vectors, self._background)
        off = (see_eyes(self._renderer, people, view) - self._eyes).flatten(1)
        return torch.cat([residuals, off * (_EYES * self.pixels**0.5)], dim=1)

    @torch.no_grad()
    def focus(self, vector: Tensor) -> None:
        """Weigh pixels anew, if only a face counts: it, as a vector (unknown,) has it.

        What the model has no words for (a fringe, glasses, teeth) is weighed down by how far it is
        off, as under the error function of Geman & McClure.
        """
        if self._face is None:
            return
        self._weight = self.region(vector)
        off = self.residuals(vector[None])[:, : self._weight.numel()].abs()
        off = off.reshape(self._weight.shape)
        usual = 1.5 * off[self._weight > 0.5].median().clamp(min=0.02)
        self._weight = self._weight / (1 + (off / (2 * usual)) ** 2)
        self.pixels = float((self._weight**2).sum().clamp(min=1.0))

    @torch.no_grad()
    def region(self, vector: Tensor) -> Tensor:
        """1 where the picture (size, size) counts, as a vector (unknown,) has it, 0 elsewhere."""
        if self._face is None:
            return torch.ones_like(self._target)
        renderer = self._renderer
        people = self.unknowns.people(renderer, vector[None])
        view = self.unknowns.view(renderer, vector[None], self._background)
        return shows(renderer, people, view, self._face)[0]

    def slope(self, vector: Tensor) -> tuple[float, Tensor]:
        """The sum of squared residuals at a vector (unknown,), and its gradient."""
        vector = vector.detach().requires_grad_()
        squares = (self.residuals(vector[None]) ** 2).sum()
        (gradient,) = torch.autograd.grad(squares, vector)
        return float(squares.detach()), gradient

    @torch.no_grad()
    def curvature(self, vector: Tensor) -> Tensor:
        """J J^T (unknown, unknown) of a pixel's Jacobian J, on average, measured by differences."""
        unknowns, count = self.unknowns, len(self.unknowns.scene)
        moved = vector + torch.diag(unknowns.step)
        person = unknowns.people(self._renderer, vector[None])
        rows = [self.residuals(vector[None], person)]
        rows += [self.residuals(row[None], person) for row in moved[:count]]
        for some in torch.split(moved[count:], _PEOPLE_AT_ONCE):
            people = unknowns.people(self._renderer, some)
            rows += [self.residuals(row[None], people.one(k)) for k, row in enumerate(some)]
        residuals = torch.cat(rows)
        jacobian = (residuals[1:] - residuals[:1]) / unknowns.step[:, None]
        return jacobian @ jacobian.T / self.pixels
