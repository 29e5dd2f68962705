"""A face in PyTorch3D, seen by its renderer as by ours, and back."""

import importlib.util

import pytest
import torch

from facegen.errors import UserError
from facegen.geometry import project
from facegen.morphable import MorphableModel
from facegen.pytorch3d_io import camera_of, from_meshes, to_cameras, to_meshes
from facegen.raster import interpolate, rasterize, resolve
from facegen.render import Renderer, RenderSettings
from facegen.view import View

SIZE = 48


@pytest.fixture(scope="module")
def renderer(head: MorphableModel) -> Renderer:
    return Renderer(head, RenderSettings(size=SIZE))


def scene(renderer: Renderer) -> tuple[View, torch.Tensor, torch.Tensor]:
    """Two views, off the middle too, of one head: vertices in the camera's frame and colours."""
    view = renderer.view(torch.tensor([[30.0, 10.0, 0.0], [-50.0, -15.0, 0.0]]))
    middle = torch.tensor([[0.0, 0.0], [20.0, -12.0]])
    view = View(**{**vars(view), "middle": middle})
    people = renderer.people(torch.zeros(1, renderer.model.identity_size))
    return view, renderer.pose(people.vertices, view.turn), people.skin.clamp(0, 1)


def test_pytorch3d_draws_the_same_view(renderer: Renderer) -> None:
    pytest.importorskip("pytorch3d")
    from pytorch3d.renderer import MeshRasterizer, RasterizationSettings

    view, vertices, colours = scene(renderer)
    meshes = to_meshes(vertices, renderer.faces, colours)
    settings = RasterizationSettings(image_size=SIZE, cull_backfaces=True)
    fragments = MeshRasterizer(cameras=to_cameras(view, SIZE), raster_settings=settings)(meshes)
    texels = meshes.sample_textures(fragments)[..., 0, :]
    theirs = torch.where(fragments.pix_to_face >= 0, texels, 1.0)
    screen = project(vertices, view.camera, SIZE)
    ours = rasterize(screen, renderer.faces, SIZE, SIZE)
    samples = interpolate(colours.mT.contiguous(), screen, renderer.faces, ours)
    picture = resolve(samples, ours, torch.ones(3), 1)
    covered = ours.face_id >= 0
    assert 0.2 < covered.float().mean() < 0.9
    assert (covered == (fragments.pix_to_face[..., 0] >= 0)).float().mean() > 0.995
    assert ((picture - theirs).abs() < 1 / 255).float().mean() > 0.98


def test_there_and_back(renderer: Renderer) -> None:
    pytest.importorskip("pytorch3d")
    view, vertices, colours = scene(renderer)
    back, faces, painted = from_meshes(to_meshes(vertices, renderer.faces, colours))
    assert torch.equal(back, vertices)
    assert torch.equal(faces, renderer.faces)
    assert painted is not None
    assert torch.equal(painted, colours.expand(2, -1, -1))
    cameras = to_cameras(view, SIZE)
    for number in range(2):
        camera = camera_of(cameras, number)
        assert camera.distance == pytest.approx(float(view.distance[number]))
        assert camera.half_height == pytest.approx(float(view.half_height[number]))
        middle = view.middle[number].tolist()
        assert (camera.middle_x, camera.middle_y) == pytest.approx(middle)


def test_without_pytorch3d_it_says_how_to_get_it(renderer: Renderer) -> None:
    if importlib.util.find_spec("pytorch3d"):
        pytest.skip("pytorch3d is installed")
    view, vertices, colours = scene(renderer)
    for carry in (
        lambda: to_meshes(vertices, renderer.faces, colours),
        lambda: to_cameras(view, SIZE),
    ):
        with pytest.raises(UserError, match=r"'pytorch3d' is not installed; see .*INSTALL"):
            carry()
