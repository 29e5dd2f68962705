"""The truth beside a picture: it agrees with the picture, with itself and with the geometry."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from facegen.appearance import APPEARANCE
from facegen.latents import draw_identity
from facegen.render import FINE, Renderer, RenderSettings
from facegen.truth import GroundTruth
from facegen.truth_columns import PARTS

SIZE = 200
EYES, BROWS = range(36, 48), range(17, 27)
OUTER_LIPS, JAW = range(48, 60), range(17)


@pytest.fixture(scope="module")
def renderer(head):
    return Renderer(head, RenderSettings(size=SIZE))


@pytest.fixture(scope="module")
def teller(renderer):
    return GroundTruth(renderer)


def people_of(renderer, *indices, expression=None):
    size = renderer.model.identity_size
    drawn = np.stack([draw_identity(size, 0, "test", index) for index in indices])
    with torch.no_grad():
        return renderer.people(torch.from_numpy(drawn), expression)


def view_of(renderer, **values):
    columns = [torch.as_tensor(value, dtype=torch.float32).reshape(-1) for value in values.values()]
    return renderer.view(torch.stack(torch.broadcast_tensors(*columns), dim=1), tuple(values))


@pytest.fixture(scope="module")
def told(renderer, teller):
    """Four people, each in a pose of its own."""
    view = view_of(renderer, azimuth=[0.0, 25.0, -30.0, 12.0], elevation=[0.0, 8.0, -9.0, 15.0])
    return teller(people_of(renderer, 1, 2, 3, 4), view)


def label(*names):
    return [PARTS.index(name) for name in names]


def near(parts, place, radius):
    """The labels within so many pixels of a place (x, y)."""
    y, x = np.ogrid[:SIZE, :SIZE]
    away = np.hypot(x + 0.5 - float(place[0]), y + 0.5 - float(place[1]))
    return set(parts[away <= radius].tolist())


@pytest.mark.parametrize(
    ("which", "inside", "outside", "radius"),
    [
        (EYES, ("sclera", "iris"), ("skin", "lash"), 2.2),
        (OUTER_LIPS, ("lips",), ("skin", "beard"), 3.5),
        (BROWS, ("brow",), ("skin",), 7.0),
        (range(5, 12), ("skin", "beard"), ("neck", "background"), 7.0),
    ],
    ids=["eyes", "lips", "brows", "jaw"],
)
def test_landmarks_lie_on_the_borders_of_their_features(told, which, inside, outside, radius):
    found = [
        bool(around & set(label(*inside))) and bool(around & set(label(*outside)))
        for image in range(4)
        for k in which
        if told.landmarks_visible[image, k]
        for around in [near(told.parts[image].numpy(), told.landmarks[image, k], radius)]
    ]
    assert len(found) > 2 * len(which)
    # A thin brow ends before its landmarks do.
    assert np.mean(found) > 0.9


def test_landmarks_go_in_the_order_of_the_scheme(renderer, teller):
    x, y = teller(people_of(renderer, 1), view_of(renderer, azimuth=0.0)).landmarks[0].unbind(-1)
    for line in (JAW, BROWS, range(31, 36), (36, 39, 42, 45), (48, 51, 54), (60, 62, 64)):
        assert (x[list(line)].diff() > 0).all(), "from the picture's left to its right"
    for line in (range(9), range(27, 31), (24, 44, 47), (33, 51, 62, 66, 57, 8)):
        assert (y[list(line)].diff() > 0).all(), "downwards"


def test_the_two_halves_mirror_each_other(renderer, teller):
    straight = people_of(renderer, 0)
    average = renderer.people(torch.zeros(1, renderer.model.identity_size))
    straight = dataclasses.replace(straight, vertices=average.vertices)
    points = teller.landmarks(straight, view_of(renderer, azimuth=0.0), SIZE)[0, :, :2]
    for right, left in ((0, 16), (4, 12), (17, 26), (31, 35), (36, 45), (41, 46), (48, 54)):
        mirrored = torch.stack([SIZE - points[left, 0], points[left, 1]])
        assert (points[right] - mirrored).norm() < 1.0


def test_an_opening_jaw_parts_the_inner_lips(renderer, teller, head):
    weights = torch.zeros(2, len(head.expression_names))
    weights[1, head.expression_names.index("jawOpen")] = 1.0
    people = people_of(renderer, 1, 1, expression=weights)
    y = teller.landmarks(people, view_of(renderer, azimuth=[0.0, 0.0]), SIZE)[:, :, 1]
    moved = y[1] - y[0]
    assert moved[[61, 62, 63]].abs().max() < 4
    assert moved[[65, 66, 67]].min() > 12
    assert moved[[8]] > 8
    assert moved[list(BROWS)].abs().max() < 0.2


def test_the_far_side_is_hidden(renderer, teller):
    profile = teller(people_of(renderer, 1), view_of(renderer, azimuth=80.0)).landmarks_visible[0]
    assert profile[[0, 1, 2, 3, 30, 36]].all()
    assert not profile[[14, 15, 16, 45]].any()
    frontal = teller(people_of(renderer, 1), view_of(renderer, azimuth=0.0)).landmarks_visible[0]
    assert frontal[17:68].all()


def test_what_lies_outside_the_picture_is_not_visible(renderer, teller):
    view = view_of(renderer, azimuth=0.0)
    aside = dataclasses.replace(view, middle=torch.tensor([[140.0, 0.0]]))
    visible = teller(people_of(renderer, 1), aside).landmarks_visible[0]
    assert not visible[36:42].any()
    assert not teller(people_of(renderer, 1), aside).parts[0, :, : SIZE // 8].any() or visible.any()


SCENES = [
    {"azimuth": 20.0},
    {"azimuth": -50.0, "elevation": 15.0, "roll": 25.0},
    {"azimuth": 10.0, "focal_length": 40.0},
]


def unprojected(truth):
    """The places (pixel, 3) in the head's frame that depth and camera give, of the first image."""
    somebody = truth.depth[0].numpy() > 0
    row, column = np.nonzero(somebody)
    depth = truth.depth[0].numpy()[somebody].astype(float)
    pixels = np.stack([column + 0.5, row + 0.5, np.ones(len(row))]) * depth
    away = np.linalg.solve(truth.intrinsics[0].double().numpy(), pixels)
    matrix = truth.extrinsics[0].double().numpy()
    return (matrix[:, :3].T @ (away - matrix[:, 3:])).T, somebody


