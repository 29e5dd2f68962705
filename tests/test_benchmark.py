"""The measuring itself; how long anything takes is nowhere tested."""

from typing import ClassVar

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facegen.benchmark import compare, one_thread
from facegen.geometry import Camera
from facegen.gpu_rate import Traffic, report, summary
from facegen.morphable import MorphableModel
from facegen.rivals import BACKGROUND, Facegen, Renderer, View
from facegen.rivals_forward import RIVALS
from facegen.subjects import bumpy_spheres, front, sphere

SIZE = 24


class Twin(Facegen):
    name: ClassVar[str] = "twin"


class Blank(Renderer):
    name: ClassVar[str] = "blank"
    install: ClassVar[str] = "pip install blank"

    def __init__(self, view: View) -> None:
        self._picture = np.full((view.size, view.size), BACKGROUND, dtype=np.float32)

    def __call__(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._picture


class Missing(Blank):
    name: ClassVar[str] = "missing"

    def __init__(self, view: View) -> None:
        raise ModuleNotFoundError("No module named 'missing'")


def test_only_a_rival_that_draws_the_same_gets_a_ratio() -> None:
    vertices, faces = bumpy_spheres(400, count=3)
    result = compare(vertices, faces, SIZE, budget=0.0, rivals=(Twin, Blank, Missing))
    twin, blank, missing = result.rivals
    assert (result.triangles, result.size, result.vertex_sets) == (len(faces), SIZE, 3)
    assert 0.2 < result.covered < 0.8
    assert twin.verdict == "measured"
    assert twin.agreement == 1
    assert twin.timing is not None
    assert twin.ours is not None
    assert twin.ours_is_faster_by == twin.timing.milliseconds / twin.ours.milliseconds
    assert twin.with_gradient is not None
    assert twin.ours_with_gradient is not None
    faster = twin.with_gradient.milliseconds / twin.ours_with_gradient.milliseconds
    assert twin.ours_is_faster_with_gradient_by == faster
    assert twin.gradients_cosine == pytest.approx(1)
    assert blank.verdict == "draws another picture"
    assert blank.agreement == pytest.approx(1 - result.covered)
    assert (blank.timing, blank.ours_is_faster_by, blank.with_gradient) == (None, None, None)
    assert missing.verdict == "not installed"
    assert missing.install == "pip install blank"


# DEODR calls numpy in a way that will end.
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional:DeprecationWarning")
@pytest.mark.parametrize("rival", RIVALS)
def test_installed_rivals_draw_our_picture(rival: type[Facegen]) -> None:
    vertices, faces = bumpy_spheres(400, count=3)
    # Large enough for outlines, which one of them blurs, to be few of the pixels.
    (report,) = compare(vertices, faces, 6 * SIZE, budget=0.0, rivals=(rival,)).rivals
    assert report.verdict in ("measured", "not installed")
    if report.gradients_cosine is not None:
        # Those that do not follow silhouettes miss a part of it.
        assert report.gradients_cosine > 0.4


def test_no_rival_changes_how_others_are_rounded() -> None:
    """Libraries that are built for speed alone have what is denormal rounded to 0 in all others."""
    vertices, faces = bumpy_spheres(400, count=1)
    compare(vertices, faces, SIZE, budget=0.0)
    assert np.float32(1e-40) * np.ones(1, np.float32) > 0


def test_the_gradient_is_that_of_the_weighted_picture() -> None:
    """By differences of a picture with 64 times as many samples, whose outline moves smoothly."""
    spheres, faces = bumpy_spheres(3000, count=1)
    finer, towards = 8, np.array([0.0, 0.0, 1.0], dtype=np.float32)
    coarse, dense = (
        Facegen(View(faces, spheres.shape[1], size, Camera())) for size in (SIZE, finer * SIZE)
    )
    slope = coarse.gradient(spheres[0], np.ones((SIZE, SIZE), dtype=np.float32))
    assert slope.shape == spheres[0].shape
    step = 8.0
    near, far = (dense(spheres[0] + way * step * towards).sum() for way in (1, -1))
    # Measured: -0.148 and, by differences, -0.160.
    assert slope[:, 2].sum() == pytest.approx((near - far) / (2 * step * finer**2), rel=0.1)


def test_the_front_of_a_mesh_keeps_what_is_nearest() -> None:
    vertices, faces = bumpy_spheres(800, count=2)
    kept, triangles = front(vertices, faces, 300)
    assert len(triangles) == 300
    assert set(triangles.ravel().tolist()) == set(range(kept.shape[1]))
    depth = vertices[:, :, 2].mean(axis=0)[faces].mean(axis=1)
    remaining = kept[:, :, 2].mean(axis=0)[triangles].mean(axis=1)
    np.testing.assert_allclose(np.sort(remaining), np.sort(depth)[-300:], rtol=1e-6)


def test_one_thread_is_given_back() -> None:
    before = torch.get_num_threads(), numba.get_num_threads()
    with one_thread():
        assert (torch.get_num_threads(), numba.get_num_threads()) == (1, 1)
    assert (torch.get_num_threads(), numba.get_num_threads()) == before


def test_sphere_is_closed_and_faces_outwards() -> None:
    vertices, faces = sphere(5, 7)
    assert len(faces) == 2 * 5 * 7
    edges = {(int(face[i]), int(face[i - 2])) for face in faces for i in range(3)}
    assert len(edges) == 3 * len(faces)
    assert edges == {(b, a) for a, b in edges}
    a, b, c = vertices[faces].transpose(1, 0, 2)
    assert (np.einsum("fi,fi->f", np.cross(b - a, c - a), a + b + c) > 0).all()


def test_traffic_counts_what_is_read_and_written() -> None:
    rows, numbers = torch.zeros(100, 10), torch.arange(20)
    with Traffic(torch.device("cpu")) as traffic:
        looked_up = rows[numbers]  # 20 numbers of 8 bytes, 200 of 4 twice
        looked_up[:10].mul_(2.0)  # 100 of 4 twice; a view is free
        looked_up[:1].expand(50, 10) + 1  # 10 read, 500 written
    assert traffic.operations == 3
    assert traffic.bytes == (160 + 1600) + 800 + (40 + 2000)


def test_a_devices_report_names_the_limit(head: MorphableModel) -> None:
    found = report(head, 16, torch.device("cpu"), 0.0)
    share = found["images_per_second"] / found["images_per_second_of_memory"]
    assert 0 < share < 1
    assert f": {share:.2f} of that" in summary(found)
    assert found["operations"] > 100
    assert found["raster_milliseconds_per_image"]["ours"] > 0
