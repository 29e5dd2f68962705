"""compare: methods side by side."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from dcign.console import DEVICE, run_study
from facegen.console import COUNT, PATH

if TYPE_CHECKING:
    from dcign.optimisers import Optimiser

METHODS = sorted(
    path.stem.replace("_", "-")
    for path in Path(__file__).parents[1].joinpath("methods").glob("[a-z]*.py")
)
"""dcign.methods.names(), whose import would load torch."""

OPTIMISERS = ("adam", "muon")
"""dcign.optimisers.Optimiser's, likewise."""

DEFAULT = ",".join([*METHODS, "dcign:invariance=30"])
"""The paper's pull belongs to a sum of Bernoullis: beside the likelihood by scales, whose gradients
are some thirty times as large, DC-IGN does better with more: dcign.variants.PULL."""

Chosen = list[tuple[str, dict[str, float]]]
"""Methods, each by its name and options other than its own."""


def _chosen(context: click.Context, option: click.Parameter, value: str) -> Chosen:
    """Names of methods, separated by commas, each with options, as in dcign:invariance=30."""
    chosen: Chosen = []
    for one in value.split(","):
        name, *options = (part.strip() for part in one.split(":"))
        if name not in METHODS:
            raise click.BadParameter(f"{name!r} is no method; there are {', '.join(METHODS)}")
        given = dict(_option(text) for text in options)
        if (name, given) not in chosen:
            chosen.append((name, given))
    return chosen


def _option(text: str) -> tuple[str, float]:
    name, _, value = (part.strip() for part in text.partition("="))
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (name and math.isfinite(number)):
        raise click.BadParameter(f"{text!r} is no option with a number, as in dcign:invariance=30")
    return name, number


def _optimisers(context: click.Context, option: click.Parameter, value: str) -> "list[Optimiser]":
    """Names of optimisers, separated by commas."""
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in OPTIMISERS:
            raise click.BadParameter(f"{name!r} is none; there are {', '.join(OPTIMISERS)}")
    return cast("list[Optimiser]", list(dict.fromkeys(names)))


def _weights(context: click.Context, option: click.Parameter, value: str) -> list[float]:
    """Factors above 0, separated by commas."""
    weights = []
    for part in value.split(","):
        try:
            weights.append(float(part))
        except ValueError:
            weights.append(math.nan)
        if not 0 < weights[-1] < math.inf:
            raise click.BadParameter(f"{part.strip()!r} is no factor above 0, as in 0.5,1,2")
    return list(dict.fromkeys(weights))


@click.command("compare")
@click.option(
    "--methods",
    callback=_chosen,
    default=DEFAULT,
    show_default=True,
    help="Names, with options behind colons.",
)
@click.option("--seeds", type=COUNT, default=3, show_default=True, help="Trainings of each.")
@click.option("--steps", type=COUNT, default=800, show_default=True, help="Updates of the weights.")
@click.option(
    "--kl-weights",
    callback=_weights,
    default="1",
    show_default=True,
    help="Factors of the divergence; each method with each, as 0.5,1,2.",
)
@click.option(
    "--optimisers",
    callback=_optimisers,
    default="muon",
    show_default=True,
    help="Each method with each, as adam,muon.",
)
@click.option("--data", type=PATH, help="Data set.  [default: what `make dataset` made]")
@click.option("--out", type=PATH, default=Path("runs/compare"), show_default=True, help="Folder.")
@DEVICE
def command(
    methods: Chosen,
    seeds: int,
    steps: int,
    kl_weights: list[float],
    optimisers: "list[Optimiser]",
    data: Path | None,
    out: Path,
    device: str,
) -> None:
    """Train every method on equal terms and judge them in one table; again, to go on.

    All have the network, the optimiser, the schedule and the mini-batches of the preset `best`,
    which were chosen for it: options, --kl-weights and --optimisers look for other terms that suit
    a peer better. Units that a method does not name are assigned to factors by their mutual
    information with them. Writes table.md, table.json and curves.png, of what earlier commands
    trained into the folder for as many steps, too.

    800 steps of a method with a seed take one to three minutes of a core, by its instructions, and
    judging one more; `--steps 20000`, as `train` trains `best`, half an hour to one and a half.
    """
    from dcign.variants import peers

    run_study(peers(methods, steps, kl_weights, optimisers), seeds, data, out, device)
