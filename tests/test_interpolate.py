"""Interpolation and the box filter: values against plain formulas, gradients by differences."""

import math
from collections.abc import Callable

import numba
import pytest
import torch
from balls import HEIGHT, WIDTH, ball, random_like, seen
from torch import Tensor
from torch.autograd import gradcheck

from facegen.raster import Fragments, interpolate, interpolate_seen, resolve


def plain_interpolate(
    attributes: Tensor, screen: Tensor, faces: Tensor, fragments: Fragments
) -> Tensor:
    """The same by textbook formulas: areas on the screen, divided by depth, normalized."""
    face_id = fragments.face_id.long()
    corners = faces.long()[face_id.clamp(min=0)]
    image = torch.arange(len(screen))[:, None, None, None]
    place = screen[image, corners]
    attribute = attributes.expand(len(screen), -1, -1)[image, corners]
    row, column = torch.meshgrid(
        torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij"
    )
    offset = place[..., :2] - torch.stack([column, row], dim=-1)[None, :, :, None]

    def area(i: int, j: int) -> Tensor:
        return offset[..., i, 0] * offset[..., j, 1] - offset[..., i, 1] * offset[..., j, 0]

    areas = torch.stack([area(1, 2), area(2, 0), area(0, 1)], dim=-1)
    share = (areas / areas.sum(-1, keepdim=True)).clamp(min=0) / place[..., 2]
    share = share / share.sum(-1, keepdim=True)
    values = (share[..., None] * attribute).sum(-2)
    return torch.where(face_id[..., None] >= 0, values, torch.zeros_like(values))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("cull", [True, False])
def test_values_and_gradients_equal_plain_formulas(channels: int, shared: bool, cull: bool) -> None:
    screen, faces = ball(3)
    if not cull:
        faces = faces.flip(1)
    fragments = seen(screen, faces, cull)
    attributes = random_like(1 if shared else 3, screen.shape[1], channels)
    weights = random_like(3, HEIGHT, WIDTH, channels)
    results = []
    for function in (interpolate, plain_interpolate):
        inputs = [tensor.clone().requires_grad_() for tensor in (attributes, screen)]
        image = function(*inputs, faces, fragments)
        results.append((image, *torch.autograd.grad((image * weights).sum(), inputs)))
    assert (results[0][0] != 0).any()
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("shared", [True, False])
def test_gradients_by_finite_differences(shared: bool) -> None:
    screen, faces = ball(2, segments=4)
    fragments = seen(screen, faces)
    attributes = random_like(1 if shared else 2, screen.shape[1], 2)
    inputs = (attributes.requires_grad_(), screen.requires_grad_())
    assert gradcheck(lambda a, s: interpolate(a, s, faces, fragments), inputs, fast_mode=True)


def test_single_precision_agrees_with_double() -> None:
    screen, faces = ball(2)
    fragments = seen(screen, faces)
    attributes = random_like(2, screen.shape[1], 3)
    image = interpolate(attributes.float(), screen.float(), faces, fragments)
    assert image.dtype == torch.float32
    exact = interpolate(attributes, screen, faces, fragments)
    torch.testing.assert_close(image.double(), exact, rtol=0, atol=1e-3)


def test_perspective_of_a_linear_attribute() -> None:
    """The camera-space x of a plane, interpolated, is where the sample's ray meets the plane."""
    place = torch.tensor([[-3.0, -2.0, 5.0], [-3.0, 2.0, 8.0], [3.0, 2.0, 11.0], [3.0, -2.0, 8.0]])
    focal = 20.0
    x, y, z = place.double().unbind(-1)
    screen = torch.stack([WIDTH / 2 + focal * x / z, HEIGHT / 2 + focal * y / z, z], dim=-1)[None]
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    fragments = seen(screen, faces)
    covered = fragments.face_id >= 0
    found_x, found_z = interpolate(
        torch.stack([x, z], dim=-1)[None], screen, faces, fragments
    ).unbind(-1)
    ray = ((torch.arange(WIDTH).double() + 0.5 - WIDTH / 2) / focal).expand(HEIGHT, -1)[None]
    assert covered.sum() > 40
    # The rasterizer's depth is that of vertices rounded to 1 / 256 of a sample.
    torch.testing.assert_close(
        found_z[covered].float(), fragments.depth[covered], rtol=2e-3, atol=0
    )
    torch.testing.assert_close(found_x[covered], (ray * found_z)[covered], rtol=0, atol=1e-9)


def test_background_is_zero() -> None:
    screen, faces = ball(1)
    fragments = seen(screen, faces)
    image = interpolate(torch.ones(1, screen.shape[1], 2).double(), screen, faces, fragments)
    torch.testing.assert_close(image[..., 0], (fragments.face_id >= 0).double())


def test_a_face_flat_before_rounding_shows_something_finite() -> None:
    """Rounded to 1 / 256 its vertices span an area that they did not span before."""
    screen = torch.tensor([[[0.5, 0.5, 2.0], [0.5, 4.5, 2.0], [0.5, 2.5, 2.0]]])
    faces = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    fragments = Fragments(torch.zeros(1, 5, 1, dtype=torch.int32), torch.full((1, 5, 1), 2.0))
    screen.requires_grad_()
    image = interpolate(torch.tensor([[[1.0], [2.0], [6.0]]]), screen, faces, fragments)
    torch.testing.assert_close(image, torch.full_like(image, 3.0))
    image.sum().backward()
    assert screen.grad is not None
    assert screen.grad.isfinite().all()


