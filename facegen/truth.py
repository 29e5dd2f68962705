"""Ground truth beside a picture: landmarks, depth, normals, albedo, parts and the foreground."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facegen import landmarks
from facegen.anatomy import Anatomy
from facegen.device import exactly, move
from facegen.geometry import project
from facegen.people import People
from facegen.raster import Fragments, interpolate, mix, rasterize
from facegen.render import FINE, Renderer
from facegen.skin import below_collar
from facegen.truth_columns import PARTS
from facegen.view import View

_HIDES = 0.3
"""Hair, brows and beard are where they hide more than this share of the skin."""

_IRIS, _PUPIL = 23.3, 8.7
"""Degrees from an eye's line of sight, as facegen.skin paints them."""

# Height of the border of head and neck, mm above the eyes, by the angle around the head: along the
# jaw's landmarks, below the ear, and across the nape.
_JAW_ANGLE = (0.0, 11.0, 24.0, 40.0, 60.0, 71.0, 79.0, 100.0, 180.0)
_JAW_HEIGHT = (-106.0, -103.5, -98.0, -91.0, -79.0, -64.0, -48.0, -48.0, -72.0)

_SIGHT_SAMPLES = 512
"""Samples a side of the depth map by which landmarks are judged: no matter the picture's size."""

_SIGHT_MM = 4.0
"""A landmark is hidden by what lies further than this in front of it."""


@dataclass(frozen=True)
class Truth:
    """What is known about a batch of pictures; pixels are judged at their centres.

    landmarks (batch, 68, 2): x to the right and y down in pixels, (0, 0) being the picture's top
        left corner; see facegen.landmarks for their order. They lie on the outer surface, which
        hair and beard belong to.
    landmarks_visible (batch, 68): bool, inside the picture and hidden by nothing.
    depth (batch, height, width): mm along the camera's axis, 0 at the background.
    normals (batch, height, width, 3): unit vectors of the camera's frame, 0 at the background.
    albedo (batch, height, width, 3): linear reflectance 0..1 of R, G, B, 0 at the background.
    parts (batch, height, width): uint8, index into facegen.truth_columns.PARTS.
    mask (batch, height, width): the share of each pixel that is not background, 0..1.
    intrinsics (batch, 3, 3), extrinsics (batch, 3, 4): the camera as OpenCV has it, x right, y
        down, z away: K [R t] takes the head frame's mm to pixels times depth.
    """

    landmarks: Tensor
    landmarks_visible: Tensor
    depth: Tensor
    normals: Tensor
    albedo: Tensor
    parts: Tensor
    mask: Tensor
    intrinsics: Tensor
    extrinsics: Tensor


