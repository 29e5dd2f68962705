"""One picture drawn again under another pose or light, beside the renderer's truth."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby, permutations

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer, StandardScaler

from dcign.calibration import fit_curve
from dcign.codes import Codes
from dcign.evaluation.seen import Seen
from dcign.evaluation.studio import VIEWS, Studio
from dcign.metrics import Array
from dcign.metrics.pictures import psnr, ssim
from dcign.metrics.ridge import fit_ridge
from facegen.latents import LATENTS

PAIRS = 240
"""Pictures redrawn for each factor."""

KNOTS = 8
"""Of the cubic spline along a factor's range that edits follow."""

Distance = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float64]]
"""A perceptual distance of pictures (image, height, width) in 0..1: (image,)."""


@dataclass(frozen=True)
class Likeness:
    """How alike pictures are to the truth, mean over pictures; psnr in dB.

    perceptual: see dcign.perceptual; None when it was not asked for.
    """

    psnr: float
    ssim: float
    perceptual: float | None


@dataclass(frozen=True)
class Redrawing:
    """A picture of an unseen person, whose unit of one factor (or of all three) is set anew.

    told: to the unit's median among training images of the wanted value.
    shown: to its value in an image of another person who has the wanted value.
    own: to its value in the true picture itself; where this is much better than shown, the unit is
        relative to the person: its value means one pose of this and another of that one.
    edited: no unit set, the whole code changed as the codes of training pairs are.
    copy: the picture left as it was. oracle: the truth itself encoded and decoded, which nothing
    that this decoder draws is expected to surpass. ceiling: told, by a supervised run. baseline:
    edited, by a run told nothing.
    """

    factor: str
    pairs: int
    told: Likeness
    shown: Likeness
    own: Likeness
    edited: Likeness
    copy: Likeness
    oracle: Likeness
    ceiling: Likeness | None
    baseline: Likeness | None


@dataclass(frozen=True)
class Task:
    """Pictures to redraw, as a network reads them, (image, size, size) each.

    factors: places in LATENTS of what changes. start, values (image, latent): the truth of source
        and target. donor: pictures of other people that have target's values of these factors.
    """

    name: str
    factors: tuple[int, ...]
    source: NDArray[np.float32]
    target: NDArray[np.float32]
    donor: NDArray[np.float32]
    start: NDArray[np.float32]
    values: NDArray[np.float32]


def tasks(seen: Seen, studio: Studio | None) -> list[Task]:
    """One for each factor, from the test split, and one for all three, which the studio renders."""
    found = [_within_mini_batches(seen, place) for place in range(len(LATENTS))]
    if studio:
        crowd = studio.crowd
        donor = np.roll(crowd.images[1::VIEWS], -1, axis=0)
        pictures = (crowd.images[::VIEWS], studio.exchanged.images, donor)
        source, target, shown = (seen.images(x) for x in pictures)
        places = tuple(range(len(LATENTS)))
        start, values = crowd.labels[::VIEWS], studio.exchanged.labels
        found.append(Task("all three", places, source, target, shown, start, values))
    return found


def redraw(
    seen: Seen,
    task: Task,
    distance: Distance | None = None,
    ceiling: Seen | None = None,
    baseline: Seen | None = None,
) -> Redrawing:
    """Does a task and compares it with the truth."""

    def like(pictures: NDArray[np.float32]) -> Likeness:
        far = None if distance is None else float(distance(pictures, task.target).mean())
        near = float(psnr(pictures, task.target).mean()), float(ssim(pictures, task.target).mean())
        return Likeness(*near, far)

    truth = seen.codes(task.target)
    return Redrawing(
        factor=task.name,
        pairs=len(task.source),
        told=like(told(seen, task)),
        shown=like(given(seen, task, seen.codes(task.donor))),
        own=like(given(seen, task, truth)),
        edited=like(edited(seen, task)),
        copy=like(task.source),
        oracle=like(seen.pictures(truth)),
        ceiling=like(told(ceiling, task)) if ceiling else None,
        baseline=like(edited(baseline, task)) if baseline else None,
    )


