"""Compiled kernel: the edges that occlude something, where they cross the lines of samples.

The lines are rows (along = 0) and columns (along = 1); u runs along them and v across them. For
single and double precision.

An edge is named by the half of it that belongs to the face which ends there: 3 * face + i + 1 is
opposite corner i, and 0 is none.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facegen.raster.jit import kernel, leaf, parallel_kernel, prange

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int32]
Faces = NDArray[np.uint32]

_LONGEST_WALK = 64
"""Faces between an edge and the sample beside it; more are met only where faces are far smaller."""


class _Edge(NamedTuple):
    """The end of a face that looks at the viewer, and the lines that cross it.

    a, b: its ends, as the lines come. first, last: the first line, and the one after the last.
    sign: 1 if the face lies before the edge along a line, -1 if after.
    """

    a: int
    b: int
    along: int
    first: int
    last: int
    sign: int


@parallel_kernel
def occluders(
    screen: Floats,
    faces: Faces,
    neighbours: Ids,
    face_id: Ids,
    depth: NDArray[np.float32],
    found: Ids,
    outer: Ids,
) -> None:
    """Fill found and outer (batch, 2, height, width): what occludes between two samples, or 0.

    The arguments before are as in follow_silhouettes; see occlude.
    """
    for n in prange(len(screen)):
        crossings = np.empty(found[n].size, dtype=np.int32)
        occlude(screen[n], faces, neighbours, face_id[n], depth[n], found[n], outer[n], crossings)


@kernel
def occlude(
    screen: Floats, faces: Faces, neighbours: Ids, face_id: Ids, depth: NDArray[np.float32],
    found: Ids, outer: Ids, crossings: Ids,
) -> int:  # fmt: skip
    """Fill found and outer (2, height, width) of one picture: what occludes between two samples.

    Between sample (row, column) and the next one along its row (along = 0) or column (1), the
    surface that the first one sees ends at the edge of the name found[along, row, column]; or, if
    that is negative, the one that the next one sees at the edge -found[along, row, column]. Where a
    surface folds within a sample, the outermost of its edges is meant: the others hide nothing.
    outer is the same, but where another surface looks out from behind that one by less than a
    sample, as one hump behind another, it is that surface's edge.
    crossings: is given the flat indices of all places where found is not 0, and has room for those
    of all places; returns their number.
    """
    is_front = np.empty(len(faces), dtype=np.bool_)
    _find_fronts(screen, faces, is_front)
    return _occlude(screen, faces, neighbours, face_id, depth, is_front, found, outer, crossings)


@leaf
def _occlude(
    screen: Floats, faces: Faces, neighbours: Ids, face_id: Ids, depth: NDArray[np.float32],
    is_front: NDArray[np.bool_], found: Ids, outer: Ids, crossings: Ids,
) -> int:  # fmt: skip
    """Fill found, outer and crossings as occlude says."""
    found[:] = 0
    outer[:] = 0
    touched, many = 0, 0
    rows, columns = face_id.shape
    for face in range(len(faces)):
        if not is_front[face]:
            continue
        for corner in range(3):
            other = neighbours[face, corner]
            if other >= 0 and is_front[other]:
                continue
            name = 3 * face + corner + 1
            for along in range(2):
                edge = _edge(along, name, screen, faces, face_id.shape[along])
                for line in range(edge.first, edge.last):
                    first = _crossing(line, edge, screen, depth)
                    if first < 0:
                        continue
                    row, column = (line, first) if along == 0 else (first, line)
                    inside = 0 if edge.sign > 0 else 1
                    is_reached = _reaches(
                        face, row + inside * along, column + inside * (1 - along),
                        screen, faces, neighbours, face_id, is_front,
                    )  # fmt: skip
                    named = edge.sign * name
                    if found[along, row, column] == 0 and outer[along, row, column] == 0:
                        crossings[touched] = (along * rows + row) * columns + column
                        touched += 1
                    gaps = found if is_reached else outer
                    if _is_outer(named, gaps[along, row, column], line, along, faces, screen):
                        gaps[along, row, column] = named
    # Until here, outer holds edges of surfaces that no sample sees.
    for place in crossings[:touched]:
        along, row, column = locate(place, rows, columns)
        named, known = outer[along, row, column], found[along, row, column]
        line = row if along == 0 else column
        is_outer = named * known > 0 and _is_outer(named, known, line, along, faces, screen)
        outer[along, row, column] = named if is_outer else known
        crossings[many] = place
        many += known != 0
    return many


@leaf
def locate(place: int, rows: int, columns: int) -> tuple[int, int, int]:
    """Flat indices into found and outer: along, row, column."""
    return place // (rows * columns), place // columns % rows, place % columns


@leaf
def ends(name: int, faces: Faces) -> tuple[int, int]:
    """The vertices of an edge, whichever sign its name has."""
    half = np.uint64(abs(name) - 1)
    face, corner = half // np.uint64(3), half % np.uint64(3)
    after = np.uint64(0) if corner == 2 else corner + np.uint64(1)
    return faces[face, after], faces[face, np.uint64(3) - corner - after]


@leaf
def _is_outer(named: int, known: int, line: int, along: int, faces: Faces, screen: Floats) -> bool:
    """Whether an edge, named as in found, lies no less far out than the one that is known."""
    if named * known <= 0:
        return True
    place = _place(line, along, ends(named, faces), screen)[1]
    known_place = _place(line, along, ends(known, faces), screen)[1]
    return bool((place - known_place) * named >= 0)


@leaf
def _find_fronts(screen: Floats, faces: Faces, is_front: NDArray[np.bool_]) -> None:
    """Fill in whether each face looks at the viewer."""
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        area = _edge_function(screen, b, c, screen[a, 0], screen[a, 1])
        is_front[face] = (area > 0) & (min(screen[a, 2], screen[b, 2], screen[c, 2]) > 0)


@leaf
def _edge(along: int, name: int, screen: Floats, faces: Faces, lines: int) -> _Edge:
    number = screen.dtype.type
    half = number(0.5)
    across = 1 - along
    face, corner = np.uint64(name - 1) // np.uint64(3), np.uint64(name - 1) % np.uint64(3)
    (a, b), c = ends(name, faces), faces[face, corner]
    if screen[a, across] > screen[b, across]:
        a, b = b, a
    au, av = screen[a, along], screen[a, across]
    du, dv = screen[b, along] - au, screen[b, across] - av
    # A line through a vertex belongs to the edge that begins there.
    first = np.ceil(max(av - half, number(0)))
    last = np.ceil(min(screen[b, across] - half, number(lines)))
    if not (first < last and abs(au) < 1e6 and abs(du) < 1e6):
        return _Edge(int(a), int(b), along, 0, 0, 0)
    lean = screen[c, along] - au - du * ((screen[c, across] - av) / dv)
    return _Edge(int(a), int(b), along, int(first), int(last), 1 if lean < 0 else -1)


@leaf
def _place(line: int, along: int, edge: tuple[int, int], screen: Floats) -> tuple[float, float]:
    """Where an edge crosses a line: share of the way from a to b, and u."""
    across, number = 1 - along, screen.dtype.type
    start, stop = screen[edge[0]], screen[edge[1]]
    t = (number(line) + number(0.5) - start[across]) / (stop[across] - start[across])
    return t, start[along] + t * (stop[along] - start[along])


@leaf
def _crossing(line: int, edge: _Edge, screen: Floats, depth: NDArray[np.float32]) -> int:
    """The first of the samples beside an edge on a line.

    -1 if the edge crosses the line beyond the samples, or nothing lies behind it.
    """
    number, across = screen.dtype.type, 1 - edge.along
    t, place = _place(line, edge.along, (edge.a, edge.b), screen)
    before = int(np.floor(place - number(0.5)))
    if before < 0 or before + 1 >= depth.shape[across]:
        return -1
    outside = before + 1 if edge.sign > 0 else before
    row, column = (line, outside) if edge.along == 0 else (outside, line)
    inverse_depth = (number(1) - t) / screen[edge.a, 2] + t / screen[edge.b, 2]
    return before if depth[row, column] * inverse_depth > number(1) else -1


@leaf
def _reaches(
    face: int, row: int, column: int, screen: Floats, faces: Faces, neighbours: Ids,
    face_id: Ids, is_front: NDArray[np.bool_],
) -> bool:  # fmt: skip
    """Whether walking over the surface from a face to a sample's centre leads to what it sees."""
    seen, number = face_id[row, column], screen.dtype.type
    x, y = number(column) + number(0.5), number(row) + number(0.5)
    for _ in range(_LONGEST_WALK):
        if seen == face:
            return True
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ea = _edge_function(screen, b, c, x, y)
        eb = _edge_function(screen, c, a, x, y)
        ec = _edge_function(screen, a, b, x, y)
        least = min(ea, eb, ec)
        if least >= 0:
            # The rasterizer rounds vertices: a sample that lies on an edge may be the next face's.
            one, other, third = neighbours[face]
            return bool(seen >= 0 and (one == seen or other == seen or third == seen))
        face = neighbours[face, 0 if least == ea else (1 if least == eb else 2)]
        if face < 0 or not is_front[face]:
            return False
    return False


@leaf
def _edge_function(screen: Floats, tail: int, head: int, x: float, y: float) -> float:
    """Twice the area of (tail, head, point), positive inside a face that looks at the viewer."""
    tx, ty = screen[tail, 0], screen[tail, 1]
    area: float = (screen[head, 1] - ty) * (x - tx) - (screen[head, 0] - tx) * (y - ty)
    return area
