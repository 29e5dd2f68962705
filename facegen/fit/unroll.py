"""What a photograph shows of a fitted head, laid out on the map of facegen.texture."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from facegen.anatomy import Anatomy
from facegen.curves import smooth_step
from facegen.geometry import direction, project
from facegen.people import People
from facegen.raster import Fragments, interpolate, rasterize
from facegen.render import Renderer
from facegen.shadow import key_visibility
from facegen.texture import unrolled
from facegen.view import View

_SIZE = 1024
"""Points a side of the map: about 0.3 mm apart on the face."""

_DEPTH_SIZE = 512
_BEHIND_MM, _JUMP_MM = 3.0, 25.0
"""What lies so far behind what the camera sees is hidden; where depth jumps so far is an edge."""
_EDGE = 0.012
"""How near an edge pixels may be of something else, as a part of the picture's side."""


@dataclass(frozen=True)
class Unrolled:
    """What a photograph and the fit say at each point of the map; planes (_, height, width).

    seen, painted (3): linear values of the picture, and the model's reflectance.
    sight (height, width): 0..1, how well the camera sees it.
    normals (3): unit, in the camera's frame. visible: the share of the key light that gets there.
    anatomy: its fields, flattened; there (height, width): whether the head has such a point.
    """

    seen: Tensor
    painted: Tensor
    sight: Tensor
    normals: Tensor
    visible: Tensor
    occlusion: Tensor
    wet: Tensor
    anatomy: Anatomy
    there: Tensor

    def exposed(self, factor: float) -> "Unrolled":
        """The same of a picture whose linear values are multiplied by a factor."""
        return replace(self, seen=self.seen * factor)


def unroll(renderer: Renderer, people: People, view: View, photograph: Tensor) -> Unrolled:
    """Lay out what a photograph (size, size, 3), linear, shows of one person in one view."""
    anatomy, faces = renderer.anatomy, renderer.faces
    vertices = renderer.pose(people.vertices, view.turn)
    normals = view.turn @ people.normals
    light = direction(view.light_azimuth, view.light_elevation)
    visible = key_visibility(vertices, normals, faces, light)
    places = unrolled(anatomy.points)
    body = torch.arange(len(places)) < renderer.decoder.body_size
    # Neither hair's own sheet, nor what lies behind, where the map would close.
    shown = body & (places[:, 0].abs() < 1.2)
    height = torch.where(shown, 1000.0 - anatomy.points.norm(dim=0), -1.0)
    screen = torch.cat([(places + 1) * (0.5 * _SIZE), height[:, None]], dim=1)[None].contiguous()
    fragments = rasterize(screen, faces, _SIZE, _SIZE)
    names = [name for name in Anatomy.__dataclass_fields__ if name not in ("locks", "waves")]
    fields = [getattr(anatomy, name).reshape(-1, len(places)) for name in names]
    planes = torch.cat([vertices[0], normals[0], visible, *fields]).T[None].contiguous()
    found = interpolate(planes, screen, faces, fragments)[0].movedim(-1, 0)
    where, normal, share = found[:3], found[3:6], found[6:7]
    rows = dict(zip(names, torch.split(found[7:], [len(f) for f in fields]), strict=True))
    flat = {name: plane[0] if len(plane) == 1 else plane for name, plane in rows.items()}
    laid = Anatomy(**flat, locks=share, waves=share)
    unit = torch.nn.functional.normalize(normal, dim=0)
    return Unrolled(
        seen=_looked_up(photograph, where, view),
        painted=_painted(renderer, people, view, normals, screen, fragments).clamp(min=0.004),
        sight=_sight(renderer, vertices, view, where, unit),
        normals=unit,
        visible=share[0],
        occlusion=flat["occlusion"],
        wet=laid.wet,
        anatomy=laid,
        there=fragments.face_id[0] >= 0,
    )


def _painted(
    renderer: Renderer, people: People, view: View, normals: Tensor, screen: Tensor, seen: Fragments
) -> Tensor:
    if people.appearance is None:
        return interpolate(people.skin.mT.contiguous(), screen, renderer.faces, seen)[0].movedim(
            -1, 0
        )
    anatomy = renderer.anatomy
    surface = people.surface(normals, view.turn @ anatomy.strand, anatomy)
    painted = renderer.painter.reflectance(surface, people.appearance, screen, renderer.faces, seen)
    return painted[0, ..., :3].movedim(-1, 0)


def _grid(points: Tensor, view: View) -> tuple[Tensor, Tensor]:
    """Where a picture shows points (3, height, width), as grid_sample has it, and their depth."""
    screen = project(points.flatten(1)[None], view.camera, 2)[0]
    grid = (screen[:, :2] - 1).reshape(1, *points.shape[1:], 2)
    return grid, screen[:, 2].reshape(points.shape[1:])


def _looked_up(picture: Tensor, points: Tensor, view: View) -> Tensor:
    """A picture (height, width, channel) at points (3, _, _): (channel, _, _)."""
    grid, _ = _grid(points, view)
    return torch.nn.functional.grid_sample(
        picture.movedim(-1, 0)[None],
        grid,
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )[0].clamp(0, 1)


def _sight(
    renderer: Renderer, vertices: Tensor, view: View, points: Tensor, normals: Tensor
) -> Tensor:
    """How well the camera sees points (3, height, width) with unit normals: 0..1."""
    screen = project(vertices, view.camera, _DEPTH_SIZE)
    depth = rasterize(screen, renderer.faces, _DEPTH_SIZE, _DEPTH_SIZE).depth.clamp(max=1e5)
    reach = round(_EDGE * _DEPTH_SIZE)
    far, near = (
        sign * torch.nn.functional.max_pool2d(sign * depth, 2 * reach + 1, 1, reach)
        for sign in (1, -1)
    )
    clear = (far - near < _JUMP_MM).float()
    behind = torch.nn.functional.max_pool2d(depth, 3, 1, 1)
    grid, own = _grid(points, view)
    planes = torch.nn.functional.grid_sample(
        torch.stack([clear[0], behind[0]])[None], grid, mode="nearest", align_corners=False
    )[0]
    inside = (grid[0].abs().amax(dim=-1) < 1 - 2 * _EDGE).float()
    camera = torch.tensor([0.0, 0.0, 1.0]) * view.distance
    away = torch.nn.functional.normalize(camera[:, None, None] - points, dim=0)
    facing = smooth_step((normals * away).sum(dim=0), 0.2, 0.5)
    return facing * planes[0] * inside * (own < planes[1] + _BEHIND_MM)
