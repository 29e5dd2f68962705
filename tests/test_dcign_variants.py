"""What studies compare: peers on other terms, ladders of single changes."""

import itertools
import math
from dataclasses import replace
from typing import get_args

import pytest
from trainings import TINY

from dcign import methods, variants
from dcign.commands.compare import DEFAULT, OPTIMISERS
from dcign.optimisers import Optimiser
from dcign.study import _folder_name
from facegen.errors import UserError


def test_peers_differ_in_their_method_alone() -> None:
    peers = variants.peers([(name, {}) for name in methods.names()], 7)
    assert {replace(c, method=TINY.method, preset="") for c in peers.values()} == {
        replace(peers["best"], method=TINY.method, preset="")
    }
    assert len({config.method for config in peers.values()}) == len(methods.names())


def test_a_peer_at_several_strengths() -> None:
    """Each is a variant of its own, named by it, and differs in the divergence's factor alone."""
    weaker, as_published = variants.peers([("gvae", {})], 7, (0.5, 1)).items()
    assert (weaker[0], as_published[0]) == ("gvae, KL x 0.5", "gvae")
    assert weaker[1].kl_weight_at(0) == 0.5 * as_published[1].kl_weight_at(0) > 0
    assert replace(weaker[1], kl_weight=1.0, kl_start=1.0) == as_published[1]


def test_a_peer_with_another_optimiser() -> None:
    peers = variants.peers([("gvae", {})], 7, optimisers=("adam", "muon"))
    assert list(peers) == ["gvae, adam", "gvae"]
    assert replace(peers["gvae, adam"], optimiser="muon") == peers["gvae"]
    assert set(OPTIMISERS) == set(get_args(Optimiser))


def test_a_peer_with_options_of_its_own() -> None:
    ((name, config),) = variants.peers([("dcign", {"invariance": 30.0})], 7).items()
    assert name == "dcign, invariance 30"
    assert config.method == methods.make("dcign", invariance=30.0)
    assert f"dcign:invariance={variants.PULL:g}" in DEFAULT.split(",")


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [("dcign", {"beta": 4.0}, "dcign has no option beta; there are rule, place, invariance"),
     ("dcign", {"invariance": -1.0}, "dcign: invariance must be 0 or more, not -1.0"),
     ("dcign", {"rule": 2.0}, "rule one of"),
     ("beta-vae", {"beta": -4.0}, "beta-vae: beta must be 0 or more, not -4.0"),
     ("best", {"leakage": math.inf}, "best: leakage must be 0 or more, not inf"),
     ("best", {"swap": 0.5}, "best: swap must be a whole number, not 0.5")],
)  # fmt: skip
def test_options_that_a_method_has_not_are_told(
    name: str, options: dict[str, float], problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        variants.peers([(name, options)], 7)


def test_no_two_variants_share_a_name_or_a_folder() -> None:
    values = [1e-6, 1e6, 1.2345678, 1.2345679]
    chosen = [("dcign", {"invariance": value}) for value in values]
    peers = variants.peers(chosen, 7)
    assert len({_folder_name(name, 0) for name in peers}) == len(values)
    with pytest.raises(UserError, match="named twice"):
        variants.peers([("dcign", {"invariance": 0.1}), ("dcign", {"invariance": 0.1 + 1e-16})], 7)


@pytest.mark.parametrize("towards", ["released", "best"])
def test_every_rung_changes_something(towards: str) -> None:
    rungs = list(variants.ladder(towards, None).values())
    for lower, upper in itertools.pairwise(rungs):
        assert replace(lower, preset="") != replace(upper, preset="")
    assert rungs[0].method == methods.make("dcign")
    assert rungs[-1].method == methods.make(towards)
