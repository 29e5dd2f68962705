"""What a study found, as a table: a column for each variant, mean over its seeds."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from dcign.metrics.probes import Probe
from facegen.latents import LATENTS

Figures = dict[str, Any]
"""Of one training: its variant, seed, step, seconds, supervision, evaluation (a report's JSON)."""

OF_FACTORS = (
    ("|Spearman| of {}", "factors.{}.spearman", "{:.3f}"),
    ("degrees off, {}", "factors.{}.degrees.mean", "{:.1f}"),
    (
        "R\N{SUPERSCRIPT TWO} of {} in the other units, sampled: linear, quadratic or trees",
        "factors.{}.leak_sampled",
        "{:.2f}",
    ),
    ("{} redrawn, by its unit alone, dB", "redrawing.{}.told.psnr", "{:.1f}"),
    ("{} redrawn, by an edit of all units, dB", "redrawing.{}.edited.psnr", "{:.1f}"),
)
OF_ALL = (
    ("effect of pose and light on the other units", "effects.on_intrinsic", "{:.3f}"),
    ("effect of others on a factor's unit", "effects.on_units", "{:.3f}"),
    ("MIG", "scores.mig.score", "{:.2f}"),
    ("  its ceiling", "scores.mig.ceiling", "{:.2f}"),
    ("DCI, disentanglement", "scores.dci.disentanglement", "{:.2f}"),
    ("SAP", "scores.sap", "{:.2f}"),
    ("reconstruction, dB", "reconstruction.psnr", "{:.1f}"),
)
"""A row's title, where an evaluation has it (of a factor, by its place), how it is written."""


def table(figures: Sequence[Figures]) -> list[tuple[str, ...]]:
    """The figures as rows of text, a header first, a column for each variant.

    Mean over the seeds, and +- standard deviation where there are several.
    """
    runs: dict[str, list[Figures]] = {}
    for one in figures:
        runs.setdefault(one["variant"], []).append(one)
    rows: list[tuple[str, ...]] = [
        ("", *runs),
        ("told", *(found[0]["supervision"] for found in runs.values())),
    ]
    for title, path, style in measured():
        values = ([at(f["evaluation"], path) for f in found] for found in runs.values())
        rows.append((title, *(_spread(value, style) for value in values)))
    seconds = ([f["seconds"] for f in found if f["seconds"]] for found in runs.values())
    rows.append(("minutes", *(_spread([s / 60 for s in each], "{:.1f}") for each in seconds)))
    rows.append(("seeds", *(str(len(found)) for found in runs.values())))
    return rows


def measured() -> list[tuple[str, str, str]]:
    """A row's title, where an evaluation has it, how it is written; in the table's order."""
    of_factors = [
        (title.format(latent.factor), path.format(place), style)
        for title, path, style in OF_FACTORS
        for place, latent in enumerate(LATENTS)
    ]
    return [*of_factors, *OF_ALL]


def markdown(rows: list[tuple[str, ...]]) -> str:
    """A table of text as Markdown."""
    # A bar in a title, as of |Spearman|, would end its cell.
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines = [" | ".join(row) for row in (cells[0], ["---"] * len(cells[0]), *cells[1:])]
    return "".join(f"| {line} |\n" for line in lines)


def at(tree: Any, path: str) -> float:
    """The figure at a path of an evaluation; raises LookupError or TypeError without one."""
    for key in path.split("."):
        tree = tree[int(key) if key.isdigit() else key]
    if path.endswith("leak_sampled"):
        return Probe(**tree).most
    # Which way a unit goes is its own affair.
    return abs(float(tree)) if path.endswith("spearman") else float(tree)


def _spread(values: list[float], style: str) -> str:
    if not values:
        return ""
    centre = style.format(mean(values))
    return f"{centre} \N{PLUS-MINUS SIGN} {style.format(stdev(values))}" if values[1:] else centre
