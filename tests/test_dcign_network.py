"""The network's shapes, parameters and the fast upsampled convolution against the plain one."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d, interpolate

from dcign.config import PRESETS
from dcign.models.network import Network
from dcign.models.parts import UpsampledConv2d

PAPER = PRESETS["paper"].network


@pytest.fixture(scope="module")
def paper():
    torch.manual_seed(0)
    return Network(PAPER)


def test_paper_sizes(paper):
    assert PAPER.encoder_sizes() == [73, 34, 15]
    assert PAPER.decoder_sizes() == [15, 24, 42, 78, 150]
    assert sum(p.numel() for p in paper.parameters()) == 4_131_137


def test_paper_layers(paper):
    """The parameters of each layer, as in the authors' code."""
    encoder, decoder = paper.encoder, paper.decoder
    layers = [*encoder.convolutions, encoder.mean, encoder.log_variance]
    layers += [decoder.linear, *decoder.convolutions]
    assert [sum(p.numel() for p in layer.parameters()) for layer in layers] == [
        2_496, 115_248, 28_824, 1_080_200, 1_080_200, 1_085_400, 56_496, 225_888, 451_680, 4_705,
    ]  # fmt: skip


def test_paper_passes_images_of_150(paper):
    image = torch.rand(2, 150, 150)
    with torch.no_grad():
        posterior = paper.encode(image)
        assert posterior.mean.shape == posterior.log_variance.shape == (2, 200)
        assert paper.decode(posterior.mean).shape == (2, 150, 150)


def test_initial_weights(paper):
    """Linear layers N(0, 0.01), convolutions uniform up to 1 / sqrt(inputs of a unit)."""
    for layer in (paper.encoder.mean, paper.encoder.log_variance, paper.decoder.linear):
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.02)
        assert layer.bias.std().item() == pytest.approx(0.01, rel=0.2)
    for layer in (*paper.encoder.convolutions, *paper.decoder.convolutions):
        bound = 1 / math.sqrt(layer.weight[0].numel())
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.02)


@pytest.mark.parametrize("preset", ["small", "best"])
def test_leading_axes_are_kept(preset):
    config = PRESETS[preset].network
    network = Network(config)
    image = torch.rand(2, 3, config.image_size, config.image_size)
    code = network.encode(image).mean
    assert code.shape == (2, 3, config.code_size)
    assert network.decode(code).shape == image.shape


def test_skips_keep_variance_and_draw_coarsely_at_first():
    """Signals neither vanish nor grow; a picture is its coarsest level's, upsampled."""
    torch.manual_seed(0)
    network = Network(PRESETS["best"].network)
    maps = []
    for layer in (*network.encoder.convolutions, *network.decoder.convolutions[:-1]):
        layer.register_forward_hook(lambda _, __, out: maps.append(out.std().item()))
    with torch.no_grad():
        network.encode((torch.rand(8, 4, 4).repeat_interleave(16, 1)).repeat_interleave(16, 2))
        picture = network.decode(torch.randn(8, 64))
    assert all(0.1 < spread < 10 for spread in maps)
    assert picture.std() > 0.1
    coarse = interpolate(picture[:, None], size=(8, 8), mode="area")
    smooth = interpolate(coarse, size=(64, 64), mode="bilinear")[:, 0]
    assert (picture - smooth).std() < 0.3 * picture.std()


@pytest.mark.parametrize(
    ("changes", "line"), [({"family": "deep"}, "family one of"), ({"hidden": 0}, "hidden layers")]
)
def test_impossible_networks(changes, line):
    with pytest.raises(ValueError, match=line):
        replace(PRESETS["best"].network, **changes)


@pytest.mark.parametrize(("kernel", "padding"), [(7, 0), (5, 2), (5, 0), (3, 0), (1, 0)])
def test_upsampled_convolution_is_exact(kernel, padding):
    """Value and gradients equal upsampling followed by convolution."""
    torch.manual_seed(0)
    layer = UpsampledConv2d(3, 4, kernel, padding=padding).double()
    image = torch.randn(2, 3, 9, 8, dtype=torch.float64, requires_grad=True)
    fast = layer(image)
    plain = conv2d(
        interpolate(image, scale_factor=2, mode="nearest"),
        layer.weight,
        layer.bias,
        padding=padding,
    )
    torch.testing.assert_close(fast, plain)
    weights = torch.randn_like(fast)
    inputs = (image, layer.weight, layer.bias)
    ours, theirs = (torch.autograd.grad((x * weights).sum(), inputs) for x in (fast, plain))
    torch.testing.assert_close(ours, theirs)


def test_a_constant_upsamples_to_a_constant():
    """Trap 19: nearest-neighbour, not zero-filled."""
    layer = UpsampledConv2d(1, 1, 7)
    picture = layer(torch.ones(1, 1, 12, 12))
    torch.testing.assert_close(picture, picture[0, 0, 0, 0].expand_as(picture))
    assert picture[0, 0, 0, 0].item() == pytest.approx((layer.weight.sum() + layer.bias).item())


def test_pictures_do_not_see_their_neighbours(paper):
    """Traps 13 and 17: without batch statistics or clamp, an image alone = in a mixed batch."""
    image = torch.rand(3, 150, 150)
    with torch.no_grad():
        alone, together = paper.encode(image[:1]), paper.encode(image)
    torch.testing.assert_close(alone.mean, together.mean[:1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("preset", ["small", "best"])
def test_layers_beside_the_code_are_exact_in_a_network_of_bfloat16(preset: str) -> None:
    """The moments have digits that bfloat16 has not, and such digits of a code count."""
    torch.manual_seed(0)
    network = Network(PRESETS[preset].network)
    images = torch.rand(2, 64, 64)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        posterior = network.encode(images)
        pictures = network.decode(torch.stack([torch.zeros(network.config.code_size)] * 2))
        first = next(m for m in network.decoder.modules() if isinstance(m, torch.nn.Linear))
        code = torch.full((1, network.config.code_size), 1.0)
        seen = []
        first.register_forward_hook(lambda layer, given, out: seen.append(out))
        for value in (1.0, 1.001):
            network.decode(value * code)
    for moment in posterior:
        assert moment.dtype == torch.float32
    assert not torch.equal(posterior.mean, posterior.mean.bfloat16().float())
    assert pictures.dtype == torch.float32
    assert not torch.equal(*seen)
