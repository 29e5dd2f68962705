"""Triton's kernels for CUDA devices: on one, or in the interpreter; and what its compiler says."""

import importlib.util
import os
import subprocess
import sys

import pytest
import torch
from balls import lit_balls, scene

from facegen import shadow
from facegen.raster import Fragments, composite, plain, rasterize

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed"
)
GPU = "cuda" if torch.cuda.is_available() else "cpu"
"""Where Triton's kernels run: without a GPU, in its interpreter on the CPU."""


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
    assert result.stdout.split() == ["_draw", "_unpack", "_composite", "_composite", "_visibility"]


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from facegen.raster import cuda
from facegen.raster.backends.triton import _draw, _unpack

POINTERS = {"grid": "*i32", "faces": "*i32", "keys": "*i64", "face_id": "*i32"}
POINTERS |= dict.fromkeys(
    ["inverse_depth", "layers", "screen", "background", "pixels", "receivers", "slopes", "depth",
     "share"], "*fp32",
)
for kernel, fixed in (
    (_draw, {"cull": True, "subsamples": 256, "shift": 8, "lanes": 32}),
    (_unpack, {"lanes": 256}),
    (cuda._composite, {"side": 2, "channels": 1, "lanes": 128}),
    (cuda._composite, {"side": 2, "channels": 3, "lanes": 128}),
    (cuda._visibility, {"lanes": 128}),
):
    kinds = {
        name: "constexpr" if name in fixed else POINTERS.get(name, "i32")
        for name in kernel.arg_names
    }
    options = {"num_warps": 1, "enable_fp_fusion": False} if kernel is _draw else {}
    source = ASTSource(kernel, kinds, fixed)
    triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    print(kernel.__name__)
"""
