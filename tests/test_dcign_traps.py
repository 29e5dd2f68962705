"""The ways to get DC-IGN wrong, each with the test that would notice.

| trap | answer |
|---|---|
| 1 first sample instead of the mean | test_mean_clamp_ignores_the_order |
| 2 z or (mean, log variance) | test_what_the_decoder_receives: rule "mean" on z, "first" on both |
| 3 gradient leaks through the mean | test_without_pull_inactive_units_get_no_gradient |
| 4 the decoder's gradient is cut | test_decoder_learns_from_inactive_units |
| 5 sign of the pull | test_pull_contracts |
| 6 applied twice, or to the noisy z | test_pull_is_that_of_the_means |
| 7 scale of the pull | test_pull_belongs_to_a_sum |
| 8 KL averaged, likelihood summed | test_terms_are_sums, test_kl_divergence |
| 9 KL of inactive units | test_inactive_units_pay_no_divergence: none, as in the released code |
| 10 gradients edited after backward | test_pull_needs_no_likelihood |
| 11 0.1 and 0.01 as momentum and decay | test_optimiser_is_adam |
| 12 moments shared by all kinds | test_moments_outlive_their_mini_batch: so in the original, kept |
| 13 batch-norm | none; test_dcign_network.py: test_pictures_do_not_see_their_neighbours |
| 14, 15 shuffled groups, ratio | the tests of dcign.data |
| 16 index ranges | test_units_are_shared_out |
| 17 clamp at test | Network has none; test_pictures_do_not_see_their_neighbours |
| 18 sigma or sigma^2 | test_noise_has_the_deviation_of_its_log_variance |
| 19, 20 unpooling, sizes | test_dcign_network.py |
| 21, 23 to 25 measuring | the tests of dcign.metrics, evaluate and hallucinate |
| 26 code relative to the identity | test_dcign_evaluation.py; measured in every evaluation |
| 29 straw-man baseline | the peers of `compare`; an edit of all units in the report |
| 22 entropy of gray pixels | test_floor_is_the_least |
| 27, 28 light, identities | the tests of facegen.render and facegen.scene |
| 30 resuming | the tests of dcign.train |
"""

import itertools
import math
from typing import get_args

import pytest
import torch

from dcign import methods
from dcign.clamp import Place, Rule, active_units, clamped_code, sample
from dcign.config import PRESETS, TrainConfig
from dcign.losses import bernoulli_floor, kl_divergence, reconstruction_loss
from dcign.methods import Given, dcign
from dcign.models.network import Network, NetworkConfig, Posterior
from dcign.optimisers import make_optimisers
from facegen.latents import FACTORS

CODE = 6
STRENGTH = 0.01
TINY = NetworkConfig(16, CODE, (4, 8), (8, 4), 5, 5, padded=True)


@pytest.fixture
def posterior():
    """Two mini-batches of five images."""
    torch.manual_seed(0)
    mean, log_variance = torch.randn(2, 2, 5, CODE, dtype=torch.float64)
    return Posterior(mean.requires_grad_(), log_variance.requires_grad_())


