"""What studies set side by side: methods on equal terms, and ladders of one change a rung."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dcign import methods
from dcign.config import PRESETS, TrainConfig
from dcign.optimisers import Optimiser
from facegen.errors import UserError

NARROW = (64, 32, 24, 12)
"""Channels of a decoder like that of `best` at a third less of a step's time."""


PULL = 30.0
"""Of DC-IGN's clamp beside the likelihood by scales: of .01, 1 and 30 what does best."""


def peers(
    chosen: Sequence[tuple[str, Mapping[str, float]]],
    steps: int,
    kl_weights: Sequence[float] = (1.0,),
    optimisers: Sequence[Optimiser] = (PRESETS["best"].optimiser,),
) -> dict[str, TrainConfig]:
    """Methods, in all else equal: network, schedule, images seen are those of `best`.

    chosen: names of methods, and options other than their own.
    kl_weights, optimisers: each method once with each of these factors of the divergence, and with
        each of these optimisers: what a peer loses on the terms of `best` it may win on others.
    Raises UserError for an option that a method has not, or cannot have.
    """
    base = PRESETS["best"]
    variants = {}
    for (name, options), weight, optimiser in itertools.product(chosen, kl_weights, optimisers):
        with_options = "".join(f", {option} {value:.12g}" for option, value in options.items())
        strength = "" if weight == 1 else f", KL x {weight:.12g}"
        by = "" if optimiser == base.optimiser else f", {optimiser}"
        try:
            method = methods.make(name, **options)
        except ValueError as problem:
            raise UserError(f"{problem}") from None
        title = name + with_options + strength + by
        if title in variants:
            raise UserError(f"{title}: named twice, but for digits that make no difference")
        variants[title] = replace(
            base,
            preset=name,
            method=method,
            steps=steps,
            kl_start=weight * base.kl_start,
            kl_weight=weight * base.kl_weight,
            optimiser=optimiser,
        )
    return variants


def ladder(towards: str, steps: int | None) -> dict[str, TrainConfig]:
    """From the paper's method at the size of `small`, one change a rung.

    towards: "released" or "best"; each rung keeps the changes of those above it. A step sees 80
    images in mini-batches of 20, or 64 in those of 4 from the rung on that says so.
    """
    small, best = PRESETS["small"], PRESETS["best"]
    config = replace(small, ratio=PRESETS["paper"].ratio, steps=steps or small.steps)
    down: dict[str, dict[str, Any]] = {
        "ratio 1:1:1:1": {"ratio": PRESETS["released"].ratio},
        "no pull": {"method": methods.make("dcign", invariance=0.0)},
        "first image": {"method": methods.make("dcign", invariance=0.0, rule="first")},
        "its moments": {"method": methods.make("released")},
    }
    plain = {"leakage": 0.0, "redundancy": 0.0}
    up: dict[str, dict[str, Any]] = {
        "ratio 1:1:1:1": {"ratio": best.ratio},
        "many small groups": {"groups": best.groups, "samples": best.samples},
        "schedule of best": {
            name: getattr(best, name)
            for name in ("learning_rate", "eps", "decay", "kl_start", "kl_anneal")
        },
        "network that draws": {"network": replace(best.network, decoder_channels=NARROW)},
        "errors by scale": {
            "likelihood": best.likelihood,
            "kl_weight": best.kl_weight,
            "method": methods.make("dcign", invariance=PULL),
        },
        "averages": {"method": methods.make("best", swap=0, scalar=0.0, **plain)},
        "swaps": {"method": methods.make("best", scalar=0.0, **plain)},
        "scalar ratios": {"method": methods.make("best", **plain)},
        "price of leakage": {"method": methods.make("best", redundancy=0.0)},
        "Muon": {"optimiser": best.optimiser},
        "wider decoder": {"network": best.network},
        "price of redundancy": {"method": methods.make("best")},
    }
    rungs = {"paper": config}
    for name, changes in {"released": down, "best": up}[towards].items():
        config = replace(config, **changes)
        rungs[name] = config
    return {name: replace(rung, preset=name) for name, rung in rungs.items()}
