"""What studies compare: peers on other terms, ladders of single changes."""

import itertools
from dataclasses import replace
from typing import get_args

import pytest
from trainings import TINY

from dcign import methods, variants
from dcign.commands.compare import DEFAULT, OPTIMISERS
from dcign.optimisers import Optimiser
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
    ("options", "problem"),
    [({"beta": 4.0}, "dcign has no option beta; there are rule, place, invariance"),
     ({"invariance": -1.0}, "invariance must be 0 or more")],
)  # fmt: skip
def test_options_that_a_method_has_not_are_told(options: dict[str, float], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        variants.peers([("dcign", options)], 7)


@pytest.mark.parametrize("towards", ["released", "best"])
def test_every_rung_changes_something(towards: str) -> None:
    rungs = list(variants.ladder(towards, None).values())
    for lower, upper in itertools.pairwise(rungs):
        assert replace(lower, preset="") != replace(upper, preset="")
    assert rungs[0].method == methods.make("dcign")
    assert rungs[-1].method == methods.make(towards)
