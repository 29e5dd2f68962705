"""The paper's figures 4, 5 and 6 drawn again, and two that it lacks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dcign.calibration import fit_curve
from dcign.evaluate import Report, Sights
from dcign.evaluation.original import ORIGINAL
from dcign.evaluation.redrawing import Task, edited, given, tasks, told
from dcign.evaluation.scatter import Panel, draw_panels
from dcign.evaluation.seen import Seen
from dcign.evaluation.studio import Studio
from dcign.metrics.total_effect import total_effect
from facegen.film import Row, draw_strip
from facegen.latents import LATENTS
from facegen.plot import picture
from facegen.scene import Variables
from facegen.sweep import sweep

FRAMES = 9
"""Pictures in a sweep."""

SIDE = 110
"""Pixels a side of each picture in a strip."""

POINTS = 1500
"""Images in a scatter."""

SWAPS = 9


@dataclass(frozen=True)
class Figure:
    """A picture with its file's name, title and caption."""

    name: str
    title: str
    caption: str
    picture: Image.Image


def figures(report: Report, sights: Sights, studio: Studio | None) -> list[Figure]:
    """All figures that can be drawn of an evaluation."""
    seen = sights.run
    found = [scatter(report, seen)]
    if studio:
        found = [sweeps(seen, studio), swaps(seen, studio), *found]
        if sights.baseline:
            found.insert(2, entangled(seen, sights.baseline, studio))
    return [*found, cosines(report)]


def sweeps(seen: Seen, studio: Studio) -> Figure:
    """Figure 4: one picture of an unseen person under another pose and light."""
    rows: list[Row] = []
    for place in range(len(LATENTS)):
        task, captions = _sweep(seen, studio, place)
        name = LATENTS[place].name.replace("_", " ")
        values = f"{name}, {captions[0]} to {captions[-1]}"
        rows.append(Row(f"{values}: renderer", _shown(task.target)))
        rows.append(Row("network, from the middle picture above", _shown(told(seen, task))))
    return Figure(
        "sweeps",
        "One picture, another pose and light",
        "Figure 4 of the paper. Every second row is drawn by the network from a single picture of "
        "a person it has never seen, the middle one above: only the unit of that factor is set, to "
        "what it usually is at the value asked for.",
        draw_strip(rows, [""] * FRAMES, FRAMES),
    )


def swaps(seen: Seen, studio: Studio) -> Figure:
    """Who one is and how one is seen, from two people: what a unit relative to the person fails."""
    (task,) = [task for task in tasks(seen, studio) if len(task.factors) == len(LATENTS)]
    some = {name: getattr(task, name)[:SWAPS] for name in ("source", "target", "donor")}
    few = Task(task.name, task.factors, **some, start=task.start, values=task.values)
    rows = [
        Row("who: intrinsic code from here", _shown(few.source)),
        Row("how: azimuth, elevation and light from here", _shown(few.donor)),
        Row("renderer: these people so posed and lit", _shown(few.target)),
        Row("network: the two codes put together", _shown(given(seen, few, seen.codes(few.donor)))),
    ]
    return Figure(
        "swaps",
        "Pose and light taken from somebody else",
        "The paper never tries this. If a unit meant something else for every person, the last row "
        "would not look as the one above it does.",
        draw_strip(rows, [""] * SWAPS, SWAPS),
    )


def entangled(seen: Seen, baseline: Seen, studio: Studio) -> Figure:
    """Figure 5: entangled and disentangled, the entangled one given a fair chance."""
    rows: list[Row] = []
    for place in (2, 0):
        task, _ = _sweep(seen, studio, place)
        name = LATENTS[place].factor
        rows += [
            Row(f"{name}: renderer", _shown(task.target)),
            Row("this run: its unit", _shown(told(seen, task))),
            Row(f"{baseline.run.path.name}: all units edited", _shown(edited(baseline, task))),
            Row(
                f"{baseline.run.path.name}: the unit it moves most",
                _shown(_most_moved(baseline, task, place)),
            ),
        ]
    return Figure(
        "entangled",
        "Entangled and disentangled",
        "Figure 5 of the paper, which shows of the entangled network only the unit that varies "
        "most while the factor varies. An edit of all units, learnt from training pairs, is what "
        "such a code deserves.",
        draw_strip(rows, [""] * FRAMES, FRAMES),
    )


