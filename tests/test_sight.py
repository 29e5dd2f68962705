"""Vertices in sight: which they are, and that a picture needs no others."""

from dataclasses import replace

import torch

from facegen.latents import draw_identity
from facegen.morphable import MorphableModel
from facegen.raster import in_sight, rasterize
from facegen.render import Renderer, RenderSettings
from facegen.subjects import bumpy_spheres


def test_corners_of_the_faces_that_samples_see() -> None:
    spheres, triangles = bumpy_spheres(800, count=3)
    x, y, z = torch.from_numpy(spheres).unbind(-1)
    # One that fills the picture, one that looks past its edge, and one out of it.
    offset = torch.tensor([0.0, 30.0, 900.0])[:, None]
    screen = torch.stack([20 + offset + 0.2 * x, 15 - 0.2 * y, 500 - z], dim=-1)
    faces = torch.from_numpy(triangles)
    fragments = rasterize(screen, faces, 30, 40)
    assert in_sight(fragments, faces, screen.shape[1]) is None  # gradients are recorded
    with torch.no_grad():
        sight = in_sight(fragments, faces, screen.shape[1])
    assert sight is not None
    assert 0 == sight.many[2] < sight.many[1] < sight.many[0] < screen.shape[1]
    for vertices, count, seen in zip(sight.vertices, sight.many, fragments.face_id, strict=True):
        corners = faces[seen[seen >= 0].long()].unique()
        assert vertices[:count].tolist() == corners.tolist()


def test_pictures_need_no_others(head: MorphableModel) -> None:
    """One person in several poses, under several lights, and several people."""
    renderer = Renderer(head, RenderSettings(size=40))
    identity = [draw_identity(head.identity_size, 0, "sight", index) for index in range(2)]
    people = renderer.people(torch.stack([torch.from_numpy(person) for person in identity]))
    poses = renderer.view(torch.tensor([[-80.0, 20.0, 60.0], [30.0, -20.0, -80.0]]))
    lights = replace(
        poses.one(0), light_azimuth=poses.light_azimuth, light_elevation=poses.light_elevation
    )
    for shown, view in ((people, poses), (people.one(0), poses), (people.one(1), lights)):
        recorded = renderer.render(shown, view)
        with torch.no_grad():
            assert torch.equal(renderer.render(shown, view), recorded)
