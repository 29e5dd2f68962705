"""What CUDA devices draw without gradients, in Triton: pixels, and soft shadows, in one pass each.

facegen.raster.plain does the same with gradients, by way of a hundred megabytes a picture. Products
are not rounded before they are added, so results differ from the CPU's in their last bits. Under
TRITON_INTERPRET=1 these run on the CPU, for tests.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
import triton
import triton.language as tl
from torch import Tensor

_LANES = 128


def composite(
    layers: Tensor, screen: Tensor, faces: Tensor, face_id: Tensor, background: Tensor, side: int
) -> Tensor:
    """See facegen.raster.composite.composite; of side x side samples a pixel.

    background: (batch or 1, channel), like all but faces.
    """
    batch, channels = max(len(layers), len(screen)), layers.shape[2] // 2
    height, width = (samples // side for samples in face_id.shape[1:])
    pixels = layers.new_empty((batch, height, width, channels))
    planes = [plane.contiguous() for plane in (face_id, layers, screen, background)]
    with there(pixels.device):
        _composite[(triton.cdiv(height * width, _LANES), batch, channels)](
            *planes,
            # What there is one of stands for all.
            *(plane[0].numel() if len(plane) > 1 else 0 for plane in planes),
            faces.contiguous(),
            pixels,
            height,
            width,
            side=side,
            channels=channels,
            lanes=_LANES,
            enable_fp_fusion=True,
        )
    return pixels


def visibility(receivers: Tensor, slopes: Tensor, depth: Tensor) -> Tensor:
    """See facegen.raster.plain.visibility."""
    batch, vertices = receivers.shape[:2]
    share = receivers.new_empty((batch, vertices))
    with there(share.device):
        _visibility[(triton.cdiv(vertices, _LANES), batch)](
            receivers.contiguous(),
            slopes.contiguous(),
            depth.contiguous(),
            share,
            vertices,
            depth.shape[1],
            depth.shape[2],
            lanes=_LANES,
            enable_fp_fusion=True,
        )
    return share


def there(device: torch.device) -> AbstractContextManager[object]:
    """Triton launches on the current device, wherever the tensors are."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@triton.jit  # type: ignore[untyped-decorator]
def _composite(  # type: ignore[no-untyped-def]
    face_id,
    layers,
    screen,
    background,
    next_face_id,
    next_layers,
    next_screen,
    next_background,
    faces,
    pixels,
    height,
    width,
    side: tl.constexpr,
    channels: tl.constexpr,
    lanes: tl.constexpr,
):
    """One channel of some pixels (batch, height, width, channel); next_...: a picture further."""
    pixel = tl.program_id(0) * lanes + tl.arange(0, lanes)
    picture, channel = tl.program_id(1).to(tl.int64), tl.program_id(2)
    there = pixel < height * width
    row, column = pixel // width, pixel % width
    face_id += picture * next_face_id
    layers += picture * next_layers
    screen += picture * next_screen
    ground = tl.load(background + picture * next_background + channel)
    total = tl.zeros([lanes], tl.float32)
    for sample in tl.static_range(side * side):
        i, j = row * side + sample // side, column * side + sample % side
        face = tl.load(face_id + i * (width * side) + j, mask=there, other=-1)
        seen = face >= 0
        a = tl.load(faces + 3 * face, mask=seen, other=0)
        b = tl.load(faces + 3 * face + 1, mask=seen, other=0)
        c = tl.load(faces + 3 * face + 2, mask=seen, other=0)
        x, y = j.to(tl.float32) + 0.5, i.to(tl.float32) + 0.5
        ax, ay, az = _corner(screen, a, x, y)
        bx, by, bz = _corner(screen, b, x, y)
        cx, cy, cz = _corner(screen, c, x, y)
        # As in facegen.raster.barycentric, but that faces are seen from outside.
        wa = tl.maximum(cx * by - bx * cy, 1e-20) * (bz * cz)
        wb = tl.maximum(ax * cy - cx * ay, 1e-20) * (cz * az)
        wc = tl.maximum(bx * ay - ax * by, 1e-20) * (az * bz)
        below, above, cover = wa - wa, wa - wa, wa - wa
        for corner in tl.static_range(3):
            v = a if corner == 0 else (b if corner == 1 else c)
            share = wa if corner == 0 else (wb if corner == 1 else wc)
            own = layers + v * (2 * channels + 1)
            below += share * tl.load(own + channel)
            above += share * tl.load(own + channels + channel)
            cover += share * tl.load(own + 2 * channels)
        scale = 1 / (wa + wb + wc)
        below, above, cover = below * scale, above * scale, cover * scale
        shown = below + tl.minimum(tl.maximum(cover, 0.0), 1.0) * (above - below)
        total += tl.where(seen, shown, ground)
    place = (picture * (height * width) + pixel) * channels + channel
    tl.store(pixels + place, total / (side * side), mask=there)


@triton.jit
def _corner(screen, vertex, x, y):  # type: ignore[no-untyped-def]
    """Where a vertex is, as seen from points of the screen, and its depth."""
    at = screen + 3 * vertex
    return tl.load(at) - x, tl.load(at + 1) - y, tl.load(at + 2)


@triton.jit  # type: ignore[untyped-decorator]
def _visibility(  # type: ignore[no-untyped-def]
    receivers, slopes, depth, share, vertices, height, width, lanes: tl.constexpr
):
    """Percentage-closer filtering over 3 x 3 bilinear taps, as in facegen.shadow."""
    vertex = tl.program_id(0) * lanes + tl.arange(0, lanes)
    picture = tl.program_id(1).to(tl.int64)
    there = vertex < vertices
    at = picture * vertices + vertex
    x = tl.load(receivers + 3 * at, mask=there, other=0.0) - 0.5
    y = tl.load(receivers + 3 * at + 1, mask=there, other=0.0) - 0.5
    z = tl.load(receivers + 3 * at + 2, mask=there, other=0.0)
    right = tl.load(slopes + 2 * at, mask=there, other=0.0)
    down = tl.load(slopes + 2 * at + 1, mask=there, other=0.0)
    column, row = tl.floor(x), tl.floor(y)
    inside = there & (column >= 1) & (row >= 1) & (column <= width - 3) & (row <= height - 3)
    fx, fy = x - column, y - row
    # At the first of the taps.
    z -= (1 + fx) * right + (1 + fy) * down
    first = tl.where(inside, (row - 1).to(tl.int32) * width + (column - 1).to(tl.int32), 0)
    depth += picture * (height * width)
    total = tl.zeros([lanes], tl.float32)
    for i in tl.static_range(4):
        high = 1 - fy if i == 0 else (fy if i == 3 else 1.0)
        for j in tl.static_range(4):
            wide = 1 - fx if j == 0 else (fx if j == 3 else 1.0)
            near = tl.load(depth + first + i * width + j, mask=inside, other=0.0)
            total += tl.where(z + i * down + j * right <= near, high * wide, 0.0)
    tl.store(share + at, tl.where(inside, total / 9, 1.0), mask=there)
