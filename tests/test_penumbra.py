"""How shadows' edges move, beside differences: a ball over a floor, lit from above and the side."""

import numpy as np
import pytest
import torch
from test_derivatives import dense_visibility

from facegen.raster import topology
from facegen.shadow import moving_visibility
from facegen.subjects import sphere

COUNT = 60


@pytest.fixture(scope="module")
def scene():
    """Vertices (1, 3, vertex) in mm, of the floor and then the ball, normals and faces."""
    ball, ball_faces = sphere(20, 30)
    x, z = np.meshgrid(np.linspace(-110, 110, COUNT), np.linspace(-110, 110, COUNT))
    floor = np.stack([x.ravel(), np.full(x.size, -40.0), z.ravel()], axis=1)
    corner = (np.arange(COUNT - 1)[:, None] * COUNT + np.arange(COUNT - 1)).ravel()
    one = np.stack([corner, corner + COUNT, corner + COUNT + 1], axis=1)
    other = np.stack([corner, corner + COUNT + 1, corner + 1], axis=1)
    faces = np.concatenate([one, other, ball_faces + len(floor)]).astype(np.int32)
    vertices = np.concatenate([floor, 38.0 * ball]).T[None].astype(np.float32)
    up = np.tile([0.0, 1.0, 0.0], (len(floor), 1))
    normals = np.concatenate([up, ball]).T[None].astype(np.float32)
    return torch.from_numpy(vertices), torch.from_numpy(normals), torch.from_numpy(faces)


@pytest.mark.parametrize("name", ["light right", "light forward", "ball right", "ball larger"])
def test_gradients_are_those_of_a_dense_map(scene, name) -> None:
    vertices, normals, faces = scene
    is_ball = (torch.arange(vertices.shape[2]) >= COUNT**2).float()
    weights = torch.sin(0.03 * vertices[0, 0] + 0.02 * vertices[0, 2]) * (1 - is_ball)

    def place(amount):
        light = torch.tensor([[0.3, 0.9, 0.25]])
        light = light + amount * torch.tensor(
            {"light right": [[1.0, 0.0, 0.0]], "light forward": [[0.0, 0.0, 1.0]]}.get(
                name, [[0.0, 0.0, 0.0]]
            )
        )
        moved = vertices
        if name == "ball right":
            moved = vertices + 50 * amount * is_ball * torch.tensor([1.0, 0.0, 0.0])[:, None]
        if name == "ball larger":
            moved = vertices * (1 + amount * is_ball)
        return moved, torch.nn.functional.normalize(light, dim=1)

    def lit(amount):
        moved, light = place(amount)
        return (weights * dense_visibility(moved, normals, faces, light)[0]).sum()

    amount = torch.zeros((), requires_grad=True)
    moved, light = place(amount)
    share = moving_visibility(moved, normals, faces, light, topology(faces))
    (gradient,) = torch.autograd.grad((weights * share[0]).sum(), amount)
    expected = (lit(0.02) - lit(-0.02)) / 0.04
    assert float(gradient) == pytest.approx(float(expected), rel=0.02)
