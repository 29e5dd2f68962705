"""The rasterizer's rules: each backend against the reference, and known pictures."""

import math

import pytest
import torch
from torch import Tensor
from triangles import HEIGHT, SCENES, WIDTH, assert_same, drawn, faces_of, screen_of

from facegen.raster import rasterize
from facegen.subjects import sphere


@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize("scene", SCENES)
def test_backend_equals_reference(scene: str, cull: bool) -> None:
    screen, faces = SCENES[scene]
    arguments = screen, faces, HEIGHT, WIDTH
    reference = rasterize(*arguments, cull=cull, backend="reference")
    assert reference.face_id.shape == (len(screen), HEIGHT, WIDTH)
    assert_same(rasterize(*arguments, cull=cull, backend="numba"), reference)


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize("scene", SCENES)
def test_triton_equals_reference(scene: str, cull: bool) -> None:
    """On small pictures, as its interpreter takes a step for every sample of a face's box."""
    pytest.importorskip("triton")
    screen, faces = SCENES[scene]
    arguments = screen, faces, 9, 11
    reference = rasterize(*arguments, cull=cull, backend="reference")
    assert_same(drawn("triton", *arguments, cull=cull), reference)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (6, 5)])
def test_small_pictures(size: tuple[int, int]) -> None:
    screen, faces = SCENES["soup"]
    assert_same(
        rasterize(screen, faces, *size), rasterize(screen, faces, *size, backend="reference")
    )


