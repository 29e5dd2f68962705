"""Derivatives by the places of occluding edges, beside areas and differences of dense pictures."""

import math

import numpy as np
import pytest
import torch

from facegen.raster import (
    Fragments,
    follow_silhouettes,
    interpolate,
    rasterize,
    resolve,
    topology,
)
from facegen.subjects import sphere


def draw(screen, colours, faces, size, per_axis, background, backend="numba"):
    """A picture (batch, size, size, channel) of vertices whose x and y are in pixels."""
    screen = screen * torch.tensor([per_axis, per_axis, 1.0])
    fragments = rasterize(screen.float(), faces, *2 * [size * per_axis], backend=backend)
    samples = interpolate(colours, screen, faces, fragments)
    pixels = resolve(samples, fragments, background, per_axis)
    return follow_silhouettes(pixels, samples, background, screen, topology(faces), fragments)


def smooth(picture, sigma=2.0):
    """The picture (batch, height, width, channel) under a Gaussian of sigma pixels."""
    reach = math.ceil(4 * sigma)
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).to(picture) / sigma) ** 2)
    planes = picture.permute(0, 3, 1, 2).flatten(0, 1)[:, None]
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        planes = torch.nn.functional.conv2d(
            planes, (bell / bell.sum()).reshape(shape), padding="same"
        )
    return planes


def derivative(function, at, direction, step):
    """By central differences, two steps extrapolated to none (Richardson)."""
    with torch.no_grad():
        wide, narrow = (
            (function(at + s * direction) - function(at - s * direction)) / (2 * s)
            for s in (step, step / 2)
        )
    return float(4 * narrow - wide) / 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_triangles_area_grows_as_geometry_says(dtype) -> None:
    screen = torch.tensor([[[5.3, 6.1, 9], [14.2, 33.7, 9], [33.4, 21.2, 12]]], dtype=dtype)
    screen.requires_grad_()
    faces = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    bright, dark = torch.full((1, 3, 1), 0.75, dtype=dtype), torch.tensor([0.25], dtype=dtype)
    total = draw(screen, bright, faces, 40, 4, dark).sum()
    (by_screen,) = torch.autograd.grad(total, screen)
    a, b, c = screen.detach()[0, :, :2]
    area = 0.5 * torch.stack([b - c, c - a, a - b])
    expected = 0.5 * torch.stack([-area[:, 1], area[:, 0]], dim=-1)
    expected = expected * torch.sign(
        (expected * (screen[0, :, :2] - screen[0, :, :2].mean(0))).sum()
    )
    assert torch.allclose(by_screen[0, :, :2], expected, rtol=0.01, atol=0.05)
    assert by_screen[0, :, 2].abs().max() < 1e-6, "one colour: depth changes nothing"


def two_balls(dtype=torch.float32):
    """A small ball before a large one: (1, vertex, 3) in pixels and mm, colours and faces."""
    ball, faces = sphere(9, 14)
    # y points down on the screen and the viewer sits at -z: a half turn that keeps the winding.
    ball = torch.from_numpy(ball).to(dtype) * torch.tensor([1.0, -1.0, -1.0], dtype=dtype)
    large = ball * 9.0 + torch.tensor([12.0, 12.0, 100.0], dtype=dtype)
    small = ball * 4.0 + torch.tensor([16.0, 14.0, 80.0], dtype=dtype)
    shade = 0.5 + 0.25 * torch.stack([torch.sin(2 * ball[:, 0] + ball[:, 1]), ball[:, 1]], dim=-1)
    colours = torch.cat([shade, shade.flip(1) - 0.3])[None]
    both = np.concatenate([faces, faces + len(ball)])
    return torch.cat([large, small])[None], colours, torch.from_numpy(both)


BALLS = ("right", "down", "growing", "turning", "small one right", "small one down")
STEPS = (0.5, 0.5, 0.03, 0.03, 0.25, 0.25)