@pytest.mark.parametrize("values", SCENES, ids=["turned", "rolled", "near"])
def test_depth_and_camera_give_the_surface(renderer, teller, values):
    people = people_of(renderer, 2)
    points, _ = unprojected(teller(people, view_of(renderer, **values)))
    vertices, normals = people.vertices[0].T.numpy(), people.normals[0].T.numpy()
    away, nearest = cKDTree(vertices).query(points)
    above = ((points - vertices[nearest]) * normals[nearest]).sum(axis=1)
    assert np.quantile(np.abs(above), 0.95) < 0.4, "mm"
    assert np.quantile(away, 0.99) < 8


@pytest.mark.parametrize("values", SCENES, ids=["turned", "rolled", "near"])
def test_the_camera_projects_landmarks_where_they_are(renderer, teller, values):
    people, view = people_of(renderer, 2), view_of(renderer, **values)
    truth = teller(people, view)
    heads = teller._landmarks.of(people.vertices)[0]
    seen = truth.extrinsics[0, :, :3] @ heads + truth.extrinsics[0, :, 3:]
    pixels = truth.intrinsics[0] @ seen
    assert torch.allclose((pixels[:2] / pixels[2]).T, truth.landmarks[0], atol=2e-3)


def test_normals_are_those_of_the_depth(renderer, teller):
    view = view_of(renderer, azimuth=0.0)
    truth = teller(people_of(renderer, 1), view)
    length = truth.normals[0].norm(dim=-1)
    somebody = truth.depth[0] > 0
    assert torch.allclose(length[somebody], torch.ones(1), atol=1e-4)
    assert (length[~somebody] == 0).all()
    points, where = unprojected(truth)
    grid = np.full((SIZE, SIZE, 3), np.nan)
    # Frontal, and the head's frame is the camera's.
    grid[where] = points
    across, down = grid[1:-1, 2:] - grid[1:-1, :-2], grid[2:, 1:-1] - grid[:-2, 1:-1]
    facing = np.cross(down, across)
    facing /= np.linalg.norm(facing, axis=-1, keepdims=True)
    agree = (facing * truth.normals[0, 1:-1, 1:-1].numpy()).sum(axis=-1)
    assert np.nanmedian(agree) > np.cos(np.radians(5))


def test_labels_mask_and_depth_agree(told):
    nobody = told.parts == 0
    assert torch.equal(nobody, told.depth == 0)
    assert torch.equal(nobody, (told.albedo == 0).all(dim=-1))
    full, empty = told.mask == 1, told.mask == 0
    assert (nobody & full).float().mean() < 1e-4
    assert (~nobody & empty).float().mean() < 1e-4
    partly = (~full & ~empty).float().mean()
    assert 0.001 < partly < 0.03


def test_the_mask_composes_the_picture(renderer, teller):
    people = people_of(renderer, 1)
    white, black = (view_of(renderer, azimuth=10.0, background=gray) for gray in (1.0, 0.0))
    with torch.no_grad():
        behind = renderer.render(people, white) - renderer.render(people, black)
    assert torch.allclose(1 - behind[..., 0], teller(people, white).mask, atol=1e-5)


