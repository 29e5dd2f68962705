"""One picture drawn again under another pose or light, beside the renderer's truth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcign.calibration import fit_curve
from dcign.evaluation.seen import Seen
from dcign.evaluation.studio import VIEWS, Studio
from dcign.metrics.pictures import psnr, ssim
from facegen.latents import LATENTS

PAIRS = 240
"""Pictures redrawn for each factor."""

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
    direction: no unit set, the whole code moved along the direction fitted to the factor.
    copy: the picture left as it was. oracle: the truth itself encoded and decoded, which nothing
    that this decoder draws is expected to surpass. ceiling: told, by a supervised run. baseline:
    direction, by a run told nothing.
    """

    factor: str
    pairs: int
    told: Likeness
    shown: Likeness
    own: Likeness
    direction: Likeness
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
        direction=like(moved(seen, task)),
        copy=like(task.source),
        oracle=like(seen.pictures(truth)),
        ceiling=like(told(ceiling, task)) if ceiling else None,
        baseline=like(moved(baseline, task)) if baseline else None,
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


def moved(seen: Seen, task: Task) -> NDArray[np.float32]:
    """The pictures with the code moved along the factors' directions, from their true values.

    The direction is the least-squares slope of all units on the factors: what a code without named
    units deserves to be judged by. One of its units moved alone, as in the paper's figure 5, would
    make it look worse than it is.
    """
    truth = seen.train.labels - seen.train.labels.mean(0)
    slopes, *_ = np.linalg.lstsq(truth, seen.train.mean - seen.train.mean.mean(0), rcond=None)
    places = list(task.factors)
    steps = (task.values - task.start)[:, places].astype(np.float32)
    return seen.pictures(seen.codes(task.source) + steps @ slopes[places].astype(np.float32))


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