def move_balls(screen, amounts):
    """The two balls moved by amounts (len(BALLS),) of what the names say, about the top left."""
    right, down, growth, turn, small_right, small_down = amounts.to(screen)
    is_small = (torch.arange(screen.shape[1]) >= screen.shape[1] // 2).to(screen)
    x, y, z = screen.unbind(-1)
    x, y = x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()
    x = (1 + growth) * x + right + small_right * is_small
    y = (1 + growth) * y + down + small_down * is_small
    return torch.stack([x, y, z], dim=-1)


@pytest.mark.parametrize(("name", "step"), list(zip(BALLS, STEPS, strict=True)))
def test_gradients_are_those_of_the_reference(name, step) -> None:
    screen, colours, faces = two_balls()
    background = torch.tensor([0.9, 0.1])
    target = smooth(draw(screen + torch.tensor([1.5, 1, 0]), colours, faces, 24, 4, background))

    def loss(amounts, per_axis, backend="numba"):
        moved = move_balls(screen, amounts)
        picture = draw(moved, colours, faces, 24, per_axis, background, backend)
        return ((smooth(picture) - target).double() ** 2).sum()

    amounts = torch.zeros(len(BALLS), requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(amounts, 16), amounts)
    axis = torch.eye(len(BALLS))[BALLS.index(name)]
    expected = derivative(lambda a: loss(a, 12, "reference"), torch.zeros(len(BALLS)), axis, step)
    # Measured: 0.1 to 0.8 %.
    assert float(gradient @ axis) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("name", "step"), list(zip((*BALLS, "deeper"), (*STEPS, 0.25), strict=True))
)
def test_surfaces_that_pass_through_each_other(name, step) -> None:
    screen, colours, faces = two_balls()
    is_small = (torch.arange(screen.shape[1]) >= screen.shape[1] // 2).float()
    screen = screen + is_small[:, None] * torch.tensor([-1.0, -0.5, 13.0])

    def picture(amounts, per_axis):
        deeper = amounts[-1] * is_small[:, None] * torch.tensor([0.0, 0.0, 1.0])
        moved = move_balls(screen, amounts[:-1]) + deeper
        return smooth(draw(moved, colours, faces, 24, per_axis, torch.tensor([0.9, 0.1])))

    target = picture(torch.tensor([1.5, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0]), 4)

    def loss(amounts, per_axis=24):
        return ((picture(amounts, per_axis) - target).double() ** 2).sum()

    amounts = torch.zeros(len(BALLS) + 1, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(amounts, 16), amounts)
    axis = torch.eye(len(amounts))[[*BALLS, "deeper"].index(name)]
    expected = derivative(loss, torch.zeros_like(axis), axis, step)
    # Measured: 0.0 to 1.6 %.
    assert float(gradient @ axis) == pytest.approx(expected, rel=0.02, abs=0.01)


@pytest.mark.parametrize("turn", [0, 1])
def test_what_looks_out_by_less_than_a_sample_is_what_ends(turn) -> None:
    """The samples see one sheet, and behind it nothing; but another's end lies in between."""
    sheet = torch.tensor([[3.0, 2.0], [10.6, 2.0], [10.6, 12.0], [3.0, 12.0]])
    behind = sheet + torch.tensor([0.3, 0.0]) * (sheet[:, :1] > 5)
    places = torch.cat([sheet, behind]).roll(turn, dims=1)
    depth = torch.tensor([50.0, 50.1]).repeat_interleave(4)
    screen = torch.cat([places, depth[:, None]], dim=1)[None].requires_grad_()
    faces = torch.tensor([[0, 2, 1], [0, 3, 2], [4, 6, 5], [4, 7, 6]], dtype=torch.int32)
    faces = faces.flip(1) if turn else faces
    total = draw(screen, torch.full((1, 8, 1), 0.25), faces, 16, 1, torch.ones(1)).sum()
    (by_screen,) = torch.autograd.grad(total, screen)
    ends = by_screen[0, :, turn].reshape(2, 4)[:, 1:3].sum(1)
    assert ends.tolist() == pytest.approx([0.0, -0.75 * 10], abs=1e-4)


def test_what_is_hidden_moves_nothing() -> None:
    screen, colours, faces = two_balls()
    behind = screen + (torch.arange(screen.shape[1]) >= screen.shape[1] // 2)[:, None] * 60.0 * (
        torch.tensor([0.0, 0.0, 1.0])
    )
    behind.requires_grad_()
    total = draw(behind, colours, faces, 24, 2, torch.ones(2)).sum()
    (by_screen,) = torch.autograd.grad(total, behind)
    half = screen.shape[1] // 2
    assert (by_screen[:, half:] == 0).all()
    assert by_screen[:, :half].abs().sum() > 1


def test_the_picture_stays_and_every_image_is_its_own() -> None:
    screen, colours, faces = two_balls()
    batch = torch.cat([screen, screen + torch.tensor([0.7, -0.4, 0.0])])
    dark = torch.tensor([0.2, 0.3])
    weights = torch.rand((2, 24, 24, 2), generator=torch.Generator().manual_seed(1))

    def gradients(screens, rows):
        screens = screens.clone().requires_grad_()
        picture = draw(screens, colours, faces, 24, 3, dark)
        return picture.detach(), torch.autograd.grad((picture * weights[rows]).sum(), screens)[0]

    pictures, together = gradients(batch, slice(0, 2))
    for row in range(2):
        picture, alone = gradients(batch[row : row + 1], slice(row, row + 1))
        assert torch.equal(picture[0], pictures[row])
        assert torch.equal(alone[0], together[row])
    per_axis = 3 * torch.tensor([1.0, 1.0, 1 / 3])
    fragments = rasterize(batch * per_axis, faces, 72, 72)
    samples = interpolate(colours, batch * per_axis, faces, fragments)
    assert torch.equal(pictures, resolve(samples, fragments, dark, 3))


def test_topology_of_a_closed_mesh_an_open_one_and_a_fin() -> None:
    _, faces = sphere(5, 7)
    closed = topology(torch.from_numpy(faces))
    assert (closed.neighbours >= 0).all()
    for face in range(len(faces)):
        for corner in range(3):
            shared = set(faces[face]) & set(faces[closed.neighbours[face, corner]])
            assert shared == set(faces[face]) - {faces[face, corner]}
    square = topology(torch.tensor([[0, 1, 2], [2, 1, 3]], dtype=torch.int32))
    assert square.neighbours.tolist() == [[1, -1, -1], [-1, -1, 0]]
    fin = topology(torch.tensor([[0, 1, 2], [1, 0, 3], [0, 1, 4]], dtype=torch.int32))
    assert (fin.neighbours == -1).all()


def test_nothing_to_see_is_no_gradient() -> None:
    screen = torch.full((1, 3, 3), math.nan, requires_grad=True)
    fragments = Fragments(
        torch.full((1, 4, 4), -1, dtype=torch.int32), torch.full((1, 4, 4), torch.inf)
    )
    faces = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    empty = torch.zeros(1, 4, 4, 1)
    picture = follow_silhouettes(empty, empty, torch.ones(1), screen, topology(faces), fragments)
    (by_screen,) = torch.autograd.grad(picture.sum(), screen)
    assert (by_screen == 0).all()


@pytest.mark.parametrize("shape", [(2,), (1, 4, 4, 1)])
def test_a_background_of_many_colours_is_refused(shape) -> None:
    screen, empty = torch.zeros(1, 3, 3), torch.zeros(1, 4, 4, 1)
    fragments = Fragments(-torch.ones(1, 4, 4, dtype=torch.int32), torch.ones(1, 4, 4))
    mesh = topology(torch.tensor([[0, 1, 2]], dtype=torch.int32))
    with pytest.raises(ValueError, match="background must be"):
        follow_silhouettes(empty, empty, torch.ones(shape), screen, mesh, fragments)
