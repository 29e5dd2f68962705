"""How well a vector of unknowns explains a picture at one size: residuals, gradient, curvature."""

import numpy as np
import torch
from torch import Tensor

from facegen.fit.picture import features, smooth
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
    shown = interpolate(
        renderer.decoder.everywhere(region)[None, :, None], screen, renderer.faces, fragments
    )
    return (shown[..., 0] > 0.5).float()


def see_eyes(renderer: Renderer, people: People, view: View) -> Tensor:
    """Where pupils are seen (batch, 2, 2), as in facegen.fit.picture.Picture."""
    model = renderer.model
    mean, is_eye = model.mean, model.fields["eye_angle"] >= 0
    depth = [np.where(is_eye & (side * mean[:, 0] > 0), mean[:, 2], -np.inf) for side in (-1, 1)]
    pupils = people.vertices[:, :, [int(values.argmax()) for values in depth]]
    screen = project(renderer.pose(pupils, view.turn), view.camera, 2)
    return (screen[..., :2] - 1.0) * torch.tensor([1.0, -1.0])


_AROUND_LIPS = 0.1
"""How far from lips a picture tells of the mouth, as a part of its side."""

_ODD, _EFFORT = 0.3, 0.004
"""What is off by as much counts half; and what it costs to move an expression from 0 to 1."""


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
        """Look for what explains target (size, size, 1 or 3), the picture, 0..1.

        background: its gray value where there is nobody.
        face (vertex,): 1 where the surface counts, 0 elsewhere; None if all of the picture does.
        eyes (2, 2): where the pupils are, if that is known; see facegen.fit.picture.Picture.
        """
        self.unknowns = unknowns
        self._renderer = renderer
        self._background = background
        self._target = smooth(target[None])
        self._face = face
        self._eyes = eyes
        self._weight = torch.ones_like(target[..., 0])
        self._region = self._weight
        self.pixels = float(self._weight.numel())

    def pictures(self, vectors: Tensor, people: People | None = None) -> Tensor:
        """Vectors (batch, unknown) to pictures (batch, size, size, channel), as the target is."""
        people = people or self.unknowns.people(self._renderer, vectors)
        view = self.unknowns.view(self._renderer, vectors, self._background)
        gain = self.unknowns.gain(vectors)[:, None, None]
        shown = self._renderer.render(people, view, colour=self._target.shape[-1] == 3)
        return shown * gain[..., None]

    def residuals(self, vectors: Tensor, people: People | None = None) -> Tensor:
        """Vectors (batch, unknown) to weighted residuals (batch, _), and those of the eyes."""
        people = people or self.unknowns.people(self._renderer, vectors)
        difference = self._look(smooth(self.pictures(vectors, people))) - self._look(self._target)
        residuals = (self._weight[..., None] * difference).flatten(1)
        if self._eyes is None:
            return residuals
        view = self.unknowns.view(self._renderer, vectors, self._background)
        off = (see_eyes(self._renderer, people, view) - self._eyes).flatten(1)
        return torch.cat([residuals, off * (_EYES * self.pixels**0.5)], dim=1)

    def _look(self, pictures: Tensor) -> Tensor:
        """What is compared of pictures (batch, size, size, channel), in as many planes."""
        return pictures if self._face is None else features(pictures, self._region)

    @torch.no_grad()
    def focus(self, vector: Tensor) -> None:
        """Weigh pixels anew, if only a face counts: it, as a vector (unknown,) has it.

        What the model has no words for (a fringe, glasses) is weighed down by how far it is off, as
        under the error function of Geman & McClure.
        """
        if self._face is None:
            return
        self._weight = self._region = self.region(vector)
        off = self._off(vector)
        usual = 1.5 * off[self._weight > 0.5].median().clamp(min=0.02)
        self._weight = self._weight / (1 + (off / (2 * usual)) ** 2)
        self.pixels = float((self._weight**2).sum().clamp(min=1.0))

    @torch.no_grad()
    def best_mouth(self, vectors: Tensor) -> Tensor:
        """The one (unknown,) of vectors that differ in nothing but the mouth that explains it best.

        Without a face to look at there is no telling: it is the first.
        """
        if self._face is None:
            return vectors[0]
        self._weight = self._region = self.region(vectors[0])
        lips = self._shown(vectors[0], torch.from_numpy(self._renderer.model.fields["lips"]))
        reach = round(_AROUND_LIPS * len(lips))
        near = torch.nn.functional.max_pool2d(lips[None], 2 * reach + 1, stride=1, padding=reach)[0]
        pixels = float(near.sum().clamp(min=1.0))
        costs = []
        for some in torch.split(vectors, _PEOPLE_AT_ONCE):
            people = self.unknowns.people(self._renderer, some)
            for number, vector in enumerate(some):
                off = self._off(vector, people.one(number)) ** 2
                effort = _EFFORT * float(((vector - vectors[0]) ** 2).sum())
                costs.append(float((near * off / (off + _ODD**2)).sum()) / pixels + effort)
        return vectors[costs.index(min(costs))]

    def _off(self, vector: Tensor, people: People | None = None) -> Tensor:
        """How far a vector (unknown,) is off, where the picture (size, size) counts."""
        off = self.residuals(vector[None], people)[0, : self._target.numel()]
        far: Tensor = off.reshape(*self._weight.shape, -1).norm(dim=-1)
        return far

    @torch.no_grad()
    def region(self, vector: Tensor) -> Tensor:
        """1 where the picture (size, size) counts, as a vector (unknown,) has it, 0 elsewhere."""
        if self._face is None:
            return torch.ones_like(self._weight)
        return self._shown(vector, self._face)

    def _shown(self, vector: Tensor, surface: Tensor) -> Tensor:
        """1 where a vector (unknown,) shows a region (vertex,) of the surface, 0 elsewhere."""
        renderer = self._renderer
        people = self.unknowns.people(renderer, vector[None])
        view = self.unknowns.view(renderer, vector[None], self._background)
        return shows(renderer, people, view, surface)[0]

    @torch.no_grad()
    def error(self, vector: Tensor) -> float:
        """The root mean square of what a vector (unknown,) leaves where pictures count, 0..1."""
        self.focus(vector)
        squares = float((self.residuals(vector[None]) ** 2).sum())
        return float((squares / self.pixels) ** 0.5)

    def slope(self, vector: Tensor) -> tuple[float, Tensor]:
        """The sum of squared residuals at a vector (unknown,), and its gradient."""
        vector = vector.detach().requires_grad_()
        squares = (self.residuals(vector[None]) ** 2).sum()
        (gradient,) = torch.autograd.grad(squares, vector)
        return float(squares.detach()), gradient

    @torch.no_grad()
    def curvatures(self, vectors: Tensor) -> list[Tensor]:
        """J J^T (unknown, unknown) of a pixel's Jacobian J, on average, measured by differences.

        One for each of vectors (batch, unknown) that differ in the scene alone: the people in whom
        one unknown is moved, who take as long as their pictures do, are the same.
        """
        unknowns, count = self.unknowns, len(self.unknowns.scene)
        moves = torch.diag(unknowns.step)
        person = unknowns.people(self._renderer, vectors[:1])
        rows = [
            [self.residuals(row[None], person) for row in (vector, *(vector + moves[:count]))]
            for vector in vectors
        ]
        for some in torch.split(moves[count:], _PEOPLE_AT_ONCE):
            people = unknowns.people(self._renderer, vectors[0] + some)
            for vector, residuals in zip(vectors, rows, strict=True):
                residuals.append(self.residuals(vector + some, people))
        return [self._curvature(torch.cat(residuals)) for residuals in rows]

    def _curvature(self, residuals: Tensor) -> Tensor:
        """Of residuals (1 + unknown, _) without and with each unknown moved by its step."""
        jacobian = (residuals[1:] - residuals[:1]) / self.unknowns.step[:, None]
        return jacobian @ jacobian.T / self.pixels