def scatter(report: Report, seen: Seen) -> Figure:
    """Figure 6: the unit against the truth, over unseen people."""
    panels = []
    some = np.random.default_rng(0).permutation(len(seen.test.mean))[:POINTS]
    for place, (latent, found) in enumerate(zip(LATENTS, report.factors, strict=True)):
        known, unit = seen.train.labels[:, place], seen.train.mean[:, found.unit]
        curve = fit_curve(known, unit, latent.low, latent.high)
        panels.append(
            Panel(
                title=f"{latent.name.replace('_', ' ')}: Pearson {found.pearson:+.3f}",
                notes=f"Spearman {found.spearman:+.3f}; the original: Pearson "
                f"{ORIGINAL[latent.factor].correlation}",
                x_title=f"truth, {latent.unit}s",
                y_title=f"unit {found.unit}",
                x=seen.test.labels[some, place],
                y=seen.test.mean[some, found.unit],
                line=(curve.values, curve.codes),
                x_range=(latent.low, latent.high),
            )
        )
    return Figure(
        "scatter",
        "Latent against truth",
        f"Figure 6 of the paper, over {len(some):,} images of unseen people, every factor varying. "
        "Red: the median in training, which is what a value is turned into when asked for. A "
        "unit's sign and scale are its own affair.",
        picture(draw_panels(panels)),
    )


def cosines(report: Report) -> Figure:
    """How steady the intrinsic code stays along each factor."""
    nothing: NDArray[np.float64] = np.empty(0)
    panels = [
        Panel(
            title=f"{latent.name.replace('_', ' ')}: {steady.ends:.2f} at the ends",
            notes=f"two people: {steady.people:.2f}"
            + ("; the original: 0.06 to 0.63" if latent.factor == "azimuth" else ""),
            x_title=f"{latent.unit}s",
            y_title="cosine",
            x=nothing,
            y=nothing,
            line=(steady.values, steady.cosines),
            x_range=(latent.low, latent.high),
            y_range=(min(0.0, *steady.cosines), 1.02),
        )
        for latent, steady in zip(LATENTS, report.steadiness, strict=True)
    ]
    return Figure(
        "cosines",
        "How steady the intrinsic code stays",
        "Cosine of the intrinsic code with that of the picture of the same mini-batch whose value "
        "is nearest to 0; 1 would be a code that knows nothing of the factor.",
        picture(draw_panels(panels)),
    )


def _sweep(seen: Seen, studio: Studio, place: int) -> tuple[Task, list[str]]:
    """A sweep as a task: all frames from the middle one."""
    scenes = sweep(LATENTS[place].factor, FRAMES, Variables(studio.identity_size))
    truth = seen.images(studio.render(scenes.labels, scenes.identity))
    middle = np.full(FRAMES, FRAMES // 2)
    source, start = truth[middle], scenes.labels[middle]
    task = Task("sweep", (place,), source, truth, source, start, scenes.labels)
    return task, scenes.captions


def _most_moved(seen: Seen, task: Task, place: int) -> NDArray[np.float32]:
    """The sweep by one unit, that which the factor moves most, from end to end of its range."""
    train = seen.train
    unit = int(
        (
            total_effect(train.mean, train.factor_id, train.group_id, len(LATENTS) + 1)[place]
            * train.mean.var(0)
        ).argmax()
    )
    low, high = np.quantile(train.mean[:, unit], [0.02, 0.98])
    rising = np.corrcoef(train.mean[:, unit], train.labels[:, place])[0, 1] >= 0
    codes = seen.codes(task.source)
    codes[:, unit] = np.linspace(low, high, len(codes))[:: 1 if rising else -1]
    return seen.pictures(codes)


def _shown(pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pictures (image, size, size) in 0..1 as bytes at SIDE pixels."""
    gray = (255 * np.clip(pictures, 0, 1) + 0.5).astype(np.uint8)
    smooth = Image.Resampling.BICUBIC
    resized = [np.asarray(Image.fromarray(x).resize((SIDE, SIDE), smooth)) for x in gray]
    stacked: NDArray[np.uint8] = np.stack(resized)
    return stacked
