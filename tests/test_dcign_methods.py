"""The methods: what each gives the decoder, what it charges, and who may look at the truth."""

import dataclasses
import json
import math

import pytest
import torch

from dcign import methods
from dcign.clamp import active_units, sample
from dcign.config import PRESETS, TrainConfig
from dcign.losses import kl_divergence
from dcign.methods import Given
from dcign.methods.ada_gvae import shared_units
from dcign.methods.beta_tcvae import total_correlation
from dcign.methods.gvae import averaged
from dcign.models.network import Posterior

CODE = 6
ACTIVE = active_units(torch.tensor([0, 3]), CODE)
HELD = ~ACTIVE[:, None].expand(-1, 4, -1)


def given(step: int = 0, progress: float = 0.9) -> Given:
    """Two mini-batches of four images; azimuth varies in the first, identity in the second."""
    torch.manual_seed(0)
    mean, log_variance, noise = torch.randn(3, 2, 4, CODE, dtype=torch.float64)
    truth = 2 * torch.rand(2, 4, 3, dtype=torch.float64) - 1
    posterior = Posterior(mean.requires_grad_(), log_variance.requires_grad_())
    return Given(posterior, noise, ACTIVE, truth, step, progress)


@pytest.mark.parametrize("name", methods.names())
def test_a_method_comes_back_from_its_json(name: str) -> None:
    config = dataclasses.replace(PRESETS["small"], method=methods.make(name))
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_unknown_methods_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="gvae"):
        methods.make("magic")
    with pytest.raises(ValueError, match="has no option"):
        methods.make("gvae", magic=1)
    for wrong in ({"rule": "last"}, {"place": "image"}, {"invariance": float("nan")}):
        with pytest.raises(ValueError, match=r"one of|0 or more"):
            methods.make("dcign", **wrong)


@pytest.mark.parametrize("name", methods.names())
def test_only_the_supervised_looks_at_the_truth(name: str) -> None:
    method = methods.make(name)
    for step in (0, 1):
        ours = method(given(step))
        other = method(dataclasses.replace(given(step), truth=torch.zeros(2, 4, 3).double()))
        same = torch.equal(ours.code, other.code) and bool(ours.penalty == other.penalty)
        assert same is not method.supervision.startswith("true values")


@pytest.mark.parametrize("name", methods.names())
def test_only_those_told_look_at_what_varies(name: str) -> None:
    method = methods.make(name)
    for step in (0, 1):
        ours = method(given(step))
        other = method(dataclasses.replace(given(step), active=ACTIVE.flip(0)))
        blind = method.supervision in ("none", "pairs that share factors")
        assert torch.equal(ours.code, other.code) is blind
        assert method.named or torch.equal(ours.kl, other.kl)


@pytest.mark.parametrize("name", methods.names())
def test_every_method_teaches_the_encoder(name: str) -> None:
    """Mean and log variance get a finite gradient from code, divergence and penalty together."""
    data = given()
    code, kl, penalty = methods.make(name)(data)
    ((code**2).sum() + kl + penalty).backward()
    for moment in data.posterior:
        assert moment.grad is not None
        assert moment.grad.isfinite().all()
        assert (moment.grad != 0).any()


def test_beta_weighs_the_divergence() -> None:
    data = given()
    plain, dear = methods.make("vae")(data), methods.make("beta-vae", beta=4.0)(data)
    assert plain.penalty == 0
    torch.testing.assert_close(plain.kl, kl_divergence(data.posterior).sum())
    torch.testing.assert_close(dear.kl + dear.penalty, 4 * plain.kl)
    assert torch.equal(plain.code, dear.code)


def test_total_correlation() -> None:
    """By the definition, image by image; of one unit alone there is none."""
    torch.manual_seed(0)
    mean, log_variance, code = torch.randn(3, 7, 2, dtype=torch.float64)
    expected = 0.0
    for z in code:
        density = [
            torch.exp(-0.5 * (z - m) ** 2 / v.exp()) / torch.sqrt(2 * math.pi * v.exp())
            for m, v in zip(mean, log_variance, strict=True)
        ]
        joint = sum(d.prod() for d in density) / 7
        marginals = torch.stack([sum(d[k] for d in density) for k in range(2)]) / 7
        expected += torch.log(joint / marginals.prod())
    found = total_correlation(code, Posterior(mean, log_variance))
    torch.testing.assert_close(found, expected)
    alone = Posterior(mean[:, :1], log_variance[:, :1])
    assert total_correlation(code[:, :1], alone).abs() < 1e-12