def told(seen: Seen, task: Task) -> NDArray[np.float32]:
    """The pictures with the factors' units at what the training images say of the values."""
    codes = seen.codes(task.source)
    for place in task.factors:
        unit, latent = seen.units[place], LATENTS[place]
        curve = fit_curve(
            seen.train.labels[:, place], seen.train.mean[:, unit], latent.low, latent.high
        )
        codes[:, unit] = curve.at(task.values[:, place])
    return seen.pictures(codes)


def given(seen: Seen, task: Task, donor: NDArray[np.float32]) -> NDArray[np.float32]:
    """The pictures with the factors' units taken from other codes (image, unit)."""
    codes = seen.codes(task.source)
    units = [seen.units[place] for place in task.factors]
    codes[:, units] = donor[:, units]
    return seen.pictures(codes)


def edited(seen: Seen, task: Task) -> NDArray[np.float32]:
    """The pictures with the whole code edited, factor by factor, from their true values.

    What a code without named units deserves to be judged by: one of its units moved alone, as in
    the paper's figure 5, or one direction for all, would make it look worse than it is.
    """
    codes = seen.codes(task.source)
    for place in task.factors:
        edit = Edit(seen.train, place)
        codes = edit(codes, task.start[:, place], task.values[:, place])
    return seen.pictures(codes)


class Edit:
    """How a code changes with one factor, learnt from pairs of images that differ in nothing else.

    The change is linear in the steps of a spline basis of the factor and in their products with the
    code, so it bends along the range, and differs with who it is and how all else is.
    """

    def __init__(self, train: Codes, place: int) -> None:
        """place: the factor, in LATENTS."""
        latent, rows = LATENTS[place], train.factor_id == place
        knots = np.linspace(latent.low, latent.high, KNOTS)[:, None]
        self._curve = SplineTransformer(knots=knots, include_bias=False).fit(knots)
        codes, labels, group = train.mean[rows], train.labels[rows, place], train.group_id[rows]
        self._scale = StandardScaler().fit(codes)
        # Images of a mini-batch lie next to each other, each paired with all others of its own.
        pairs = [
            (start, end)
            for _, members in groupby(range(len(group)), key=group.__getitem__)
            for start, end in permutations(members, 2)
        ]
        source, target = np.array(pairs).T
        features = self._features(codes[source], labels[source], labels[target])
        self._change = fit_ridge(features, codes[target] - codes[source], group[source])

    def __call__(self, codes: Array, start: Array, end: Array) -> NDArray[np.float32]:
        """Codes (image, unit) of what has one value of the factor (image,), with another one."""
        changed: Array = codes + self._change(self._features(codes, start, end))
        return changed.astype(np.float32)

    def _features(self, codes: Array, start: Array, end: Array) -> Array:
        step = self._curve.transform(end[:, None]) - self._curve.transform(start[:, None])
        each = np.concatenate([np.ones((len(codes), 1)), self._scale.transform(codes)], axis=1)
        products: Array = (step[:, :, None] * each[:, None]).reshape(len(codes), -1)
        return products


def _within_mini_batches(seen: Seen, place: int) -> Task:
    """Pairs of one mini-batch, which differ in one factor, and donors from other mini-batches."""
    codes, random = seen.test, np.random.default_rng(place)
    groups = np.unique(codes.group_id[codes.factor_id == place])
    each = -(-PAIRS // len(groups))
    pairs = [
        random.permutation(np.flatnonzero(codes.group_id == group))[: 2 * each].reshape(-1, 2)
        for group in random.permutation(groups)
    ]
    source, target = np.concatenate(pairs)[:PAIRS].T
    values = codes.labels[target]
    apart = np.abs(values[:, place, None] - codes.labels[:, place])
    apart[codes.group_id[target][:, None] == codes.group_id] = np.inf
    return Task(
        name=LATENTS[place].factor,
        factors=(place,),
        source=_read(seen, source),
        target=_read(seen, target),
        donor=_read(seen, apart.argmin(1)),
        start=codes.labels[source],
        values=values,
    )


def _read(seen: Seen, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """The images of rows of seen.test."""
    group = seen.test.group_id[rows]
    first = np.searchsorted(seen.test.group_id, group)
    wanted, place = np.unique(group, return_inverse=True)
    images = seen.dataset.read("test", wanted).images
    return seen.images(images[place, rows - first])
