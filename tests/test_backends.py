"""One contract for all rasterizers: each one installed, against the reference, on a closed mesh.

What was rounded otherwise may fall to the neighbour where a sample lies on an edge; hence the
shares. numba and triton must cover exactly the same samples besides: see tests/test_raster.py.
"""

import importlib.util

import pytest
import torch
from torch import Tensor
from triangles import drawn

from facegen.raster import Fragments, backend_names, interpolate, rasterize, resolve
from facegen.subjects import bumpy_spheres

HEIGHT, WIDTH = 52, 40
NEEDS = {"triton": "triton", "pytorch3d": "pytorch3d"}

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")


@pytest.fixture(params=[name for name in backend_names() if name != "reference"])
def backend(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    return name


def balls() -> tuple[Tensor, Tensor, Tensor]:
    """Two bumpy balls (2, vertex, 3) on the screen, their faces, and a gray value per vertex."""
    spheres, faces = bumpy_spheres(1200, count=2)
    x, y, z = torch.from_numpy(spheres).unbind(-1)
    depth = 500 - z
    screen = torch.stack([20 + 80 * x / depth, 26 - 80 * y / depth, depth], dim=-1)
    return screen, torch.from_numpy(faces), (0.5 + z / 300)[..., None]


def differing(ours: Fragments, reference: Fragments) -> float:
    return float((ours.face_id != reference.face_id).float().mean())


@pytest.mark.parametrize("cull", [True, False])
def test_faces_and_depth(backend: str, cull: bool) -> None:
    screen, faces, _ = balls()
    if not cull:
        faces = faces[: len(faces) // 2]
    reference = rasterize(screen, faces, HEIGHT, WIDTH, cull=cull, backend="reference")
    ours = drawn(backend, screen, faces, HEIGHT, WIDTH, cull=cull)
    assert 0.2 < (reference.face_id >= 0).float().mean() < 0.9
    assert ours.face_id.dtype == torch.int32
    assert differing(ours, reference) < 1e-3
    same = ours.face_id == reference.face_id
    torch.testing.assert_close(ours.depth[same], reference.depth[same], rtol=1e-4, atol=0)


def test_images_and_gradients(backend: str) -> None:
    screen, faces, gray = balls()
    background = torch.ones(1)
    results = []
    for name in (backend, "reference"):
        inputs = [tensor.clone().requires_grad_() for tensor in (gray, screen)]
        fragments = drawn(name, inputs[1].detach(), faces, HEIGHT, WIDTH)
        samples = interpolate(*inputs, faces, fragments)
        pixels = resolve(samples, fragments, background, 2)
        results.append((pixels, *torch.autograd.grad(pixels.square().sum(), inputs)))
    (image, *gradients), (other, *others) = results
    assert ((image - other).abs() < 1 / 255).float().mean() > 0.999
    for gradient, expected in zip(gradients, others, strict=True):
        assert expected.norm() > 0
        assert (gradient - expected).norm() < 0.01 * expected.norm()


def test_gradients_by_finite_differences(backend: str) -> None:
    """The picture's change with the grays, and with the places of vertices inside the outline."""
    screen, faces, gray = (
        tensor.double() if tensor.is_floating_point() else tensor for tensor in balls()
    )
    fragments = drawn(backend, screen.float(), faces, HEIGHT, WIDTH)
    inputs = (gray.requires_grad_(), screen.requires_grad_())

    def loss(gray: Tensor, screen: Tensor) -> Tensor:
        return interpolate(gray, screen, faces, fragments).square().mean()

    slopes = torch.autograd.grad(loss(*inputs), inputs)
    generator = torch.Generator().manual_seed(0)
    for number, slope in enumerate(slopes):
        step = 1e-5 * torch.randn(slope.shape, generator=generator, dtype=torch.float64)
        ahead, behind = (
            loss(*(tensor + sign * step if i == number else tensor
                   for i, tensor in enumerate(inputs)))
            for sign in (1, -1)
        )  # fmt: skip
        torch.testing.assert_close(
            (slope * step).sum(), (ahead - behind) / 2, rtol=0.01, atol=1e-12
        )


@pytest.mark.parametrize("size", [(1, 7), (9, 12)])
@pytest.mark.parametrize("what", ["no faces", "no images", "unusable vertices"])
def test_little_or_nothing_to_draw(backend: str, size: tuple[int, int], what: str) -> None:
    screen, faces, _ = balls()
    if what == "no faces":
        faces = faces[:0]
    if what == "no images":
        screen = screen[:0]
    if what == "unusable vertices":
        screen[:, ::5, 2] = torch.nan
        screen[:, 1::5, 0] = torch.inf
        screen[:, 2::5, 2] *= -1
    ours = drawn(backend, screen, faces, *size)
    reference = rasterize(screen, faces, *size, backend="reference")
    assert ours.face_id.shape == (len(screen), *size)
    torch.testing.assert_close(ours.face_id, reference.face_id)
    torch.testing.assert_close(ours.depth, reference.depth, rtol=1e-4, atol=0)