@pytest.fixture(params=["numba", "reference"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_known_triangle(backend: str) -> None:
    """Half of a square: its long side, through sample centres, belongs to the other half."""
    screen = screen_of((0, 0, 5), (0, 4, 5), (4, 0, 5), (4, 4, 5))
    faces = faces_of((0, 1, 2), (2, 1, 3))
    upper = [[0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]]
    fragments = rasterize(screen, faces, 4, 4, backend=backend)
    assert fragments.face_id[0].tolist() == upper
    torch.testing.assert_close(fragments.depth, torch.full((1, 4, 4), 5.0))


def test_left_and_top_edges_on_sample_centres_count(backend: str) -> None:
    screen = screen_of((1.5, 1.5, 5), (1.5, 3.5, 5), (4.5, 3.5, 5), (4.5, 1.5, 5))
    fragments = rasterize(screen, faces_of((0, 1, 2), (0, 2, 3)), 5, 6, backend=backend)
    rows, columns = torch.nonzero(fragments.face_id[0] >= 0, as_tuple=True)
    assert set(rows.tolist()) == {1, 2}
    assert set(columns.tolist()) == {1, 2, 3}


def test_tessellation_covers_every_sample_once() -> None:
    """Whatever the vertices: at random, on sample centres, many to a point."""
    cells = 7
    generator = torch.Generator().manual_seed(0)
    row, column = torch.meshgrid(
        torch.arange(cells + 1.0), torch.arange(cells + 1.0), indexing="ij"
    )
    grid = torch.stack([column * WIDTH / cells, row * HEIGHT / cells], dim=-1)
    inside = grid[1:-1, 1:-1]
    grid[1:-1, 1:-1] = inside + 1.2 * torch.rand(inside.shape, generator=generator) - 0.6
    grid[1:-1:2, 1:-1] = grid[1:-1:2, 1:-1].floor() + 0.5
    screen = torch.cat([grid, torch.ones(cells + 1, cells + 1, 1)], dim=-1).reshape(1, -1, 3)
    corner = (row * (cells + 1) + column)[:-1, :-1].reshape(-1).int()
    below, right = corner + cells + 1, corner + 1
    faces = torch.cat(
        [torch.stack([corner, below, right], 1), torch.stack([right, below, below + 1], 1)]
    )
    times = sum((rasterize(screen, face[None], HEIGHT, WIDTH).face_id >= 0).int() for face in faces)
    assert (times == 1).all()


def test_closed_mesh_has_no_holes() -> None:
    """Each row of a convex solid's picture is one run of samples."""
    vertices, faces = sphere(40, 40)
    x, y, z = torch.from_numpy(vertices)[None].unbind(-1)
    screen = torch.stack([20 + 12 * x, 14 - 12 * y, 30 - z], dim=-1)
    covered = rasterize(screen, torch.from_numpy(faces), HEIGHT, WIDTH).face_id[0] >= 0
    changes = covered[:, 1:] != covered[:, :-1]
    assert covered.any()
    assert (changes.sum(1) <= 2).all()


def test_depth_is_perspective_correct(backend: str) -> None:
    """A plane's 1 / z is a linear function of the screen."""
    corners = torch.tensor([[0.0, 0.0], [0.0, 8.0], [8.0, 8.0], [8.0, 0.0]])

    def inverse_depth(x: Tensor, y: Tensor) -> Tensor:
        return 0.001 + 0.0003 * x + 0.0001 * y

    depth = 1 / inverse_depth(*corners.unbind(-1))
    screen = torch.cat([corners, depth[:, None]], dim=-1)[None]
    fragments = rasterize(screen, faces_of((0, 1, 2), (0, 2, 3)), 8, 8, backend=backend)
    centre = torch.arange(8) + 0.5
    expected = 1 / inverse_depth(centre[None, :], centre[:, None])
    torch.testing.assert_close(fragments.depth[0], expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("order", [1, -1])
def test_nearest_wins(backend: str, order: int) -> None:
    near, far = [(0, 0, 4), (0, 4, 4), (4, 0, 4)], [(0, 0, 6), (0, 9, 6), (9, 0, 6)]
    screen = screen_of(*near, *far)
    faces = faces_of(*[(0, 1, 2), (3, 4, 5)][::order])
    fragments = rasterize(screen, faces, 4, 4, backend=backend)
    near_face = 0 if order == 1 else 1
    assert fragments.face_id[0, 0, 0] == near_face
    assert fragments.face_id[0, 3, 3] == 1 - near_face
    torch.testing.assert_close(fragments.depth[0].diagonal(), torch.tensor([4.0, 4.0, 6.0, 6.0]))


def test_equal_depths_go_to_the_lowest_index(backend: str) -> None:
    screen = screen_of((0, 0, 7), (0, 4, 8), (4, 0, 9))
    fragments = rasterize(screen, faces_of(*[(0, 1, 2)] * 3), 4, 4, backend=backend)
    assert set(fragments.face_id.unique().tolist()) == {-1, 0}


def test_back_faces_are_seen_only_without_culling(backend: str) -> None:
    screen, faces = screen_of((0, 0, 7), (0, 4, 8), (4, 0, 9)), faces_of((0, 2, 1))
    culled = rasterize(screen, faces, 4, 4, backend=backend)
    assert (culled.face_id == -1).all()
    assert (culled.depth == math.inf).all()
    front = rasterize(screen, faces_of((0, 1, 2)), 4, 4, backend=backend)
    assert_same(rasterize(screen, faces, 4, 4, cull=False, backend=backend), front)


@pytest.mark.parametrize(
    "vertex",
    [
        (0, 4, 0),
        (0, 4, -1),
        (0, 4, math.nan),
        (0, 4, math.inf),
        (math.nan, 4, 1),
        (0, -math.inf, 1),
    ],
)
def test_unusable_vertex_drops_its_faces(backend: str, vertex: tuple[float, float, float]) -> None:
    screen = screen_of((0, 0, 1), vertex, (4, 0, 1), (4, 4, 1), (2, 4, 1))
    faces = faces_of((0, 1, 2), (2, 4, 3))
    fragments = rasterize(screen, faces, 4, 4, backend=backend)
    assert set(fragments.face_id.unique().tolist()) == {-1, 1}


def test_faces_without_area_are_dropped(backend: str) -> None:
    screen = screen_of((0, 0, 1), (4, 4, 1), (2, 2, 1), (2.001, 2, 1))
    faces = faces_of((0, 1, 2), (0, 0, 1), (2, 3, 2), (0, 2, 3))
    assert (rasterize(screen, faces, 4, 4, cull=False, backend=backend).face_id == -1).all()


def test_far_vertices_keep_a_huge_face_in_place(backend: str) -> None:
    screen = screen_of((2, -1e9, 1), (2, 1e9, 1), (1e12, 1e9, 1), (1e12, -1e9, 1))
    face_id = rasterize(screen, faces_of((0, 1, 2), (0, 2, 3)), 6, 6, backend=backend).face_id[0]
    assert (face_id[:, :2] == -1).all()
    assert (face_id[:, 2:] >= 0).all()