@pytest.fixture
def noise():
    return torch.randn(2, 5, CODE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


ACTIVE = active_units(torch.tensor([0, 3]), CODE)
"""Azimuth varies in the first mini-batch, identity in the second."""
HELD = ~ACTIVE[:, None].expand(-1, 5, -1)


def test_units_are_shared_out():
    active = active_units(torch.arange(len(FACTORS)), 200)
    assert active.sum(1).tolist() == [1, 1, 1, 197]
    assert (active.sum(0) == 1).all()
    assert [row.nonzero()[0].item() for row in active] == [0, 1, 2, 3]


def test_mean_clamp_ignores_the_order(posterior, noise):
    order = [3, 1, 4, 0, 2]
    permuted = Posterior(*(x[:, order] for x in posterior))
    for rule, place in itertools.product(get_args(Rule), get_args(Place)):
        code = clamped_code(posterior, noise, ACTIVE, rule, place, 0.0)
        moved = clamped_code(permuted, noise[:, order], ACTIVE, rule, place, 0.0)
        assert torch.allclose(code[:, order], moved) is (rule == "mean")


def test_what_the_decoder_receives(posterior, noise):
    free = sample(posterior, noise)
    code = clamped_code(posterior, noise, ACTIVE, "mean", "code", STRENGTH)
    assert torch.equal(code[~HELD], free[~HELD])
    torch.testing.assert_close(code[HELD], free.mean(1, keepdim=True).expand_as(free)[HELD])

    code = clamped_code(posterior, noise, ACTIVE, "first", "moments", STRENGTH)
    assert torch.equal(code[~HELD], free[~HELD])
    one = sample(Posterior(*(x[:, :1] for x in posterior)), noise)
    torch.testing.assert_close(code[HELD], one[HELD])


@pytest.mark.parametrize("place", get_args(Place))
@pytest.mark.parametrize("rule", get_args(Rule))
def test_without_pull_inactive_units_get_no_gradient(posterior, noise, rule, place):
    code = clamped_code(posterior, noise, ACTIVE, rule, place, 0.0)
    (code**3).sum().backward()
    for x in posterior:
        assert (x.grad[HELD] == 0).all()
        assert (x.grad[~HELD] != 0).all()


def test_active_units_get_their_true_gradient(posterior, noise):
    weights = torch.randn_like(noise)
    clamped = clamped_code(posterior, noise, ACTIVE, "mean", "code", STRENGTH)
    ours = torch.autograd.grad((clamped**2 * weights).sum(), posterior)
    true = torch.autograd.grad((sample(posterior, noise) ** 2 * weights).sum(), posterior)
    for a, b in zip(ours, true, strict=True):
        assert torch.equal(a[~HELD], b[~HELD])


def test_decoder_learns_from_inactive_units(posterior, noise):
    torch.manual_seed(0)
    network = Network(TINY)
    code = clamped_code(posterior, noise, ACTIVE, "mean", "code", STRENGTH).float()
    image = torch.rand(2, 5, 16, 16)
    reconstruction_loss(network.decode(code), image).backward()
    assert (network.decoder.linear.weight.grad != 0).any(dim=0).all()


def test_pull_is_that_of_the_means(posterior, noise):
    """Once, on the noise-free mean, none on the log variance, whatever the likelihood says."""
    code = clamped_code(posterior, noise, ACTIVE, "mean", "code", STRENGTH)
    (1e3 * code**2).sum().backward()
    mean = posterior.mean.detach()
    pull = STRENGTH * (mean - mean.mean(1, keepdim=True))
    torch.testing.assert_close(posterior.mean.grad[HELD], pull[HELD], rtol=1e-6, atol=0)
    assert (posterior.log_variance.grad[HELD] == 0).all()


def test_pull_contracts(posterior, noise):
    """Descent along the pull alone lessens the variance of inactive units within a mini-batch."""
    code = clamped_code(posterior, noise, ACTIVE, "mean", "code", STRENGTH)
    (0.0 * code).sum().backward()
    before = posterior.mean.detach()
    after = before - posterior.mean.grad
    shrunk = after.var(1) / before.var(1)
    torch.testing.assert_close(shrunk[~ACTIVE], torch.full_like(shrunk, 0.99**2)[~ACTIVE])
    assert (shrunk[ACTIVE] == 1).all()


def test_pull_needs_no_likelihood():
    """It passes through the encoder within backward, so the encoder moves by it alone."""
    torch.manual_seed(0)
    network = Network(TINY)
    posterior = network.encode(torch.rand(2, 5, 16, 16))
    code = clamped_code(posterior, torch.zeros(2, 5, CODE), ACTIVE, "mean", "code", STRENGTH)
    (0.0 * network.decode(code)).sum().backward()
    assert all((p.grad != 0).any() for p in network.encoder.convolutions.parameters())
    assert (network.encoder.mean.weight.grad[0] != 0).any()
    assert (network.encoder.log_variance.weight.grad == 0).all()


def test_pull_belongs_to_a_sum(posterior, noise):
    """Twice the images or the pixels leave every image's and pixel's gradient as it was."""
    twice = Posterior(*(x.detach().repeat(2, 1, 1).requires_grad_() for x in posterior))
    for x, n, active in (
        (posterior, noise, ACTIVE),
        (twice, noise.tile(2, 1, 1), ACTIVE.tile(2, 1)),
    ):
        (clamped_code(x, n, active, "mean", "code", STRENGTH) ** 2).sum().backward()
    torch.testing.assert_close(twice.mean.grad, posterior.mean.grad.repeat(2, 1, 1))

    logits, image = torch.randn(2, 8, 8), torch.rand(2, 8, 8)
    total = reconstruction_loss(logits, image)
    torch.testing.assert_close(
        reconstruction_loss(logits.tile(1, 2, 2), image.tile(1, 2, 2)), 4 * total
    )


def test_kl_divergence(posterior):
    """By quadrature of the definition, and its gradient by differences."""
    z = torch.linspace(-40, 40, 16001, dtype=torch.float64)[:, None]
    mean, log_variance = (x.detach().flatten() for x in posterior)
    log_q = -0.5 * ((z - mean) ** 2 / log_variance.exp() + log_variance)
    density = log_q.exp() / math.sqrt(2 * math.pi)
    expected = torch.trapezoid(density * (log_q + 0.5 * z**2), z, dim=0)
    divergence = kl_divergence(posterior).flatten()
    torch.testing.assert_close(divergence, expected, rtol=1e-6, atol=0)
    assert torch.autograd.gradcheck(
        lambda *moments: kl_divergence(Posterior(*moments)), tuple(posterior)
    )
    zero = torch.zeros_like(posterior.mean)
    assert (kl_divergence(Posterior(zero, zero)) == 0).all()


def priced(method, posterior, noise, active=ACTIVE):
    """What a method makes of a step in the middle of a training."""
    truth = torch.zeros(*noise.shape[:2], 3, dtype=noise.dtype)
    return method(Given(posterior, noise, active, truth, step=50, progress=0.5))


@pytest.mark.parametrize("name", methods.names())
def test_terms_are_sums(posterior, noise, name):
    """Over units and images, as over pixels and images: twice the mini-batches cost twice."""
    flat = reconstruction_loss(torch.zeros(3, 4, 4), torch.rand(3, 4, 4))
    assert flat.item() == pytest.approx(48 * math.log(2))
    if name == "beta-tcvae":
        pytest.skip("its estimate depends on the images beside: test_dcign_methods.py")
    method = methods.make(name)
    even = Posterior(*(moment[:, :4] for moment in posterior))
    once = priced(method, even, noise[:, :4])
    twice = Posterior(*(moment.tile(2, 1, 1) for moment in even))
    double = priced(method, twice, noise[:, :4].tile(2, 1, 1), ACTIVE.tile(2, 1))
    torch.testing.assert_close(double.kl, 2 * once.kl)
    torch.testing.assert_close(torch.as_tensor(double.penalty), 2 * torch.as_tensor(once.penalty))


def test_inactive_units_pay_no_divergence(posterior, noise):
    priced(dcign.Method(), posterior, noise).kl.backward()
    for x in posterior:
        assert (x.grad[HELD] == 0).all()
        assert (x.grad[~HELD] != 0).all()


def test_floor_is_the_least():
    image = torch.rand(4, 8, 8).clamp(0.01, 0.99)
    floor = bernoulli_floor(image)
    torch.testing.assert_close(reconstruction_loss(torch.logit(image), image), floor)
    assert reconstruction_loss(torch.logit(image) + 0.1, image) > floor
    assert reconstruction_loss(torch.logit(image) - 0.1, image) > floor
    assert bernoulli_floor((image > 0.5).float()) == 0


def test_noise_has_the_deviation_of_its_log_variance():
    noise = torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0))
    posterior = Posterior(torch.zeros_like(noise), torch.full_like(noise, 2.0))
    assert sample(posterior, noise).std().item() == pytest.approx(math.e, rel=0.01)


