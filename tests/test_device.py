"""Off the CPU: plain forms of compiled kernels, and the whole way from coefficients and back."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from facegen import gpu_rate, render, shadow, truth
from facegen.device import move
from facegen.geometry import VertexNormals, direction
from facegen.morphable import MorphableModel
from facegen.raster import Fragments, composite, interpolate, plain, rasterize, resolve
from facegen.render import Renderer, RenderSettings
from facegen.subjects import bumpy_spheres
from facegen.truth import GroundTruth

SETTINGS = RenderSettings(size=32)

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed"
)
GPU = "cuda" if torch.cuda.is_available() else "cpu"
"""Where Triton's kernels run: without a GPU, in its interpreter on the CPU."""


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


@needs_triton
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shared", ["nothing", "place", "layers"])
def test_fused_pixels_equal_the_compiled(shared: str, channels: int) -> None:
    from facegen.raster import cuda

    screen, faces, fragments = scene()
    generator = torch.Generator().manual_seed(0)
    layers = torch.randn(2, screen.shape[1], 2 * channels + 1, generator=generator)
    background = torch.rand(2, channels, generator=generator)
    if shared == "place":
        fragments = Fragments(fragments.face_id[:1], fragments.depth[:1])
        screen, background = screen[:1], background[:1]
    if shared == "layers":
        layers = layers[:1]
    expected = composite(layers, screen, faces, fragments, background, 2)
    inputs = (layers, screen, faces, fragments.face_id, background)
    pixels = cuda.composite(*(tensor.to(GPU) for tensor in inputs), 2)
    torch.testing.assert_close(pixels.cpu(), expected, atol=1e-5, rtol=0)


def lit_balls() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A small ball before a large one, whose middle it shades: vertices, normals, faces, light."""
    spheres, faces = bumpy_spheres(3000, count=1)
    large = torch.from_numpy(spheres).mT
    small = 0.3 * large + torch.tensor([0.0, 0.0, 150.0])[:, None]
    vertices = torch.cat([large, small], dim=2)
    triangles = torch.from_numpy(faces)
    triangles = torch.cat([triangles, triangles + large.shape[2]])
    normals = VertexNormals(triangles, vertices.shape[2])(vertices)
    light = direction(torch.tensor([5.0, -20.0]), torch.tensor([10.0, 0.0]))
    return vertices, normals, triangles, light


@needs_triton
def test_fused_shadows_equal_the_plain() -> None:
    from facegen.raster import cuda

    vertices, normals, faces, light = lit_balls()
    seen, look = shadow.from_light(vertices, light)
    depth = rasterize(seen, faces, shadow.SAMPLES, shadow.SAMPLES).depth
    receivers, slopes = shadow.receive(seen, look @ normals)
    # Some of them beyond the map.
    inputs = (receivers + torch.tensor([60.0, 0.0, 0.0]), slopes, depth)
    expected = plain.visibility(*inputs)
    assert (expected < 0.5).any() and (expected == 1).any()
    share = cuda.visibility(*(tensor.to(GPU) for tensor in inputs)).cpu()
    assert ((share - expected).abs() < 1e-4).float().mean() > 0.999


@needs_triton
def test_kernels_compile_for_a_gpu() -> None:
    """For an H200, whether there is one or not: Triton's interpreter takes what it cannot."""
    options = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    result = subprocess.run(
        [sys.executable, "-c", COMPILE], env=options, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["_draw", "_composite", "_composite", "_visibility"]


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from facegen.raster import cuda
from facegen.raster.backends.triton import _draw

POINTERS = {"grid": "*i32", "faces": "*i32", "keys": "*i64", "face_id": "*i32"}
POINTERS |= dict.fromkeys(
    ["inverse_depth", "layers", "screen", "background", "pixels", "receivers", "slopes", "depth",
     "share"], "*fp32",
)
for kernel, fixed in (
    (_draw, {"cull": True, "subsamples": 256, "shift": 8, "lanes": 32}),
    (cuda._composite, {"side": 2, "channels": 1, "lanes": 128}),
    (cuda._composite, {"side": 2, "channels": 3, "lanes": 128}),
    (cuda._visibility, {"lanes": 128}),
):
    kinds = {
        name: "constexpr" if name in fixed else POINTERS.get(name, "i32")
        for name in kernel.arg_names
    }
    triton.compile(ASTSource(kernel, kinds, fixed), target=GPUTarget("cuda", 90, 32))
    print(kernel.__name__)
"""


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
            for rows, people, view in renderer._scenes(everyone, which, views)
        ]
        assert np.concatenate([rows for rows, _, _ in drawn]).tolist() == list(range(300))
        assert all(len(rows) == people == view for rows, people, view in drawn)
        assert max(len(rows) for rows, _, _ in drawn) == most


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

    An H200's memory moves 4,800 GB/s, so 60 MB an image take it 13 microseconds; of 1,500 launches
    of 5 microseconds, 256 images at a time pay 29 each. See docs/results.md.
    """

    def no_pixels(layers: torch.Tensor, *_: object) -> torch.Tensor:
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
    assert traffic.operations < 1500
    assert traffic.bytes / 256 < 60e6