class GroundTruth:
    """Tells the truth about what a renderer draws, where that one draws it."""

    def __init__(self, renderer: Renderer):
        """A renderer that stays on its device."""
        self._renderer = renderer
        model, anatomy = renderer.model, renderer.anatomy
        canonical = model.mean if model.canonical is None else model.canonical
        is_skin, mouth, sky = (
            plane[: len(canonical)].cpu().numpy()
            for plane in (anatomy.is_skin, anatomy.mouth, anatomy.occlusion)
        )
        is_outside = (is_skin > 0.5) & (mouth < 0.5)
        self._landmarks = landmarks.find(canonical, model.faces, is_outside, sky)
        move(self._landmarks, renderer.device)
        self._fields = _fields(anatomy)

    @property
    def device(self) -> torch.device:
        """Where the truth is told."""
        return self._renderer.device

    @exactly
    def landmarks(self, people: People, view: View, size: int) -> Tensor:
        """The landmarks (batch, 68, 3) on pictures of this size: x, y in pixels, depth in mm.

        Differentiable with respect to people and view.
        """
        points = self._renderer.pose(self._landmarks.of(people.vertices), view.turn)
        return project(points, view.camera, size)

    @exactly
    def __call__(self, people: People, view: View) -> Truth:
        """The truth about renderer.render(people, view), without gradients."""
        with torch.no_grad():
            return self._tell(people, view)

    @exactly
    def parts(self, people: People, view: View) -> Tensor:
        """What pixels show (batch, height, width) alone, in a third of the time."""
        with torch.no_grad():
            vertices = self._renderer.pose(people.vertices, view.turn)
            fragments, seen, painted = self._look(people, view, vertices)
            return _parts(fragments.face_id >= 0, painted[..., 6], seen[..., 10:])

    def _look(
        self, people: People, view: View, vertices: Tensor
    ) -> tuple[Fragments, Tensor, Tensor]:
        """Fragments, and of each pixel normals to fields, and skin to cover as they are painted."""
        renderer, size = self._renderer, self._renderer.settings.size
        batch = len(vertices)
        normals = view.turn @ people.normals
        covered, fields = people.covered[:, None], self._fields[None]
        cloth, person = renderer.anatomy.cloth[None], people.appearance
        # Shirts are cut for each of them, if it is known for whom.
        cloth = cloth if person is None else below_collar(renderer.anatomy, person)
        planes = (normals, people.skin, people.hair, covered, fields, cloth[:, None])
        attributes = torch.cat([x.expand(batch, -1, -1) for x in planes], dim=1).mT.contiguous()
        screen = project(vertices, view.camera, size)
        fragments = rasterize(screen, renderer.faces, size, size)
        seen = interpolate(attributes, screen, renderer.faces, fragments)
        painted = seen[..., 3:10]
        if size >= FINE and people.appearance is not None:
            painted = self._painted(people, normals, view, screen, fragments)
        return fragments, seen, painted

    def _tell(self, people: People, view: View) -> Truth:
        renderer, size = self._renderer, self._renderer.settings.size
        samples = size * renderer.settings.samples_per_axis
        vertices = renderer.pose(people.vertices, view.turn)
        fragments, seen, painted = self._look(people, view, vertices)
        somebody = fragments.face_id >= 0
        mask = self._fragments(vertices, view, samples).face_id >= 0
        points = self.landmarks(people, view, size)
        return Truth(
            landmarks=points[..., :2],
            landmarks_visible=self._visible(points, vertices, view),
            depth=torch.where(somebody, fragments.depth, 0.0),
            normals=torch.nn.functional.normalize(seen[..., :3], dim=-1),
            albedo=mix(painted).clamp(0, 1),
            parts=_parts(somebody, painted[..., 6], seen[..., 10:]),
            mask=torch.nn.functional.avg_pool2d(mask[:, None].float(), samples // size)[:, 0],
            intrinsics=_intrinsics(view, size),
            extrinsics=self._extrinsics(view),
        )

    def _painted(
        self, people: People, normals: Tensor, view: View, screen: Tensor, fragments: Fragments
    ) -> Tensor:
        """Skin, hair and the latter's share (batch, height, width, 7), as large pictures have them.

        people.appearance is given.
        """
        assert people.appearance is not None
        anatomy = self._renderer.anatomy
        surface = people.surface(normals, view.turn @ anatomy.strand, anatomy)
        painter, faces = self._renderer.painter, self._renderer.faces
        return painter.reflectance(surface, people.appearance, screen, faces, fragments)

    def _extrinsics(self, view: View) -> Tensor:
        origin = self._renderer.pose(view.turn.new_zeros(len(view.turn), 3, 1), view.turn)
        flip = view.turn.new_tensor([1.0, -1.0, -1.0])
        away = torch.stack([torch.zeros_like(view.distance)] * 2 + [view.distance], dim=1)
        moved = flip[:, None] * origin + away[..., None]
        return torch.cat([flip[:, None] * view.turn, moved], dim=2)

    def _fragments(self, vertices: Tensor, view: View, samples: int) -> Fragments:
        screen = project(vertices, view.camera, samples)
        return rasterize(screen, self._renderer.faces, samples, samples)

    def _visible(self, points: Tensor, vertices: Tensor, view: View) -> Tensor:
        """Which landmarks (batch, 68) of points (batch, 68, 3) on the picture are in sight."""
        depth = self._fragments(vertices, view, _SIGHT_SAMPLES).depth
        size = self._renderer.settings.size
        inside = ((points[..., :2] >= 0) & (points[..., :2] < size)).all(dim=-1)
        place = points[..., :2] * (_SIGHT_SAMPLES / size) - 0.5
        column, row = place.floor().long().clamp(0, _SIGHT_SAMPLES - 2).unbind(-1)
        image = torch.arange(len(points), device=points.device)[:, None]
        # The furthest of the four samples around: a landmark on an edge is not behind it.
        around = [depth[image, row + i, column + j] for i in (0, 1) for j in (0, 1)]
        return inside & (points[..., 2] < torch.stack(around).amax(dim=0) + _SIGHT_MM)


def _intrinsics(view: View, size: int) -> Tensor:
    """What facegen.geometry.project does, as a matrix (batch, 3, 3)."""
    focal = 0.5 * size * view.distance / view.half_height
    shift = 0.5 * size * view.middle / view.half_height[:, None]
    matrix = focal.new_zeros(len(focal), 3, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = focal
    matrix[:, 0, 2], matrix[:, 1, 2] = 0.5 * size - shift[:, 0], 0.5 * size + shift[:, 1]
    matrix[:, 2, 2] = 1.0
    return matrix


def _fields(anatomy: Anatomy) -> Tensor:
    """The fields (field, vertex) that _parts reads, in its order, but for the last."""
    jaw = np.interp(anatomy.around.cpu().numpy(), _JAW_ANGLE, _JAW_HEIGHT)
    below_jaw = torch.from_numpy(jaw).to(anatomy.points) - anatomy.points[1]
    facial = torch.maximum(anatomy.beard, anatomy.moustache)
    return torch.stack(
        [
            anatomy.eye_angle, below_jaw, anatomy.ear, anatomy.lips, anatomy.mouth, anatomy.teeth,
            anatomy.scalp, facial, anatomy.brow, anatomy.lash,
        ]
    )  # fmt: skip


def _parts(somebody: Tensor, covered: Tensor, fields: Tensor) -> Tensor:
    """Labels (batch, height, width) from fields (..., field); what comes later lies on top."""
    angle, below_jaw, ear, lips, mouth, teeth, scalp, facial, brow, lash, cloth = fields.unbind(-1)
    skin, hidden = angle < 0, covered > _HIDES
    layers = {
        "skin": somebody,
        "neck": skin & (below_jaw > 0),
        "ear": skin & (ear > 0.5),
        "lips": skin & (lips > 0.5),
        "mouth": skin & (mouth > 0.5),
        "teeth": skin & (teeth > 0.5),
        "cloth": skin & (cloth > 0),
        "sclera": ~skin,
        "iris": ~skin & (angle < _IRIS),
        "pupil": ~skin & (angle < _PUPIL),
        "hair": hidden,
        "beard": hidden & (scalp < 0) & (facial > -1.0),
        "brow": hidden & (brow > -3.0),
        "lash": hidden & (lash > 0.3),
    }
    parts = somebody.new_zeros(somebody.shape, dtype=torch.uint8)
    for name, where in layers.items():
        parts.masked_fill_(where & somebody, PARTS.index(name))
    return parts
