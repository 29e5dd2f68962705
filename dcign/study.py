"""Trainings beside each other: several variants, several seeds, one data set, one judgement.

Each training is a run of its own in a folder `variant-sN`, so a study that was stopped goes on
where it was, and a finished run is neither trained nor judged again.
"""

import json
import re
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import torch
from matplotlib.figure import Figure

from dcign.board import append, trim
from dcign.checkpoint import load_run
from dcign.codes import Codes, Images, codes_of, join, read_images, some_groups, units_of
from dcign.comparison import Figures, at, measured
from dcign.config import TrainConfig
from dcign.evaluate import Extras, evaluate
from dcign.evaluation.seen import check_judges
from dcign.metrics.correlation import spearman
from dcign.models.network import Network
from dcign.settings import Settings, load_settings
from dcign.train import Record, Training
from facegen.errors import UserError
from facegen.files import write_atomic
from facegen.latents import LATENTS
from facegen.minibatches import MiniBatches
from facegen.plot import logarithmic, panels, style, styled

FIGURES, CURVE = "figures.json", "curve.jsonl"

POINTS = 10
"""How often a training is judged on the way."""

GLANCE, GLANCE_EACH = 600, 2
"""Mini-batches of each split that such a judgement takes, and images of each: units are assigned by
their mutual information with the factors, which few mini-batches show where there is none."""

JUDGED = 500
"""Mini-batches of the test split that the judgement of a finished training takes."""


@dataclass(frozen=True)
class Point:
    """A glance at a training: after so many steps and seconds, |Spearman| of each factor's unit."""

    step: int
    seconds: float
    spearman: tuple[float, ...]


@dataclass(frozen=True)
class Job:
    """One training of a study."""

    variant: str
    config: TrainConfig
    folder: Path

    def curve(self) -> list[Point]:
        """What was seen of it so far."""
        path = self.folder / CURVE
        if not path.is_file():
            return []
        points = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                tree = json.loads(line)
                points.append(Point(tree["step"], tree["seconds"], tuple(tree["spearman"])))
            except (ValueError, KeyError, TypeError):
                # Torn by a kill: what follows it comes again.
                break
        return points

    def figures(self) -> Figures | None:
        """How it was judged, if it was, with as many steps and all that a table shows."""
        try:
            figures: Figures = json.loads((self.folder / FIGURES).read_text(encoding="utf-8"))
            for _, path, style in measured():
                style.format(at(figures["evaluation"], path))
            same = (figures["variant"], figures["step"]) == (self.variant, self.config.steps)
            return figures if same and "seconds" in figures else None
        except (OSError, ValueError, LookupError, TypeError):
            return None


