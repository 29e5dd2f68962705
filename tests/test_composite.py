"""Pictures in one pass, and their derivatives, beside the same step by step."""

import pytest
import torch
from balls import ball, random_like, seen
from torch import Tensor
from torch.autograd import gradcheck

from facegen.raster import composite, follow_silhouettes, interpolate, mix, resolve, topology
from facegen.raster.topology import Topology


def by_steps(
    layers: Tensor, screen: Tensor, background: Tensor, faces: Tensor, side: int, mesh: Topology
) -> Tensor:
    """What composite does, by the functions that its docstring names."""
    batch = max(len(layers), len(screen))
    fragments, screen = seen(screen, faces).expand(batch), screen.expand(batch, -1, -1)
    shown = interpolate(layers, screen, faces, fragments)
    shown = shown if layers.shape[2] == background.shape[-1] else mix(shown)
    behind = background.reshape(-1, 1, 1, background.shape[-1])
    pixels = resolve(shown, fragments, behind, side)
    return follow_silhouettes(pixels, shown, background, screen, mesh, fragments, layers.detach())


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize(("channels", "width"), [(1, 1), (1, 3), (3, 3), (3, 7)])
@pytest.mark.parametrize(("images", "pictures"), [(3, 3), (1, 3), (2, 2), (3, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_composite_is_all_steps_at_once(
    side: int, channels: int, width: int, images: int, pictures: int, dtype: torch.dtype
) -> None:
    """Also where one picture's geometry, or one person's layers, stand for all."""
    screen, faces = ball(images, dtype=dtype)
    layers = 2 * random_like(pictures, screen.shape[1], width, dtype=dtype)
    background = random_like(max(images, pictures), channels, dtype=dtype)
    inputs = [plane.requires_grad_() for plane in (layers, screen, background)]
    mesh = topology(faces)
    pixels = composite(layers, screen, faces, seen(screen, faces), background, side, mesh=mesh)
    expected = by_steps(*inputs, faces, side, mesh)
    close = 1e-4 if dtype == torch.float32 else 1e-9
    torch.testing.assert_close(pixels, expected, rtol=0, atol=close)
    weights = random_like(*pixels.shape, dtype=dtype)
    found, wanted = (torch.autograd.grad((p * weights).sum(), inputs) for p in (pixels, expected))
    torch.testing.assert_close(found, wanted, rtol=100 * close, atol=100 * close)
    with torch.no_grad():
        alone = composite(layers, screen, faces, seen(screen, faces), background, side)
    assert torch.equal(alone, pixels)


@pytest.mark.parametrize("width", [2, 5])
@pytest.mark.parametrize("is_outward", [True, False])
def test_gradients_by_finite_differences(width: int, is_outward: bool) -> None:
    """Faces that rounding turns to the viewer are drawn as others are, and differentiated so."""
    screen, faces = ball(2, segments=4)
    faces = faces if is_outward else faces.flip(1)
    inputs = (random_like(1, screen.shape[1], width), screen, random_like(2))
    fragments = seen(screen, faces, cull=False)
    assert gradcheck(
        lambda layers, place, background: composite(layers, place, faces, fragments, background, 2),
        [plane.requires_grad_() for plane in inputs],
        fast_mode=True,
    )


@pytest.mark.parametrize("asked", range(3))
def test_each_gradient_alone_is_as_with_the_others(asked: int) -> None:
    screen, faces = ball(2)
    inputs = [random_like(2, screen.shape[1], 3), screen, random_like(2, 1)]
    mesh, results = topology(faces), []
    for wanted in (range(3), [asked]):
        planes = [p.clone().requires_grad_(n in wanted) for n, p in enumerate(inputs)]
        layers, place, background = planes
        pixels = composite(layers, place, faces, seen(place, faces), background, 2, mesh=mesh)
        results.append(torch.autograd.grad(pixels.square().sum(), planes[asked])[0])
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("layers", "background", "side", "message"),
    [
        ((2, 102, 4), (1,), 1, "to fit screen and background"),
        ((2, 101, 3), (1,), 1, "to fit screen and background"),
        ((3, 102, 3), (1,), 1, "do not go together"),
        ((0, 102, 3), (1,), 1, "do not go together"),
        ((2, 102, 3), (3, 1), 1, "do not go together"),
        ((2, 102, 3), (2, 1, 1), 1, "do not go together"),
        ((2, 102, 3), (1,), 4, "14 x 18 samples do not make whole pixels of 4 x 4"),
    ],
)
def test_what_does_not_fit_is_refused(
    layers: tuple[int, ...], background: tuple[int, ...], side: int, message: str
) -> None:
    """Compiled code would look beyond its ends."""
    screen, faces = ball(2)
    fragments, behind = seen(screen, faces), torch.ones(background).double()
    with pytest.raises(ValueError, match=message):
        composite(torch.zeros(layers).double(), screen, faces, fragments, behind, side)
    with pytest.raises(ValueError, match="layers are torch"):
        composite(torch.zeros(2, 102, 1), screen, faces, fragments, torch.ones(1), 1)


def test_mix_is_sharp_between_the_layers() -> None:
    share = torch.tensor([-1.0, 0.0, 0.25, 1.0, 3.0])
    layered = torch.stack([torch.zeros(5), torch.ones(5), share], dim=-1)
    assert mix(layered)[:, 0].tolist() == [0.0, 0.0, 0.25, 1.0, 1.0]