def test_shared_units_are_averaged_with_the_gradient_through_the_mean() -> None:
    data = given()
    shared = averaged(data.posterior, ~ACTIVE[:, None])
    mean, log_variance = data.posterior
    for ours, average in (
        (shared.mean, mean.mean(1, keepdim=True)),
        (shared.log_variance.exp(), log_variance.exp().mean(1, keepdim=True)),
    ):
        torch.testing.assert_close(ours[HELD], average.expand_as(mean)[HELD])
    assert torch.equal(shared.mean[~HELD], mean[~HELD])
    shared.mean[:, 0].sum().backward()
    assert mean.grad is not None
    torch.testing.assert_close(mean.grad[HELD], torch.full_like(mean.grad[HELD], 0.25))


@pytest.mark.parametrize("name", ["gvae", "best", "supervised"])
def test_what_a_mini_batch_shares_is_said_and_paid_for_once(name: str) -> None:
    data = given(step=3)
    code, kl, _ = methods.make(name)(data)
    assert torch.equal(code[1, :, :3], code[1, :1, :3].expand(4, -1)) is (name != "supervised")
    assert torch.equal(code[0, :, 3:], code[0, :1, 3:].expand(4, -1))
    each = kl_divergence(averaged(data.posterior, ~ACTIVE[:, None]))
    once = torch.where(ACTIVE[:, None], each, each / 4)
    told = 3 if name == "supervised" else 0
    torch.testing.assert_close(kl, once[..., told:].sum())


def test_pairs_share_what_differs_least() -> None:
    """Units whose posteriors are further apart than half way are left alone."""
    mean = torch.tensor([[[0.0, 0.0, 0.0], [0.1, 1.0, 3.0]]])
    pairs = Posterior(mean, torch.zeros_like(mean))
    assert shared_units(pairs).tolist() == [[[True, True, False]]]
    narrow = Posterior(torch.zeros(1, 2, 2), torch.tensor([[[0.0, -4.0], [0.0, 0.0]]]))
    assert shared_units(narrow).tolist() == [[[True, False]]]


def test_the_supervised_decoder_is_given_the_truth() -> None:
    data = given()
    code, _, penalty = methods.make("supervised")(data)
    torch.testing.assert_close(code[..., :3], math.sqrt(3) * data.truth)
    (gradient,) = torch.autograd.grad(penalty, data.posterior.mean)
    error = data.posterior.mean[..., :3] - code[..., :3]
    assert (gradient[..., :3] * error > 0).all()
    assert (gradient[..., 3:] == 0).all()


def test_shared_units_are_swapped_or_averaged_by_turns() -> None:
    data = given(step=2)
    swapped = methods.make("best")(data).code
    own = sample(data.posterior, data.noise)
    other = sample(Posterior(*(x.roll(1, 1) for x in data.posterior)), data.noise)
    assert torch.equal(swapped[~HELD], own[~HELD])
    assert torch.equal(swapped[HELD], other[HELD])
    averaged_code = methods.make("best")(given(step=3)).code
    assert torch.equal(averaged_code[~HELD], own[~HELD])
    one = averaged_code[:, :1].expand_as(averaged_code)
    assert torch.equal(averaged_code[HELD], one[HELD])
    assert torch.equal(methods.make("best", swap=0)(data).code, averaged_code)


def test_options_of_best_switch_its_parts_off() -> None:
    off = methods.make("best", scalar=0.0, leakage=0.0, redundancy=0.0)
    assert off(given(progress=0.9)).penalty == 0
    scalars = methods.make("best", leakage=0.0)
    assert scalars(given()).penalty == methods.make("best")(given(progress=0.1)).penalty
    assert scalars(given()).penalty != methods.make("best")(given(progress=0.9)).penalty
