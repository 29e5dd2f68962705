"""Compiled kernels behind follow_silhouettes, for single and double precision."""

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import kernel, parallel_kernel, prange

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int32]

_LONGEST_WALK = 64
"""Faces between an edge and the sample beside it; more are met only where faces are far smaller."""


@parallel_kernel
def sweep(
    screen: Floats,
    faces: NDArray[np.uint32],
    edges: Ids,
    neighbours: Ids,
    face_id: Ids,
    depth: NDArray[np.float32],
    samples: Floats,
    background: Floats,
    by_pixels: Floats,
    by_screen: Floats,
) -> None:
    """Add the gradient by screen (batch, vertex, 3); the others are as in follow_silhouettes."""
    for n in prange(len(screen)):
        _sweep_image(
            screen[n],
            faces,
            edges,
            neighbours,
            face_id[n],
            depth[n],
            samples[n],
            background[n],
            by_pixels[n],
            by_screen[n],
        )


@kernel
def _sweep_image(
    screen: Floats,
    faces: NDArray[np.uint32],
    edges: Ids,
    neighbours: Ids,
    face_id: Ids,
    depth: NDArray[np.float32],
    samples: Floats,
    background: Floats,
    by_pixels: Floats,
    by_screen: Floats,
) -> None:
    is_front = np.empty(len(faces), dtype=np.bool_)
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        area = _edge_function(screen, b, c, screen[a, 0], screen[a, 1])
        is_front[face] = (area > 0) & (min(screen[a, 2], screen[b, 2], screen[c, 2]) > 0)
    for edge in range(len(edges)):
        face, other = edges[edge, 2], edges[edge, 3]
        other_is_front = other >= 0 and is_front[other]
        if is_front[face] == other_is_front:
            continue
        for along in range(2):
            _cross_lines(
                along,
                edges[edge, 0],
                edges[edge, 1],
                other if other_is_front else face,
                is_front,
                screen,
                faces,
                neighbours,
                face_id,
                depth,
                samples,
                background,
                by_pixels,
                by_screen,
            )


@kernel
def _cross_lines(
    along: int,
    a: int,
    b: int,
    face: int,
    is_front: NDArray[np.bool_],
    screen: Floats,
    faces: NDArray[np.uint32],
    neighbours: Ids,
    face_id: Ids,
    depth: NDArray[np.float32],
    samples: Floats,
    background: Floats,
    by_pixels: Floats,
    by_screen: Floats,
) -> None:
    """Add what moves where edge a b of a face crosses rows (along = 0) or columns (1) of samples.

    u runs along the lines and v across them.
    """
    number = screen.dtype.type
    half = number(0.5)
    across = 1 - along
    lines, places = (face_id.shape[0], face_id.shape[1])
    if along == 1:
        lines, places = places, lines
    if screen[a, across] > screen[b, across]:
        a, b = b, a
    au, av = screen[a, along], screen[a, across]
    du, dv = screen[b, along] - au, screen[b, across] - av
    # A line through a vertex belongs to the edge that begins there.
    first = np.ceil(max(av - half, number(0)))
    last = np.ceil(min(screen[b, across] - half, number(lines)))
    if not (first < last and abs(au) < 1e6 and abs(du) < 1e6):
        return
    corner = _third(faces, face, a, b)
    lean = screen[corner, along] - au - du * ((screen[corner, across] - av) / dv)
    weight = dv * dv / (du * du + dv * dv)
    side = face_id.shape[0] // by_pixels.shape[0]
    scale = number(1) / number(side * side)
    for line in range(int(first), int(last)):
        t = (number(line) + half - av) / dv
        place = au + t * du
        before = int(np.floor(place - half))
        if before < 0 or before + 1 >= places:
            continue
        inside, outside = (before, before + 1) if lean < 0 else (before + 1, before)
        row, column = (line, inside) if along == 0 else (inside, line)
        other_row, other_column = (line, outside) if along == 0 else (outside, line)
        inverse_depth = (number(1) - t) / screen[a, 2] + t / screen[b, 2]
        if depth[other_row, other_column] * inverse_depth <= number(1):
            continue
        if not _reaches(face, row, column, is_front, screen, faces, neighbours, face_id):
            continue
        middle = int(place) // side
        pixel_row, pixel_column = (line // side, middle) if along == 0 else (middle, line // side)
        is_empty = face_id[other_row, other_column] < 0
        gain = number(0)
        for k in range(samples.shape[2]):
            behind = samples[other_row, other_column, k]
            if is_empty:
                behind = background[pixel_row, pixel_column, k]
            change = samples[row, column, k] - behind
            gain += by_pixels[pixel_row, pixel_column, k] * change
        # The edge's place grows into what lies after it: that is the outside if the face is before.
        gain *= scale * weight * (number(1) if lean < 0 else number(-1))
        by_screen[a, along] += gain * (number(1) - t)
        by_screen[b, along] += gain * t
        slope = du / dv
        by_screen[a, across] -= gain * slope * (number(1) - t)
        by_screen[b, across] -= gain * slope * t


@kernel
def _reaches(
    face: int,
    row: int,
    column: int,
    is_front: NDArray[np.bool_],
    screen: Floats,
    faces: NDArray[np.uint32],
    neighbours: Ids,
    face_id: Ids,
) -> bool:
    """Whether walking over the surface from a face to a sample's centre leads to what it sees."""
    number = screen.dtype.type
    x, y = number(column) + number(0.5), number(row) + number(0.5)
    for _ in range(_LONGEST_WALK):
        if face_id[row, column] == face:
            return True
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ea = _edge_function(screen, b, c, x, y)
        eb = _edge_function(screen, c, a, x, y)
        ec = _edge_function(screen, a, b, x, y)
        least = min(ea, eb, ec)
        if least >= 0:
            # The rasterizer rounds vertices: a sample that lies on an edge may be the next face's.
            for i in range(3):
                if neighbours[face, i] >= 0 and neighbours[face, i] == face_id[row, column]:
                    return True
            return False
        face = neighbours[face, 0 if least == ea else (1 if least == eb else 2)]
        if face < 0 or not is_front[face]:
            return False
    return False


@kernel
def _edge_function(screen: Floats, tail: int, head: int, x: float, y: float) -> float:
    """Twice the area of (tail, head, point), positive inside a face that looks at the viewer."""
    tx, ty = screen[tail, 0], screen[tail, 1]
    area: float = (screen[head, 1] - ty) * (x - tx) - (screen[head, 0] - tx) * (y - ty)
    return area


@kernel
def _third(faces: NDArray[np.uint32], face: int, a: int, b: int) -> int:
    """The corner of a face that is neither a nor b."""
    for i in range(3):
        if faces[face, i] != a and faces[face, i] != b:
            return int(faces[face, i])
    return int(faces[face, 0])
