"""Muon: orthogonal steps, on matrices only, and training that goes on where it stopped."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn
from trainings import TINY, same, state, train, training

from dcign.config import PRESETS
from dcign.models.network import Network
from dcign.optimisers import SIZE, Muon, make_optimisers, orthogonal
from dcign.resume import load_optimisers, optimiser_tensors


@pytest.mark.parametrize("shape", [(8, 8), (16, 400), (256, 64), (1, 32)])
def test_a_step_is_orthogonal(shape: tuple[int, int]) -> None:
    """Directions are kept; singular values above a thirtieth of the largest end near 1."""
    rows, columns = shape
    least = min(rows, columns)
    random = torch.Generator().manual_seed(0)
    left = torch.linalg.qr(torch.randn(rows, least, generator=random)).Q
    right = torch.linalg.qr(torch.randn(columns, least, generator=random)).Q
    strengths = torch.logspace(0.0, -1.5, least)
    result = orthogonal(1e-3 * left @ torch.diag(strengths) @ right.T)
    core = left.T @ result @ right
    assert (core - torch.diag(core.diagonal())).abs().max() < 1e-3
    assert core.diagonal().min() > 0.6 and core.diagonal().max() < 1.25


def test_steps_in_half_precision() -> None:
    """bfloat16 has eight bits; a step is as good with an error of a few hundredths."""
    gradient = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    gradient = gradient * torch.logspace(0.0, -2.0, 256)
    exact = orthogonal(gradient)
    with torch.autocast("cpu", torch.bfloat16):
        half = orthogonal(gradient)
    assert half.dtype == torch.bfloat16
    assert (half - exact).norm() < 0.05 * exact.norm()


def test_noise_stays_small() -> None:
    """What is a thousandth of the largest is no direction that a step should take in full."""
    assert orthogonal(torch.diag(torch.tensor([1.0, 1e-3])))[1, 1] < 0.1


def test_nothing_moves_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_the_length_of_a_step() -> None:
    """Elements of a convolution's step are SIZE times the rate, whatever the gradient's scale."""
    weight = nn.Parameter(torch.zeros(16, 8, 5, 5))
    optimiser = Muon([weight], lr=0.01, beta=0.9)
    weight.grad = 1e-6 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    optimiser.step()
    assert weight.detach().square().mean().sqrt().item() == pytest.approx(0.01 * SIZE, rel=0.2)
    assert (weight.detach() * weight.grad).sum() < 0


def test_matrices_and_the_rest() -> None:
    """Each parameter has one optimiser: matrices Muon, biases Adam."""
    best = PRESETS["best"]
    network = Network(best.network)
    adam, muon = make_optimisers(network, best)
    theirs = [group["params"] for each in (adam, muon) for group in each.param_groups]
    assert {p.ndim for p in theirs[0]} == {1}
    assert all(p.ndim > 1 for p in theirs[1])
    assert len(theirs[0]) + len(theirs[1]) == len(list(network.parameters()))
    assert len(make_optimisers(network, replace(best, optimiser="adam"))) == 1


def test_a_resumed_training_equals_one_that_was_never_stopped(
    synthetic_dataset: Path, tmp_path: Path
) -> None:
    states = []
    for stops in ((), (5,)):
        folder = tmp_path / str(len(stops))
        for stop in stops:
            train(folder, synthetic_dataset, stop, optimiser="muon")
        work = training(folder, synthetic_dataset, optimiser="muon")
        assert work.step == sum(stops)
        list(islice(work, TINY.steps))
        states.append(state(work))
    assert same(*states)
    assert any("momentum" in name for name in states[0])


def test_saved_state_goes_where_its_parameter_is(synthetic_dataset: Path, tmp_path: Path) -> None:
    """All of it, as a GPU's fused Adam demands: `meta` stands for any device but the CPU."""
    work = training(tmp_path / "run", synthetic_dataset)
    list(islice(work, 2))
    saved = optimiser_tensors(work.network, work.optimisers)
    with torch.device("meta"):
        elsewhere = Network(TINY.network)
    adam = torch.optim.Adam(elsewhere.parameters())
    load_optimisers(elsewhere, [adam], saved)
    found = optimiser_tensors(elsewhere, [adam])
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in saved.items()
    }
    assert {value.device.type for value in found.values()} == {"meta"}
    assert any(name.endswith("/step") for name in found)
