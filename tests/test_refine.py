"""Long edges split in large pictures: the mesh stays closed, and comes closer to the surface."""

import pytest
import torch

from facegen.anatomy import survey
from facegen.geometry import VertexNormals
from facegen.raster import topology
from facegen.refine import LONGEST, Refinement
from facegen.render import FINE, Renderer, RenderSettings


@pytest.fixture(scope="module")
def body(head):
    """A mean head (3, vertex), its faces and its anatomy."""
    mean, faces = torch.from_numpy(head.mean).T.contiguous(), torch.from_numpy(head.faces)
    return mean, faces, survey(head, VertexNormals(faces, len(head.mean))(mean[None])[0])


def sides(vertices, faces):
    """The lengths of all sides (face, 3) of a mesh with vertices (3, vertex)."""
    corners = vertices.T[faces.long()]
    return (corners - corners.roll(-1, dims=1)).norm(dim=-1)


def open_sides(faces):
    return int((topology(faces).neighbours < 0).sum())


@pytest.mark.parametrize("longest", [9.0, 4.0, 2.5])
def test_a_head_that_is_split_is_as_closed_as_before(body, longest) -> None:
    mean, faces, anatomy = body
    finer = Refinement(mean, faces, anatomy, longest)
    vertices, _ = finer.rounded(mean[None], anatomy.normals[None])
    assert len(finer.faces) > len(faces)
    assert vertices.shape[2] == finer.faces.max() + 1
    # Corners in the middle of a neighbour's side would open thousands; those of a rim are halved.
    assert open_sides(faces) <= open_sides(finer.faces) < open_sides(faces) + 20
    assert torch.equal(vertices[0, :, : mean.shape[1]], mean)


def test_what_is_long_is_split_but_neither_balls_nor_teeth(body) -> None:
    mean, faces, anatomy = body
    finer = Refinement(mean, faces, anatomy, 4.0)
    vertices, _ = finer.rounded(mean[None], anatomy.normals[None])
    skin = (anatomy.is_skin > 0.5) & (anatomy.mouth < 0.5) & (anatomy.teeth < 0.5)
    is_skin = finer.values(skin.float())[finer.faces.long()] == 1
    length = sides(vertices[0], finer.faces)
    both = is_skin & is_skin.roll(-1, dims=1)
    assert length[both].max() < 2 * 4.0
    assert (length[both] > 4.0).float().mean() < 0.05
    assert sides(mean, faces).max() > 5 * 4.0
    on_ball = anatomy.is_skin < 0.5
    count = on_ball[faces.long()].all(dim=1).sum()
    assert (finer.values(on_ball.float())[finer.faces.long()] == 1).all(dim=1).sum() == count


def test_edges_are_rounded(body) -> None:
    """A ball's: the middles of its chords come out to its surface."""
    mean, faces, anatomy = body
    up = torch.nn.functional.normalize(mean, dim=0)
    finer = Refinement(mean, faces, anatomy, 4.0)
    ball, normals = finer.rounded(100 * up[None], up[None])
    flat = finer.values(100 * up)
    lies_low = 100 - flat.norm(dim=0)[mean.shape[1] :]
    assert lies_low.max() > 0.3
    assert (100 - ball[0].norm(dim=0)).abs()[mean.shape[1] :].mean() < 0.1 * lies_low.mean()
    assert torch.allclose(normals.norm(dim=1), torch.ones(()), atol=1e-5)


def test_only_large_pictures_have_a_finer_mesh(head) -> None:
    small, large, huge = (Renderer(head, RenderSettings(size=s)) for s in (150, FINE, 4 * FINE))
    body = len(head.faces)
    assert torch.equal(small.faces[:body], torch.from_numpy(head.faces))
    assert len(huge.faces) > len(large.faces) > len(small.faces)
    person = torch.zeros(1, head.identity_size)
    vertices = large.people(person).vertices[0]
    assert torch.equal(
        vertices[:, : len(head.mean)], small.people(person).vertices[0, :, : len(head.mean)]
    )
    longest = LONGEST * huge.settings.spacing
    before, after = (
        (sides(one.people(person).vertices[0], one.faces) > longest).float().mean()
        for one in (small, huge)
    )
    assert after < 0.3 * before


def test_the_finer_mesh_has_gradients(head) -> None:
    renderer = Renderer(head, RenderSettings(size=FINE))
    identity = torch.zeros(1, head.identity_size, requires_grad=True)
    people = renderer.people(identity)
    (gradient,) = torch.autograd.grad(
        people.vertices[:, :, len(head.mean) :].square().sum(), identity
    )
    assert gradient[0, : len(head.basis)].abs().min() > 0
