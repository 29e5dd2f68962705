"""The rasterizer for CUDA devices, in Triton: every face of every picture of a batch in one launch.

A program draws _FACES faces of one picture, a lane each, one sample of their boxes after the other.
Samples hold the keys of backends/numba.py, raised by atomic maxima: in whatever order, the same.
Nothing here waits for the device. Products are rounded before they are added, and divisions as IEEE
754 has them, as on the CPU. Under TRITON_INTERPRET=1 it runs on the CPU, for tests.
"""

import os

import torch
import triton
import triton.language as tl
from torch import Tensor

from facegen.raster.contract import GUARD, SUBSAMPLES, Fragments
from facegen.raster.cuda import there

_FACES = 32
"""A warp's: all lanes wait for the one with the largest box."""
_SAMPLES = 256


def rasterize(screen: Tensor, faces: Tensor, height: int, width: int, *, cull: bool) -> Fragments:
    """See facegen.raster.contract.rasterize."""
    if screen.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ValueError(f"rasterizer 'triton' runs on CUDA devices, not on {screen.device}")
    keys = torch.zeros((len(screen), height, width), dtype=torch.int64, device=screen.device)
    face_id = torch.full_like(keys, -1, dtype=torch.int32)
    depth = torch.full_like(keys, torch.inf, dtype=torch.float32)
    if len(screen) and len(faces):
        grid, inverse_depth = _snap(screen)
        with there(screen.device):
            _draw[(triton.cdiv(len(faces), _FACES), len(screen))](
                grid,
                inverse_depth,
                faces.contiguous(),
                keys,
                len(faces),
                screen.shape[1],
                height,
                width,
                cull=cull,
                subsamples=SUBSAMPLES,
                shift=SUBSAMPLES.bit_length() - 1,
                lanes=_FACES,
                enable_fp_fusion=False,
                num_warps=1,
            )
            _unpack[(triton.cdiv(keys.numel(), _SAMPLES),)](
                keys, face_id, depth, keys.numel(), lanes=_SAMPLES, enable_fp_fusion=False
            )
    return Fragments(face_id, depth)


def _snap(screen: Tensor) -> tuple[Tensor, Tensor]:
    """Vertices on the fixed-point grid (batch, vertex, 2) and their 1 / z, 0 where unusable."""
    place, inverse = screen[..., :2], 1 / screen[..., 2]
    usable = place.isfinite().all(dim=-1) & (inverse > 0) & (inverse < torch.inf)
    place = torch.where(usable[..., None], place, 0).clamp(-GUARD, GUARD)
    grid = (place * SUBSAMPLES).round().int()
    return grid.contiguous(), torch.where(usable, inverse, 0).contiguous()


@triton.jit
def _edge(ax, ay, bx, by, x, y):  # type: ignore[no-untyped-def]
    """Twice the area of (a, b, point), in steps of the grid, squared."""
    return (by - ay) * (x - ax) - (bx - ax) * (y - ay)


@triton.jit
def _least(ax, ay, bx, by):  # type: ignore[no-untyped-def]
    """The least edge function that is inside: 0 on a left or top edge, else 1."""
    return tl.where((by > ay) | ((by == ay) & (bx < ax)), 0, 1)