class Study:
    """The trainings of every variant with every seed 0, 1, ..., seeds first."""

    def __init__(
        self,
        variants: Mapping[str, TrainConfig],
        seeds: int,
        dataset: MiniBatches,
        folder: Path,
        device: torch.device,
    ) -> None:
        """Write nothing."""
        self.dataset = dataset
        self.folder = folder
        self.device = device
        # What glances look at, by split and size: some 20 MB, and minutes of reading.
        self._glimpsed: dict[tuple[str, int], list[Images]] = {}
        self.jobs = [
            Job(name, replace(config, seed=seed), folder / _folder_name(name, seed))
            for seed in range(seeds)
            for name, config in variants.items()
        ]

    def finished(self) -> list[tuple[Job, Figures]]:
        """All that is judged of this study, and what other commands left in its folder.

        Of those what was trained as long, on the same data set; ours come first.
        """
        ours = {job.folder for job in self.jobs}
        paths = sorted(self.folder.glob(f"*/{FIGURES}"))
        left = (self._left(path.parent) for path in paths if path.parent not in ours)
        jobs = [*self.jobs, *(job for job in left if job and self._suits(job))]
        return [(job, figures) for job in jobs if (figures := job.figures())]

    def _suits(self, other: Job) -> bool:
        """Whether a job of another command may stand beside ours, or in a column of ours."""
        same = {replace(job.config, seed=0) for job in self.jobs if job.variant == other.variant}
        steps = {job.config.steps for job in self.jobs}
        return other.config.steps in steps and same <= {replace(other.config, seed=0)}

    def _left(self, folder: Path) -> Job | None:
        """The job of a folder that another command made, if it is one of our data set."""
        try:
            settings = load_settings(folder)
            variant = json.loads((folder / FIGURES).read_text(encoding="utf-8"))["variant"]
        except (OSError, ValueError, LookupError, TypeError, UserError):
            return None
        if settings is None or settings.data_fingerprint != self.dataset.fingerprint:
            return None
        # Not a copy of another.
        is_its_own = folder.name == _folder_name(str(variant), settings.config.seed)
        return Job(str(variant), settings.config, folder) if is_its_own else None

    def check(self) -> None:
        """Raise UserError when the data set cannot judge, or a job's folder is another study's."""
        for size in {job.config.network.image_size for job in self.jobs}:
            check_judges(self.dataset, size)
        for job in self.jobs:
            wanted = Settings(job.config, str(self.dataset.path), self.dataset.fingerprint)
            known = load_settings(job.folder)
            if known and not (known.same_run(wanted) and known.config.steps == job.config.steps):
                raise UserError(
                    f"{job.folder}: of another data set, method or number of steps; take another "
                    "--out"
                )

    def training(self, job: Job) -> Training:
        """The training of a job, from where it stopped."""
        return Training(job.config, self.dataset, job.folder, self.device)

    def train(self, job: Job, work: Training) -> Generator[Record, None, None]:
        """Train it, with a glance at it POINTS times; its curve is kept beside it."""
        job.folder.mkdir(parents=True, exist_ok=True)
        # What the first training waits for, all others would find in memory.
        work.read_ahead()
        counted, spent, begun = 0, 0.0, False
        first, started = work.step, time.monotonic()
        for record in work:
            if not begun:
                # Only now is the folder locked, and the file ours.
                trim(job.folder / CURVE, first)
                if before := job.curve():
                    counted, spent = before[-1].step, before[-1].seconds
                begun = True
            yield record
            if record.step % max(1, job.config.steps // POINTS) == 0:
                # Steps that a stopped process did behind its last point count at the pace of ours.
                pace = (time.monotonic() - started) / (record.step - first)
                spent += pace * (record.step - counted)
                counted = first = record.step
                point = {"step": record.step, "seconds": spent, "spearman": self._glance(work)}
                append(job.folder / CURVE, (json.dumps(point) + "\n").encode())
                started = time.monotonic()

    def _glance(self, work: Training) -> list[float]:
        """|Spearman| of each factor's unit on a few unseen mini-batches."""
        test = self._codes(work.network, "test")
        units = units_of(work.config.method.named, self._codes(work.network, "train"))
        return [
            abs(spearman(test.mean[:, unit], test.labels[:, factor]))
            for factor, unit in enumerate(units)
        ]

    def judge(self, job: Job) -> Figures:
        """Evaluate a finished training, and keep the figures in its folder."""
        run = load_run(job.folder)
        run.network.to(self.device)
        report = evaluate(run, self.dataset, Extras(test_groups=JUDGED))
        seen = job.curve()
        figures = {
            "variant": job.variant,
            "supervision": job.config.method.supervision,
            "seed": job.config.seed,
            "step": run.step,
            "precision": run.precision,
            "seconds": seen[-1].seconds * run.step / seen[-1].step if seen else None,
            "evaluation": report.to_json(),
        }
        write_atomic(job.folder / FIGURES, (json.dumps(figures, indent=1) + "\n").encode())
        return figures

    def _codes(self, network: Network, split: str) -> Codes:
        key = split, network.config.image_size
        if key not in self._glimpsed:
            groups = some_groups(self.dataset, split, GLANCE)
            read = read_images(key[1], self.dataset, split, groups, each=GLANCE_EACH)
            self._glimpsed[key] = list(read)
        return join([codes_of(network, images) for images in self._glimpsed[key]])


@styled()
def curves(jobs: Sequence[Job]) -> Figure:
    """1 - |Spearman| of each factor's unit against minutes of training, means of the seeds."""
    figure, frames = panels(len(LATENTS))
    names = list(dict.fromkeys(job.variant for job in jobs))
    for unit, (latent, frame) in enumerate(zip(LATENTS, frames, strict=True)):
        for number, name in enumerate(names):
            seen = [job.curve() for job in jobs if job.variant == name]
            steps = list(zip(*(curve for curve in seen if curve), strict=False))
            frame.plot(
                [mean(point.seconds for point in points) / 60 for points in steps],
                [1 - mean(point.spearman[unit] for point in points) for points in steps],
                **style(number),
                label=name,
            )
        frame.set(xlabel="minutes of training", title=latent.factor)
        frame.set_xlim(left=0)
        logarithmic(frame)
    frames[0].set_ylabel("1 - |Spearman|: less is better")
    figure.legend(*frames[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


def _folder_name(variant: str, seed: int) -> str:
    return re.sub(r"\W+", "-", variant.replace("+", "")) + f"-s{seed}"
