"""The descent: from a coarse scan of pose and light, up a pyramid, to all unknowns at full size.

Every step is a gradient's, analytic down to the silhouettes, in coordinates in which the objective
is about as steep in every direction: those of the Gauss-Newton matrix, measured by differences at
the start of a stage and refined by L-BFGS within it (Nocedal & Wright 2006, 7.2, with that matrix
as H0). The noise that residuals are weighed against is their own root mean square, so that the
prior N(0, sigma^2) is strong while the picture is poorly explained.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from facegen.fit.hairdo import with_hairdo
from facegen.fit.objective import Objective
from facegen.fit.picture import SIZE, Picture, background_of, shrink
from facegen.fit.scan import Scan, face_region
from facegen.fit.unknowns import CAMERA, SCENE, Unknowns
from facegen.morphable import MorphableModel
from facegen.render import Renderer, RenderSettings

_STARTS = 5
_RUNGS = ((5, 4), (9, 3), (14, 2), (20, 1))
"""Views that a fit to a rendered picture starts from, and after how many fits on the way, the start
among them, how many of the ways are gone on with (successive halving: Karnin, Koren & Somekh 2013).
"""

_MEMORY = 10
_WINDOW, _BACKTRACKS, _PATIENCE = 4, 4, 3
_LONGEST = 1.0
"""A step moves no unknown further than this many standard deviations."""


@dataclass(frozen=True)
class Stage:
    """So many gradients at a size of the picture; measure: find the curvature anew at its start."""

    size: int
    gradients: int
    measure: bool = True


STAGES = (Stage(50, 30), Stage(50, 25), Stage(75, 30), Stage(SIZE, 30, measure=False))
GRADIENTS = sum(stage.gradients for stage in STAGES)


@dataclass(frozen=True)
class Fit:
    """A state of a fit: unknowns (unknown,), and the root mean square of what they leave, 0..1."""

    vector: Tensor
    error: float


class Fitter:
    """Fits a face model to pictures."""

    def __init__(self, model: MorphableModel, rendered: bool = False):
        """rendered: pictures are facegen's own: all of a picture counts, its camera is known.

        Of any other picture the face alone counts, and the camera, the light's height and the
        expression are unknowns, too.
        """
        self.model = model
        self.rendered = rendered
        scene = SCENE if rendered else SCENE + CAMERA
        self.unknowns = Unknowns(scene, model, expressions=not rendered)
        self._face = None if rendered else face_region(model)
        self._noise, self._lost = (0.008, 0.018) if rendered else (0.05, 1.0)
        self._caution = 1.0 if rendered else 3.0
        self._scan = Scan(model, self._face)
        self._renderers = {
            stage.size: Renderer(model, RenderSettings(stage.size, 2 * SIZE // stage.size))
            for stage in STAGES
        }

    def fit(self, picture: Picture, gradients: int = GRADIENTS) -> Iterator[Fit]:
        """Improve on the mean face, step by step, until the picture is explained.

        gradients: how many steps are tried, if none stalls. To a rendered picture the first stage
        is tried from several starts; the best alone is reported. Then many mouths are tried, and in
        the end, of a photograph, hairdos.
        """
        stages = [
            replace(stage, gradients=max(2, round(stage.gradients * gradients / GRADIENTS)))
            for stage in STAGES
        ]
        first, *others = stages
        path = self._first(picture, first)
        yield from path
        vector = path[-1].vector
        for stage in others:
            objective = self.objective(picture, stage.size)
            if stage.measure:
                # Small pictures hardly show teeth: the next size may know better.
                mouths = self.unknowns.mouths(vector)
                vector = objective.best_mouth(torch.cat([mouths, vector[None]]))
            objective.focus(vector)
            if stage.measure:
                (curvature,) = objective.curvatures(vector[None])
            for fit in self._descend(objective, vector, stage, curvature):
                vector = fit.vector
                yield fit
        if not self.rendered:
            groomed = with_hairdo(self._renderers[SIZE], self.unknowns, vector, picture)
            yield Fit(groomed, objective.error(groomed))

    def _first(self, picture: Picture, stage: Stage) -> list[Fit]:
        """The first stage, from the start that leads furthest down."""
        objective = self.objective(picture, stage.size)
        # Of a photograph one alone: what counts of it follows from where a fit is.
        starts = self.starts(picture)[: _STARTS if self.rendered else 1]
        alike: dict[bytes, list[Tensor]] = {}
        for start in starts:
            who = self.unknowns.identity(start[None]).numpy().tobytes()
            alike.setdefault(who, []).append(start)
        ways: list[_Way] = []
        for some in alike.values():
            objective.focus(some[0])
            curvatures = objective.curvatures(torch.stack(some))
            for start, curvature in zip(some, curvatures, strict=True):
                ways.append(_Way(self._descend(objective, start, stage, curvature)))
        for fits, kept in _RUNGS:
            for way in ways:
                way.go_on(fits - len(way.path))
            ways = sorted(ways, key=lambda way: way.path[-1].error)[:kept]
            if ways[0].path[-1].error < self._lost:
                break
        ways[0].go_on(None)
        return ways[0].path

    def starts(self, picture: Picture) -> list[Tensor]:
        """Vectors (unknown,) to start from, the likeliest first."""
        background = background_of(picture.gray)
        return self._scan.starts(self.unknowns, picture, background, _STARTS)

    def objective(self, picture: Picture, size: int = SIZE) -> Objective:
        """The objective of a picture at a size that a stage has."""
        return Objective(
            self._renderers[size],
            self.unknowns,
            shrink(picture.gray[..., None] if self._face is None else picture.colours, size),
            background_of(picture.gray),
            self._face,
            picture.eyes if self._face is not None else None,
        )

    def _descend(
        self, objective: Objective, vector: Tensor, stage: Stage, curvature: Tensor
    ) -> Iterator[Fit]:
        """Fits on the way down, the start among them."""
        unknowns, left, stalled = self.unknowns, stage.gradients, 0
        rest = unknowns.resting(vector)
        precision = 1 / unknowns.sigma**2
        while left > 0 and stalled < _PATIENCE:
            objective.focus(vector)
            squares, gradient = objective.slope(vector)
            left -= 1
            error = (squares / objective.pixels) ** 0.5
            yield Fit(vector, error)
            noise = self._caution * max(self._noise, error)
            steps = _Steps(curvature * objective.pixels / noise**2 + torch.diag(4 * precision))

            def energy(squares: float, vector: Tensor, noise: float = noise) -> float:
                surprise = ((vector - rest) ** 2 * precision).sum()
                return 0.5 * squares / noise**2 + 0.5 * float(surprise)

            recent = [energy(squares, vector)]
            slope = 0.5 * gradient / noise**2 + (vector - rest) * precision
            while (
                left > 0
                and stalled < _PATIENCE
                and self._caution * max(self._noise, error) >= 0.75 * noise
            ):
                step = steps.step(slope)
                step = step * min(1.0, _LONGEST / float((step / unknowns.sigma).abs().max()))
                # What was best lately may get worse a little: samples jump from face to face.
                bar = max(recent[-_WINDOW:])
                for _ in range(_BACKTRACKS):
                    moved = (vector + step).clamp(unknowns.low, unknowns.high)
                    squares, gradient = objective.slope(moved)
                    left -= 1
                    if energy(squares, moved) < bar + 1e-4 * float(slope @ step):
                        break
                    step = 0.3 * step
                else:
                    return
                recent.append(energy(squares, moved))
                stalled = stalled + 1 if recent[-1] > bar * (1 - 2e-4) else 0
                new_slope = 0.5 * gradient / noise**2 + (moved - rest) * precision
                steps.learn(moved - vector, new_slope - slope)
                vector, slope = moved, new_slope
                error = (squares / objective.pixels) ** 0.5
                yield Fit(vector, error)


class _Way:
    """Fits that are found when they are asked for; path: so far."""

    def __init__(self, fits: Iterator[Fit]):
        self.path: list[Fit] = []
        self._fits = fits

    def go_on(self, count: int | None) -> None:
        """By so many fits, or to the end."""
        self.path += islice(self._fits, count)


class _Steps:
    """L-BFGS steps: what the last moves taught about a matrix of second derivatives."""

    def __init__(self, matrix: Tensor):
        self._factor = torch.linalg.cholesky(matrix.double())
        self._moves: list[tuple[Tensor, Tensor, Tensor]] = []

    def learn(self, move: Tensor, change: Tensor) -> None:
        """A move of the unknowns, and the change of the slope that came with it."""
        curved = move.double() @ change.double()
        if curved > 1e-6 * move.double().norm() * change.double().norm():
            self._moves = [*self._moves[-_MEMORY + 1 :], (move.double(), change.double(), curved)]

    def step(self, slope: Tensor) -> Tensor:
        """Where a slope (unknown,) leads down to (two-loop recursion)."""
        down = -slope.double()
        shares = []
        for move, change, curved in reversed(self._moves):
            share = (move @ down) / curved
            shares.append(share)
            down = down - share * change
        down = torch.cholesky_solve(down[:, None], self._factor)[:, 0]
        for (move, change, curved), share in zip(self._moves, reversed(shares), strict=True):
            down = down + (share - (change @ down) / curved) * move
        return down.float()