@triton.jit  # type: ignore[untyped-decorator]
def _draw(  # type: ignore[no-untyped-def]
    grid,
    inverse_depth,
    faces,
    keys,
    face_count,
    vertex_count,
    height,
    width,
    cull: tl.constexpr,
    subsamples: tl.constexpr,
    shift: tl.constexpr,
    lanes: tl.constexpr,
):
    """Raise the keys (batch, height, width) of the samples that each face covers."""
    face = tl.program_id(0) * lanes + tl.arange(0, lanes)
    picture = tl.program_id(1).to(tl.int64)
    there = face < face_count
    first = picture * vertex_count
    a = first + tl.load(faces + 3 * face, mask=there, other=0)
    b = first + tl.load(faces + 3 * face + 1, mask=there, other=0)
    c = first + tl.load(faces + 3 * face + 2, mask=there, other=0)
    ax, ay = tl.load(grid + 2 * a).to(tl.int64), tl.load(grid + 2 * a + 1).to(tl.int64)
    bx, by = tl.load(grid + 2 * b).to(tl.int64), tl.load(grid + 2 * b + 1).to(tl.int64)
    cx, cy = tl.load(grid + 2 * c).to(tl.int64), tl.load(grid + 2 * c + 1).to(tl.int64)
    za, zb, zc = tl.load(inverse_depth + a), tl.load(inverse_depth + b), tl.load(inverse_depth + c)
    area = _edge(bx, by, cx, cy, ax, ay)
    # A face seen from behind turns round, by exchanging two of its vertices.
    behind = area < 0
    bx, cx = tl.where(behind, cx, bx), tl.where(behind, bx, cx)
    by, cy = tl.where(behind, cy, by), tl.where(behind, by, cy)
    zb, zc = tl.where(behind, zc, zb), tl.where(behind, zb, zc)
    if cull:
        there &= area > 0
    else:
        there &= area != 0
    there &= (za > 0) & (zb > 0) & (zc > 0)
    scale = tl.div_rn(1.0, tl.abs(area).to(tl.float32))
    za, zb, zc = za * scale, zb * scale, zc * scale
    half: tl.constexpr = subsamples // 2
    # The samples whose centres lie in the face's box.
    left = tl.minimum(tl.minimum(ax, bx), cx) + half - 1
    right = tl.maximum(tl.maximum(ax, bx), cx) + half
    top = tl.minimum(tl.minimum(ay, by), cy) + half - 1
    bottom = tl.maximum(tl.maximum(ay, by), cy) + half
    left, right = tl.maximum(left >> shift, 0), tl.minimum(right >> shift, width)
    top, bottom = tl.maximum(top >> shift, 0), tl.minimum(bottom >> shift, height)
    across, down = tl.maximum(right - left, 0), tl.maximum(bottom - top, 0)
    samples = tl.where(there, across * down, 0)
    across = tl.maximum(across, 1)
    least_a = _least(bx, by, cx, cy)
    least_b = _least(cx, cy, ax, ay)
    least_c = _least(ax, ay, bx, by)
    key_of_face = 0xFFFFFFFF - face.to(tl.int64)
    place = keys + (picture * height + top) * width + left
    x, y = left * subsamples + half, top * subsamples + half
    ea = _edge(bx, by, cx, cy, x, y)
    eb = _edge(cx, cy, ax, ay, x, y)
    ec = _edge(ax, ay, bx, by, x, y)
    right_a, right_b, right_c = (
        (cy - by) * subsamples,
        (ay - cy) * subsamples,
        (by - ay) * subsamples,
    )
    # From the last sample of a row of the box to the first of the next.
    back = across - 1
    next_a = (bx - cx) * subsamples - back * right_a
    next_b = (cx - ax) * subsamples - back * right_b
    next_c = (ax - bx) * subsamples - back * right_c
    column = tl.zeros_like(across)
    for sample in range(tl.max(samples)):
        inverse = ea.to(tl.float32) * za + eb.to(tl.float32) * zb + ec.to(tl.float32) * zc
        covered = (sample < samples) & (ea >= least_a) & (eb >= least_b) & (ec >= least_c)
        key = (inverse.to(tl.int32, bitcast=True).to(tl.int64) << 32) | key_of_face
        tl.atomic_max(place, key, mask=covered, sem="relaxed")
        is_last = column == back
        column = tl.where(is_last, 0, column + 1)
        place += tl.where(is_last, width - back, 1)
        ea += tl.where(is_last, next_a, right_a)
        eb += tl.where(is_last, next_b, right_b)
        ec += tl.where(is_last, next_c, right_c)


@triton.jit  # type: ignore[untyped-decorator]
def _unpack(  # type: ignore[no-untyped-def]
    keys, face_id, depth, samples, lanes: tl.constexpr
):
    """Which face a sample sees, and how far away it is, where it sees one."""
    sample = tl.program_id(0).to(tl.int64) * lanes + tl.arange(0, lanes)
    key = tl.load(keys + sample, mask=sample < samples, other=0)
    nearness = (key >> 32).to(tl.int32).to(tl.float32, bitcast=True)
    tl.store(face_id + sample, (0xFFFFFFFF - (key & 0xFFFFFFFF)).to(tl.int32), mask=key != 0)
    tl.store(depth + sample, tl.div_rn(1.0, nearness), mask=key != 0)
