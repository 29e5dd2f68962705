"""Off the CPU: plain forms of compiled kernels, and the whole way from coefficients and back."""

import pytest
import torch

from facegen import render, shadow
from facegen.errors import UserError
from facegen.geometry import VertexNormals, direction
from facegen.morphable import MorphableModel
from facegen.raster import Fragments, interpolate, plain, rasterize, resolve
from facegen.render import Renderer, RenderSettings
from facegen.subjects import bumpy_spheres
from facegen.truth import GroundTruth

SETTINGS = RenderSettings(size=32)


def scene() -> tuple[torch.Tensor, torch.Tensor, Fragments]:
    spheres, faces = bumpy_spheres(800, count=2)
    x, y, z = torch.from_numpy(spheres).unbind(-1)
    depth = 500 - z
    screen = torch.stack([20 + 70 * x / depth, 15 - 70 * y / depth, depth], dim=-1)
    fragments = rasterize(screen, torch.from_numpy(faces), 30, 40)
    assert 0.3 < (fragments.face_id >= 0).float().mean() < 0.9
    return screen, torch.from_numpy(faces), fragments


@pytest.mark.parametrize("shared", [True, False])
def test_plain_interpolation_equals_the_compiled(shared: bool) -> None:
    screen, faces, fragments = scene()
    generator = torch.Generator().manual_seed(0)
    attributes = torch.randn(1 if shared else 2, screen.shape[1], 3, generator=generator)
    weights = torch.randn(2, 30, 40, 3, generator=generator).double()
    results = []
    for function, last in ((interpolate, fragments), (plain.interpolate, fragments.face_id)):
        inputs = [tensor.double().requires_grad_() for tensor in (attributes, screen)]
        image = function(*inputs, faces, last)
        results.append((image, *torch.autograd.grad((image * weights).sum(), inputs)))
    torch.testing.assert_close(*results)


def test_plain_averages_equal_the_compiled() -> None:
    screen, faces, fragments = scene()
    samples = interpolate(screen, screen, faces, fragments)
    pixels, empty = plain.box(samples, fragments.face_id, 2)
    background = torch.tensor([3.0, 2.0, 1.0])
    torch.testing.assert_close(
        pixels + empty * background, resolve(samples, fragments, background, 2)
    )


def test_plain_shadows_equal_the_compiled() -> None:
    spheres, faces = bumpy_spheres(3000, count=1)
    # A small ball before a large one: its shadow falls on the middle.
    large = torch.from_numpy(spheres).mT
    small = 0.3 * large + torch.tensor([0.0, 0.0, 150.0])[:, None]
    vertices = torch.cat([large, small], dim=2)
    triangles = torch.from_numpy(faces)
    triangles = torch.cat([triangles, triangles + large.shape[2]])
    normals = VertexNormals(triangles, vertices.shape[2])(vertices)
    light = direction(torch.tensor([5.0, -20.0]), torch.tensor([10.0, 0.0]))
    share = shadow.key_visibility(vertices, normals, triangles, light)
    seen, look = shadow.from_light(vertices, light)
    depth = rasterize(seen, triangles, shadow.SAMPLES, shadow.SAMPLES).depth
    expected = shadow.lit(look @ normals, seen, depth)
    facing = (light[:, None] @ normals)[:, 0] > -0.2
    assert (share[~facing] < 1).any()
    assert 0.01 < (share[facing] < 0.5).float().mean() < 0.5
    # Receivers within rounding of a map's sample may fall on either side of it.
    agree = (share - expected).abs() < 1e-3
    assert agree.float().mean() > 0.998


def test_shapes_depend_on_no_values_and_devices_do_not_mix(
    head: MorphableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On tensors without data: whatever looked at values, or mixed devices, would raise."""

    def no_faces(screen: torch.Tensor, faces: torch.Tensor, height: int, width: int) -> Fragments:
        assert screen.device == faces.device == torch.device("meta")
        face_id = torch.empty(len(screen), height, width, dtype=torch.int32, device="meta")
        return Fragments(face_id, face_id.float())

    monkeypatch.setattr(render, "rasterize", no_faces)
    monkeypatch.setattr(shadow, "rasterize", no_faces)
    renderer = Renderer(head, SETTINGS).to("meta")
    people = renderer.people(torch.empty(2, head.identity_size, device="meta"))
    view = renderer.view(torch.empty(2, 3, device="meta"))
    assert renderer.render(people, view).shape == (2, 32, 32, 1)
    people.vertices.requires_grad_()
    pictures = renderer.render(people, view, colour=True)
    assert pictures.requires_grad
    assert pictures.device == torch.device("meta")
    assert pictures.shape == (2, 32, 32, 3)


def test_the_truth_is_told_on_the_cpu(head: MorphableModel) -> None:
    with pytest.raises(UserError, match="this renderer is on meta"):
        GroundTruth(Renderer(head, SETTINGS).to("meta"))


def test_mixed_precision_is_for_networks_alone(head: MorphableModel) -> None:
    renderer = Renderer(head, SETTINGS)
    identity, labels = torch.zeros(1, head.identity_size), torch.tensor([[30.0, 10.0, 40.0]])
    usual = renderer.render(renderer.people(identity), renderer.view(labels))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = renderer.render(renderer.people(identity), renderer.view(labels))
        assert torch.is_autocast_enabled("cpu")
    assert torch.equal(mixed, usual)


def test_the_default_device_is_not_the_renderers(head: MorphableModel) -> None:
    with torch.device("meta"):
        renderer = Renderer(head, SETTINGS)
    picture = renderer.render(
        renderer.people(torch.zeros(1, head.identity_size)), renderer.view(torch.zeros(1, 3))
    )
    assert picture.device.type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there_changes_nothing(head: MorphableModel) -> None:
    renderer = Renderer(head, SETTINGS)
    with pytest.raises((RuntimeError, AssertionError)):
        renderer.to("cuda")
    assert renderer.device.type == "cpu"
    assert len(renderer.people(torch.zeros(1, head.identity_size)).vertices) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("size", [32, 256])
def test_a_cuda_device_draws_the_same(head: MorphableModel, size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    identity = 0.8 * torch.randn(2, head.identity_size, generator=generator)
    labels = torch.tensor([[20.0, 5.0, 40.0], [-60.0, 0.0, -30.0]])
    results = []
    for device in ("cpu", "cuda"):
        renderer = Renderer(head, RenderSettings(size=size)).to(device)
        leaf = identity.to(device).requires_grad_()
        pictures = renderer.render(renderer.people(leaf), renderer.view(labels.to(device)))
        (gradient,) = torch.autograd.grad(pictures.square().mean(), leaf)
        results.append((pictures.detach().cpu(), gradient.cpu()))
    (image, gradient), (other_image, other_gradient) = results
    assert ((image - other_image).abs() < 1 / 255).float().mean() > 0.999
    assert (gradient - other_gradient).norm() < 0.01 * gradient.norm()
