"""Off the CPU: plain forms of compiled kernels, and the whole way from coefficients and back."""

import numpy as np
import pytest
import torch
from balls import lit_balls, scene

from facegen import gpu_rate, render, shadow, truth
from facegen.device import constant, move
from facegen.morphable import MorphableModel
from facegen.raster import Fragments, interpolate, interpolate_seen, plain, rasterize, resolve
from facegen.render import Renderer, RenderSettings
from facegen.truth import GroundTruth

SETTINGS = RenderSettings(size=32)
SIDEWAYS = torch.tensor([[30.0, 10.0, 40.0]])


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


def test_plain_interpolation_of_what_is_seen_equals_the_compiled() -> None:
    screen, faces, fragments = scene()
    one = Fragments(fragments.face_id[:1], fragments.depth[:1])
    results = []
    for function, last in ((interpolate_seen, one), (plain.interpolate_seen, one.face_id)):
        inputs = [plane[:1].double().requires_grad_() for plane in (screen.square(), screen)]
        planes = function(*inputs, faces, last)
        results.append((planes, *torch.autograd.grad(planes.sin().sum(), inputs)))
    torch.testing.assert_close(*results)


def test_plain_interpolation_does_not_ask_what_nobody_sees() -> None:
    """Vertices behind the camera, at no place or at no depth spoil no gradient."""
    screen, faces, fragments = scene()
    bad = torch.tensor([[0.0, 0.0, 0.0], [1e30, 1.0, -1.0], [float("nan"), 1.0, 1.0]])
    more = torch.arange(3, dtype=torch.int32)[None] + screen.shape[1]
    screen = torch.cat([screen, bad.expand(2, -1, -1)], dim=1).requires_grad_()
    attributes = torch.ones_like(screen).requires_grad_()
    face_id = torch.where(fragments.face_id >= 0, fragments.face_id + 1, -1)
    image = plain.interpolate(attributes, screen, torch.cat([more, faces]), face_id)
    for gradient in torch.autograd.grad(image.square().sum(), (attributes, screen)):
        assert gradient.isfinite().all()
    assert image.isfinite().all()


def test_plain_averages_equal_the_compiled() -> None:
    screen, faces, fragments = scene()
    samples = interpolate(screen, screen, faces, fragments)
    pixels, empty = plain.box(samples, fragments.face_id, 2)
    background = torch.tensor([3.0, 2.0, 1.0])
    torch.testing.assert_close(
        pixels + empty * background, resolve(samples, fragments, background, 2)
    )


def test_plain_shadows_equal_the_compiled() -> None:
    vertices, normals, triangles, light = lit_balls()
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


def no_faces(screen: torch.Tensor, faces: torch.Tensor, height: int, width: int) -> Fragments:
    """Of tensors without data, the same."""
    assert screen.device == faces.device == torch.device("meta")
    face_id = torch.empty(len(screen), height, width, dtype=torch.int32, device="meta")
    return Fragments(face_id, face_id.float())