@pytest.mark.parametrize("wanted", [(True, False), (False, True)])
def test_only_the_gradients_that_are_needed(wanted: tuple[bool, bool]) -> None:
    screen, faces = ball(2)
    fragments = seen(screen, faces)
    inputs = (random_like(1, screen.shape[1], 1), screen)
    for tensor in inputs:
        tensor.requires_grad_()
    whole = torch.autograd.grad(interpolate(*inputs, faces, fragments).sum(), inputs)
    for tensor, want in zip(inputs, wanted, strict=True):
        tensor.requires_grad_(want)
    interpolate(*inputs, faces, fragments).sum().backward()
    for tensor, want, gradient in zip(inputs, wanted, whole, strict=True):
        assert (tensor.grad is not None) == want
        assert tensor.grad is None or torch.equal(tensor.grad, gradient)


def test_batch_equals_one_by_one_and_threads_do_not_change_the_bits() -> None:
    screen, faces = ball(5, dtype=torch.float32)
    attributes = random_like(1, screen.shape[1], 3, dtype=torch.float32).requires_grad_()
    screen.requires_grad_()

    def render() -> list[Tensor]:
        image = interpolate(attributes, screen, faces, seen(screen, faces))
        return [image, *torch.autograd.grad(image.square().sum(), (attributes, screen))]

    threads = numba.get_num_threads(), torch.get_num_threads()
    together = render()
    try:
        numba.set_num_threads(1)
        torch.set_num_threads(1)
        assert all(torch.equal(a, b) for a, b in zip(together, render(), strict=True))
    finally:
        numba.set_num_threads(threads[0])
        torch.set_num_threads(threads[1])
    for n in range(5):
        one = screen[n : n + 1]
        alone = interpolate(attributes, one, faces, seen(one, faces))
        assert torch.equal(alone[0], together[0][n])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, s: (a[0], s), "attributes must be"),
        (lambda a, s: (a[:, 1:], s), r"\(2 or 1, 102, channel\)"),
        (lambda a, s: (a[..., :0], s), "attributes must be"),
        (lambda a, s: (a.expand(3, -1, -1), s), "attributes must be"),
        (lambda a, s: (a.float(), s), "attributes are torch.float32, but screen is"),
        (lambda a, s: (a, s[:1]), "fragments are of 2 images, but screen of 1"),
    ],
)
def test_wrong_tensors_are_refused(
    change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], message: str
) -> None:
    screen, faces = ball(2)
    with pytest.raises(ValueError, match=message):
        interpolate(*change(random_like(1, 102, 1), screen), faces, seen(screen, faces))


@pytest.mark.parametrize("side", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_resolve_is_the_mean_over_background(side: int, channels: int) -> None:
    face_id = (random_like(2, 4 * side, 5 * side) > 0).int() - 1
    fragments = Fragments(face_id, torch.full(face_id.shape, math.inf))
    covered = (face_id >= 0)[..., None]
    samples = random_like(2, 4 * side, 5 * side, channels) * covered
    background = random_like(channels)
    whole = torch.where(covered, samples, background)
    expected = whole.unflatten(1, (4, side)).unflatten(3, (5, side)).mean(dim=(2, 4))
    torch.testing.assert_close(resolve(samples, fragments, background, side), expected)


@pytest.mark.parametrize("shape", [(2,), (2, 2, 3, 2), (1, 1, 1, 1)])
def test_resolve_gradients(shape: tuple[int, ...]) -> None:
    face_id = torch.tensor([[-1, 0, 1, -1, -1, 2]] * 4, dtype=torch.int32).expand(2, -1, -1)
    fragments = Fragments(face_id, torch.full(face_id.shape, math.inf))
    inputs = (random_like(2, 4, 6, 2).requires_grad_(), random_like(*shape).requires_grad_())
    assert gradcheck(lambda s, b: resolve(s, fragments, b, 2), inputs, fast_mode=True)


def test_resolve_refuses_partial_pixels() -> None:
    fragments = Fragments(torch.zeros(1, 4, 5, dtype=torch.int32), torch.ones(1, 4, 5))
    with pytest.raises(ValueError, match="4 x 5 samples do not make whole pixels of 2 x 2"):
        resolve(torch.ones(1, 4, 5, 1), fragments, torch.ones(1), 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_that_see_a_face_are_those_of_the_picture(dtype) -> None:
    screen, faces = ball(1, dtype=dtype)
    attributes = random_like(1, screen.shape[1], 5, dtype=dtype)
    inputs = attributes.requires_grad_(), screen.requires_grad_()
    fragments = seen(screen, faces)
    covered = fragments.face_id >= 0
    assert int(covered.sum()) > 64 and not covered.all()
    picture = interpolate(*inputs, faces, fragments)[covered].T
    planes = interpolate_seen(*inputs, faces, fragments)
    assert torch.equal(planes, picture)
    weights = random_like(*planes.shape, dtype=dtype)
    by_planes, by_picture = (
        torch.autograd.grad((values * weights).sum(), inputs) for values in (planes, picture)
    )
    assert all(map(torch.equal, by_planes, by_picture))


def test_where_nothing_is_seen_there_are_no_samples() -> None:
    screen, faces = ball(1)
    nothing = torch.full((1, HEIGHT, WIDTH), -1, dtype=torch.int32)
    fragments = Fragments(nothing, torch.full(nothing.shape, torch.inf))
    assert interpolate_seen(screen, screen, faces, fragments).shape == (3, 0)