def test_every_part_is_found_where_it_should_be(renderer, teller):
    told = teller(people_of(renderer, 1, 2, 3, 4, 5, 6), view_of(renderer, azimuth=[5.0] * 6))
    counts = np.bincount(told.parts.flatten().numpy(), minlength=len(PARTS))
    assert (
        counts[label("skin", "neck", "ear", "lips", "sclera", "iris", "hair", "brow")] > 50
    ).all()
    rows = np.arange(SIZE)[None, :, None]

    def height(name):
        where = told.parts.numpy() == PARTS.index(name)
        return (where * rows).sum() / where.sum()

    order = [height(name) for name in ("hair", "brow", "iris", "lips", "neck", "cloth")]
    assert order == sorted(order)


@pytest.mark.parametrize("size", [64, FINE])
def test_cloth_is_where_the_shirt_is(head, size):
    """Of a turtleneck, a collar and a V-neck, bright green: what has their colour, nothing else."""
    renderer = Renderer(head, RenderSettings(size=size, samples_per_axis=1))
    identity = torch.zeros(3, head.identity_size)
    looks = dict(zip(APPEARANCE, identity[:, -len(APPEARANCE) :].unbind(1), strict=True))
    looks["cloth_cut"] += torch.tensor([1.6, 0.0, -1.6])
    for name, value in (("hair_length", -2.0), ("cloth_hue", -1.2), ("cloth_light", 0.8)):
        looks[name] += value
    people = renderer.people(identity)
    told = GroundTruth(renderer)(people, view_of(renderer, azimuth=[0.0] * 3))
    shirt = people.appearance.cloth[:, None, None]
    hue = torch.cosine_similarity(told.albedo, shirt, dim=-1)
    is_cloth, somebody = told.parts == PARTS.index("cloth"), told.parts > 0
    covered = is_cloth.sum(dim=(1, 2))
    assert ((((hue > 0.995) != is_cloth) & somebody).sum(dim=(1, 2)) < 0.15 * covered).all()
    assert covered[0] > 1.5 * covered[1] > 2 * covered[2] > 0


def test_albedo_knows_nothing_of_the_light(renderer, teller):
    people = people_of(renderer, 1)
    one, other = (
        teller(people, view_of(renderer, azimuth=0.0, light_azimuth=x)).albedo for x in (-60, 60)
    )
    assert torch.equal(one, other)
    assert 0 <= float(one.min()) < float(one.max()) <= 1


def test_large_pictures_show_the_albedo_that_is_told(head):
    settings = RenderSettings(size=FINE, samples_per_axis=1, shadows=False)
    everywhere = ((3.54,), *((0.0,),) * 8)
    dim = dataclasses.replace(settings.lights, key=0.0)
    renderer = Renderer(head, dataclasses.replace(settings, lights=dim, environment=everywhere))
    people, view = people_of(renderer, 3), view_of(renderer, azimuth=20.0)
    truth = GroundTruth(renderer)(people, view)
    with torch.no_grad():
        picture = renderer.render(people, view, colour=True)
    hair = (truth.parts[0] == PARTS.index("hair")).float()
    # Away from its border, beyond which the background is white in one and black in the other.
    hair = torch.nn.functional.avg_pool2d(hair[None, None], 9, 1, 4)[0, 0] > 0.999
    assert hair.sum() > 1000

    def strands(values):
        """What is finer than the mesh, where there is hair."""
        planes = values.permute(0, 3, 1, 2)
        return (planes - torch.nn.functional.avg_pool2d(planes, 5, 1, 2))[0, 1][hair]

    alike = torch.corrcoef(torch.stack([strands(picture), strands(truth.albedo.sqrt())]))[0, 1]
    assert alike > 0.8


def test_landmarks_have_gradients(renderer, teller, head):
    identity = torch.zeros(1, head.identity_size, requires_grad=True)
    azimuth = torch.tensor([[10.0]], requires_grad=True)
    view = renderer.view(azimuth, ("azimuth",))
    teller.landmarks(renderer.people(identity), view, SIZE)[0, 30, 0].backward()
    assert azimuth.grad is not None
    assert float(azimuth.grad) > 0.5, "pixels a degree: the nose moves to the right"
    assert identity.grad is not None
    assert bool(identity.grad.any())


def test_another_model_gets_its_landmarks_by_its_place_on_the_default_head(head):
    order = np.random.default_rng(0).permutation(len(head.mean))
    back = np.argsort(order)
    other = dataclasses.replace(
        head,
        mean=np.ascontiguousarray(1.1 * head.mean[order]),
        basis=np.ascontiguousarray(head.basis[:, order]),
        expression_basis=np.ascontiguousarray(head.expression_basis[:, order]),
        faces=np.ascontiguousarray(back[head.faces].astype(np.int32)),
        fields={name: field[order] for name, field in head.fields.items()},
        canonical=np.ascontiguousarray(head.mean[order]),
    )
    places = []
    for model in (head, other):
        told = GroundTruth(Renderer(model, RenderSettings(size=SIZE)))
        places.append(told._landmarks.of(torch.from_numpy(model.mean.T[None].copy()))[0])
    assert torch.allclose(places[1], 1.1 * places[0], atol=0.05)