def test_shapes_depend_on_no_values_and_devices_do_not_mix(
    head: MorphableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On tensors without data: whatever looked at values, or mixed devices, would raise."""
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


def test_the_truth_is_told_where_the_picture_is_drawn(
    head: MorphableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truth, "rasterize", no_faces)
    renderer = Renderer(head, SETTINGS)
    teller = GroundTruth(renderer)
    # What is in the tensors is read on the CPU, when a teller is made.
    move(teller, renderer.to("meta").device)
    people = renderer.people(torch.empty(2, head.identity_size, device="meta"))
    view = renderer.view(torch.empty(2, 3, device="meta"))
    told = vars(teller(people, view))
    assert {plane.device.type for plane in told.values()} == {"meta"}
    assert told["parts"].shape == (2, 32, 32)


def test_off_the_cpu_pictures_are_drawn_many_at_a_time(head: MorphableModel) -> None:
    for size, most in ((32, 256), (1024, 8)):
        renderer = Renderer(head, RenderSettings(size=size)).to("meta")
        everyone = np.zeros((3, head.identity_size), np.float32)
        which = np.repeat([2, 0, 1], 100)
        views = renderer.view(torch.empty(300, 3, device="meta"))
        drawn = [
            (rows, len(people.vertices), len(view.turn))
            for rows, people, view in renderer.scenes(everyone, which, views)
        ]
        assert np.concatenate([rows for rows, _, _ in drawn]).tolist() == list(range(300))
        assert all(len(rows) == people == view for rows, people, view in drawn)
        assert max(len(rows) for rows, _, _ in drawn) == most


def test_mixed_precision_is_for_networks_alone(head: MorphableModel) -> None:
    renderer = Renderer(head, SETTINGS)
    identity, labels = torch.zeros(1, head.identity_size), SIDEWAYS
    usual = renderer.render(renderer.people(identity), renderer.view(labels))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = renderer.render(renderer.people(identity), renderer.view(labels))
        assert torch.is_autocast_enabled("cpu")
    assert torch.equal(mixed, usual)


def test_mixed_precision_leaves_the_truth_alone(head: MorphableModel) -> None:
    """At a size at which pictures are painted sample by sample."""
    renderer = Renderer(head, RenderSettings(size=render.FINE, samples_per_axis=1))
    person, view = renderer.people(torch.zeros(1, head.identity_size)), renderer.view(SIDEWAYS)
    usual = GroundTruth(renderer)(person, view)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = GroundTruth(renderer)(person, view)
    assert torch.equal(mixed.albedo, usual.albedo) and torch.equal(mixed.normals, usual.normals)


def test_constants_are_made_once_for_each_device_and_type() -> None:
    like = torch.zeros(1)
    with torch.inference_mode():
        made = constant((0.25, 4.0), like)
    assert made is constant((0.25, 4.0), like) and not made.is_inference()
    assert constant((0.25, 4.0), like.double()).dtype == torch.float64
    assert constant((0.25, 4.0), like.to("meta")).device.type == "meta"


@pytest.mark.parametrize("size", [32, render.FINE])
def test_the_default_device_is_not_the_renderers(head: MorphableModel, size: int) -> None:
    identity, labels = torch.zeros(1, head.identity_size), torch.zeros(1, 3)
    with torch.device("meta"):
        renderer = Renderer(head, RenderSettings(size=size, samples_per_axis=1))
        leaf = identity.clone().requires_grad_()
        person, view = renderer.people(leaf), renderer.view(labels)
        picture = renderer.render(person, view)
        (gradient,) = torch.autograd.grad(picture.square().mean(), leaf)
        told = vars(GroundTruth(renderer)(person, view))
    assert {one.device.type for one in (picture, gradient, *told.values())} == {"cpu"}


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
        # Without gradients by other kernels, people shared and put together.
        drawn = renderer.images(labels.numpy().repeat(2, 0), identity.numpy().repeat(2, 0))
        depth = GroundTruth(renderer)(renderer.people(leaf), renderer.view(labels.to(device))).depth
        results.append((pictures.detach().cpu(), gradient.cpu(), drawn, depth.cpu()))
    (image, gradient, drawn, depth), (other_image, other_gradient, others, other_depth) = results
    assert ((image - other_image).abs() < 1 / 255).float().mean() > 0.999
    assert (np.abs(drawn.astype(int) - others) <= 1).mean() > 0.999
    assert ((depth - other_depth).abs() < 0.1).float().mean() > 0.999
    assert (gradient - other_gradient).norm() < 0.01 * gradient.norm()


def test_a_picture_moves_little_memory_on_a_gpu(
    head: MorphableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted on tensors without data, our own kernels left out: what a GPU's speed follows from.

    An H200's memory moves 4,800 GB/s, so 47 MB an image take it 10 microseconds; of 1,350 launches
    of 4 microseconds, 256 images at a time pay 21 each. See docs/results.md.
    """

    def no_pixels(layers: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        return layers.new_empty(len(layers), 150, 150, 1)

    def no_shadows(receivers: torch.Tensor, *_: object) -> torch.Tensor:
        return receivers.new_empty(receivers.shape[:2])

    for module in (render, shadow):
        monkeypatch.setattr(module, "rasterize", no_faces)
    monkeypatch.setattr(render, "composite", no_pixels)
    monkeypatch.setattr(plain, "visibility", no_shadows)
    renderer = Renderer(head, RenderSettings(size=150)).to("meta")
    scenes = gpu_rate.Scenes(renderer, 256)
    scenes.draw()
    with gpu_rate.Traffic(torch.device("meta")) as traffic:
        scenes.draw()
    assert traffic.operations < 1400
    assert traffic.bytes / 256 < 50e6
