"""Frames and signs, normals, projection, subdivision."""

import numpy as np
import pytest
import torch

from facegen.geometry import Camera, VertexNormals, direction, project, rotation
from facegen.morphable.subdivide import catmull_clark
from facegen.subjects import sphere

CUBE = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
CUBE_QUADS = np.array(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
)


def test_the_nose_points_where_the_angles_say() -> None:
    azimuth, elevation = torch.tensor([30.0, -70.0]), torch.tensor([20.0, -10.0])
    nose = rotation(azimuth, elevation) @ torch.tensor([0.0, 0.0, 1.0])
    assert nose[0, 0] > 0, "a positive azimuth turns the nose to the viewer's right"
    assert nose[0, 1] > 0, "a positive elevation lifts it"
    level = rotation(azimuth, torch.zeros(2)) @ torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(level, direction(azimuth, torch.zeros(2)))
    ears = rotation(torch.zeros(2), elevation) @ torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(ears, torch.eye(3)[:1].expand(2, 3))


def test_rotations_are_rotations() -> None:
    turn = rotation(torch.linspace(-86, 86, 9), torch.linspace(-23, 23, 9))
    torch.testing.assert_close(turn @ turn.transpose(1, 2), torch.eye(3).expand(9, 3, 3))
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(9))


def test_the_camera_shows_half_height_at_the_origin() -> None:
    camera = Camera(distance=1000.0, half_height=100.0)
    points = torch.tensor([[[0.0, 100.0, 0.0], [100.0, 0.0, 0.0], [100.0, 0.0, 500.0]]])
    screen = project(points.mT, camera, 200)[0]
    torch.testing.assert_close(screen[0], torch.tensor([100.0, 0.0, 1000.0]))
    torch.testing.assert_close(screen[1], torch.tensor([200.0, 100.0, 1000.0]))
    assert screen[2, 0] == 300.0, "what is half as far away looks twice as large"


def _triangles(quads: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))


def test_normals_of_a_sphere_are_its_radii() -> None:
    vertices, quads = CUBE, CUBE_QUADS
    for _ in range(4):
        step = catmull_clark(quads, len(vertices))
        vertices, quads = step.operator @ vertices, step.quads
        vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    points = torch.from_numpy(vertices.T)[None].float()
    normals = VertexNormals(_triangles(quads), len(vertices))(points)
    assert (normals * points).sum(1).min() > 0.995


def test_normals_have_gradients() -> None:
    compute = VertexNormals(_triangles(CUBE_QUADS), len(CUBE))
    points = torch.from_numpy(CUBE.T.copy())[None].requires_grad_()
    assert torch.autograd.gradcheck(compute, (points,))


def test_compiled_normals_equal_the_gathered_ones() -> None:
    """Values and gradients, over a batch, with a vertex that no face uses and one without area."""
    vertices, faces = sphere(9, 12)
    points = torch.from_numpy(vertices).T.repeat(2, 1, 1).double()
    points = points + 0.1 * torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    points = torch.cat([points, torch.ones(2, 3, 4, dtype=torch.float64)], dim=2)
    last = points.shape[2]
    flat = torch.tensor([[last - 3, last - 2, last - 1]])
    compute = VertexNormals(torch.cat([torch.from_numpy(faces).long(), flat]), last)
    weights = torch.randn(points.shape, generator=torch.Generator().manual_seed(1))
    results = []
    for function in (compute, compute.gathered):
        leaf = points.clone().requires_grad_()
        unit = function(leaf)
        results.append((unit, *torch.autograd.grad((unit * weights).sum(), leaf)))
    assert (results[0][0][..., -4:] == 0).all()
    torch.testing.assert_close(*results)


def test_catmull_clark_of_a_cube() -> None:
    step = catmull_clark(CUBE_QUADS, 8)
    fine = step.operator @ CUBE
    assert step.quads.shape == (24, 4)
    assert fine.shape == (8 + 6 + 12, 3)
    np.testing.assert_allclose(np.abs(fine[:8]), 5 / 9)  # vertex rule: (Q + 2 R) / 3
    np.testing.assert_allclose(np.abs(fine[8:14]).max(axis=1), 1.0)  # face points
    np.testing.assert_allclose(np.sort(np.abs(fine[14:]), axis=1), [[0, 0.75, 0.75]] * 12)


def test_catmull_clark_keeps_a_flat_border_flat() -> None:
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4]])
    grid = np.array([[x, y, 0.0] for y in (0.0, 1.0) for x in (0.0, 1.0, 2.0)])
    fine = catmull_clark(quads, 6).operator @ grid
    assert np.abs(fine[:, 2]).max() == 0
    assert fine[:, 1].min() == pytest.approx(0)
    assert fine[1, 1] == pytest.approx(0), "a border vertex stays on its straight border"


def test_subdivision_reproduces_constants() -> None:
    operator = catmull_clark(CUBE_QUADS, 8).operator
    np.testing.assert_allclose(np.asarray(operator.sum(axis=1)), 1.0)


def test_batches_that_do_not_fit_are_refused() -> None:
    """Compiled code would look beyond their ends."""
    vertices, three = torch.zeros(4, 3, 10), torch.full((3, 1), 1000.0)
    assert project(vertices[:0], Camera(), 100).shape == (0, 10, 3)
    assert project(vertices[:1], Camera(three), 100).shape == (3, 10, 3)
    for change in (lambda same: same, torch.Tensor.requires_grad_):
        with pytest.raises((ValueError, RuntimeError)):
            project(change(vertices), Camera(three), 100)


@pytest.mark.parametrize(("heads", "cameras"), [(2, 2), (1, 3), (3, 1)])
def test_gradients_of_projection(heads: int, cameras: int) -> None:
    generator = torch.Generator().manual_seed(0)
    vertices = 50 * torch.randn(heads, 3, 20, generator=generator, dtype=torch.float64)
    lens = [
        torch.rand(cameras, 1, generator=generator, dtype=torch.float64) + value
        for value in (900.0, 130.0, 2.0, -3.0)
    ]
    inputs = [plane.requires_grad_() for plane in (vertices, *lens)]
    assert torch.autograd.gradcheck(lambda v, *camera: project(v, Camera(*camera), 150), inputs)
    single = project(vertices.float(), Camera(*(value.float() for value in lens)), 150)
    double = project(vertices, Camera(*lens), 150)
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-4)