def adam(config: TrainConfig, parameter: torch.nn.Parameter) -> torch.optim.Optimizer:
    (optimiser,) = make_optimisers(torch.nn.ParameterList([parameter]), config)
    return optimiser


def test_optimiser_is_adam():
    """0.1 and 0.01 are 1 - beta: the first step is the rate, and nothing decays by itself."""
    config = PRESETS["paper"]
    assert (config.beta1, config.beta2, config.learning_rate) == (0.9, 0.99, 5e-4)
    parameter = torch.nn.Parameter(torch.ones(4))
    optimiser = adam(config, parameter)
    parameter.grad = torch.tensor([3.0, -0.2, 50.0, 0.0])
    optimiser.step()
    moved = torch.tensor([-1.0, 1.0, -1.0, 0.0]) * config.learning_rate
    torch.testing.assert_close(parameter.detach() - 1, moved, rtol=1e-3, atol=1e-7)


def test_moments_outlive_their_mini_batch():
    """After the kind has changed, the first unit's weights coast about ten steps' worth."""
    config = PRESETS["paper"]
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = adam(config, parameter)
    for step in range(500):
        parameter.grad = torch.full((1,), 1.0 if step < 300 else 0.0)
        optimiser.step()
        if step == 299:
            turn = parameter.item()
    assert 5 < (turn - parameter.item()) / config.learning_rate < 15
