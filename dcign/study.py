"""Trainings beside each other: several variants, several seeds, one data set, one judgement.

Each training is a run of its own in a folder `variant-sN`, so a study that was stopped goes on
where it was, and a finished run is neither trained nor judged again.
"""

import json
import re
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from PIL import Image

from dcign.board import trim
from dcign.checkpoint import Run, Settings, load_run, load_settings
from dcign.codes import Codes, encode, some_groups, units_of
from dcign.config import TrainConfig
from dcign.evaluate import Extras, evaluate
from dcign.metrics.correlation import spearman
from dcign.plot import draw_curves
from dcign.train import Record, Training
from facegen.errors import UserError
from facegen.files import write_atomic
from facegen.latents import LATENTS
from facegen.shards import Dataset

FIGURES, CURVE = "figures.json", "curve.jsonl"

POINTS = 10
"""How often a training is judged on the way."""

GLANCE = 60
"""Mini-batches of each split that such a judgement takes."""

JUDGED = 500
"""Mini-batches of the test split that the judgement of a finished training takes."""

Figures = dict[str, Any]


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
        trees = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        return [Point(t["step"], t["seconds"], tuple(t["spearman"])) for t in trees]

    def figures(self) -> Figures | None:
        """How it was judged, if it was, with as many steps."""
        try:
            figures: Figures = json.loads((self.folder / FIGURES).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return figures if figures.get("step") == self.config.steps else None


class Study:
    """The trainings of every variant with every seed 0, 1, ..., seeds first."""

    def __init__(
        self,
        variants: Mapping[str, TrainConfig],
        seeds: int,
        dataset: Dataset,
        folder: Path,
        device: torch.device,
    ) -> None:
        """Write nothing."""
        self.variants = variants
        self.dataset = dataset
        self.folder = folder
        self.device = device
        self.jobs = [
            Job(name, replace(config, seed=seed), folder / f"{_file_name(name)}-s{seed}")
            for seed in range(seeds)
            for name, config in variants.items()
        ]

    def check(self) -> None:
        """Raise UserError when a job's folder holds another training than this study's."""
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
        trim(job.folder / CURVE, work.step)
        before = job.curve()
        spent = before[-1].seconds if before else 0.0
        started = time.monotonic()
        for record in work:
            yield record
            if record.step % max(1, job.config.steps // POINTS) == 0:
                spent += time.monotonic() - started
                point = {"step": record.step, "seconds": spent, "spearman": self._glance(work)}
                with (job.folder / CURVE).open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(point) + "\n")
                started = time.monotonic()

    def _glance(self, work: Training) -> list[float]:
        """|Spearman| of each factor's unit on a few unseen mini-batches."""
        run = Run(work.network, work.config, work.step, work.folder, "", "")
        test = self._codes(run, "test")
        units = units_of(run.config.method.named, self._codes(run, "train"))
        return [
            abs(spearman(test.mean[:, unit], test.labels[:, factor]))
            for factor, unit in enumerate(units)
        ]

    def judge(self, job: Job) -> Figures:
        """Evaluate a finished training, and keep the figures in its folder."""
        run = load_run(job.folder)
        run.network.to(self.device)
        report = evaluate(run, self.dataset, Extras(test_groups=JUDGED))
        curve = job.curve()
        figures = {
            "variant": job.variant,
            "supervision": job.config.method.supervision,
            "seed": job.config.seed,
            "step": run.step,
            "seconds": curve[-1].seconds if curve else None,
            "evaluation": report.to_json(),
        }
        write_atomic(job.folder / FIGURES, (json.dumps(figures, indent=1) + "\n").encode())
        return figures

    def _codes(self, run: Run, split: str) -> Codes:
        groups = some_groups(self.dataset, split, GLANCE)
        return encode(run.network, self.dataset, split, groups, lambda *_: {})


OF_FACTORS = (
    ("|Spearman| of {}", "factors.{}.spearman", "{:.3f}"),
    ("degrees off, {}", "factors.{}.degrees.mean", "{:.1f}"),
    ("R\N{SUPERSCRIPT TWO} of {} in z[3:], sampled", "factors.{}.leak_sampled.trees", "{:.2f}"),
    ("{} redrawn, dB", "redrawing.{}.told.psnr", "{:.1f}"),
)
OF_ALL = (
    ("effect of pose and light on z[3:]", "effects.on_intrinsic", "{:.3f}"),
    ("effect of others on a factor's unit", "effects.on_units", "{:.3f}"),
    ("MIG", "scores.mig.score", "{:.2f}"),
    ("  its ceiling", "scores.mig.ceiling", "{:.2f}"),
    ("DCI, disentanglement", "scores.dci.disentanglement", "{:.2f}"),
    ("SAP", "scores.sap", "{:.2f}"),
    ("reconstruction, dB", "reconstruction.psnr", "{:.1f}"),
)
"""A row's title, where an evaluation has it (of a factor, by its place), how it is written."""


def table(figures: list[Figures], variants: Mapping[str, TrainConfig]) -> list[tuple[str, ...]]:
    """The figures as rows of text, a header first, a column for each variant that has any.

    Mean over the seeds, and +- standard deviation where there are several.
    """
    runs = {name: [f for f in figures if f["variant"] == name] for name in variants}
    runs = {name: found for name, found in runs.items() if found}
    rows: list[tuple[str, ...]] = [
        ("", *runs),
        ("told", *(variants[name].method.supervision for name in runs)),
    ]
    measured = [
        (title.format(latent.factor), path.format(place), style)
        for title, path, style in OF_FACTORS
        for place, latent in enumerate(LATENTS)
    ]
    for title, path, style in (*measured, *OF_ALL):
        values = ([_at(f["evaluation"], path) for f in found] for found in runs.values())
        rows.append((title, *(_spread(value, style) for value in values)))
    seconds = ([f["seconds"] for f in found if f["seconds"]] for found in runs.values())
    rows.append(("minutes", *(_spread([s / 60 for s in each], "{:.1f}") for each in seconds)))
    rows.append(("seeds", *(str(len(found)) for found in runs.values())))
    return rows


def curves(study: Study) -> Image.Image:
    """|Spearman| of each factor's unit against minutes of training, mean over the seeds."""
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for unit, latent in enumerate(LATENTS):
        panel = panels.setdefault(f"|Spearman|, {latent.factor}", {})
        for name in study.variants:
            seen = [job.curve() for job in study.jobs if job.variant == name]
            # Of seeds that are on their way, what all have reached.
            panel[name] = [
                (mean(p.seconds for p in points) / 60, mean(p.spearman[unit] for p in points))
                for points in zip(*(curve for curve in seen if curve), strict=False)
            ]
    return draw_curves(panels, "minutes of training", (0.0, 1.0))


def markdown(rows: list[tuple[str, ...]]) -> str:
    """A table of text as Markdown."""
    lines = [" | ".join(row) for row in (rows[0], ("---",) * len(rows[0]), *rows[1:])]
    return "".join(f"| {line} |\n" for line in lines)


def _file_name(variant: str) -> str:
    return re.sub(r"\W+", "-", variant)


def _at(tree: Any, path: str) -> float:
    for key in path.split("."):
        tree = tree[int(key) if key.isdigit() else key]
    # Which way a unit goes is its own affair.
    return abs(float(tree)) if path.endswith("spearman") else float(tree)


def _spread(values: list[float], style: str) -> str:
    if not values:
        return ""
    centre = style.format(mean(values))
    return f"{centre} \N{PLUS-MINUS SIGN} {style.format(stdev(values))}" if values[1:] else centre
