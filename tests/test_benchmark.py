"""The measuring itself; how long anything takes is nowhere tested."""

from typing import ClassVar

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facegen.benchmark import compare, one_thread, time_stages
from facegen.rivals import BACKGROUND, RIVALS, Facegen, View
from facegen.subjects import bumpy_spheres, sphere

SIZE = 24


class Twin(Facegen):
    name: ClassVar[str] = "twin"


class Blank:
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
    assert twin.ours_is_faster_by == twin.timing.milliseconds / result.ours.milliseconds
    assert blank.verdict == "draws another picture"
    assert blank.agreement == pytest.approx(1 - result.covered)
    assert (blank.timing, blank.ours_is_faster_by) == (None, None)
    assert missing.verdict == "not installed"
    assert missing.install == "pip install blank"


@pytest.mark.parametrize("rival", RIVALS)
def test_installed_rivals_draw_our_picture(rival: type[Facegen]) -> None:
    vertices, faces = bumpy_spheres(400, count=3)
    (report,) = compare(vertices, faces, SIZE, budget=0.0, rivals=(rival,)).rivals
    assert report.verdict in ("measured", "not installed")


def test_stages_take_turns_and_the_first_pictures_do_not_count() -> None:
    calls: list[tuple[str, int]] = []
    stages = {
        name: lambda number, name=name: calls.append((name, number)) for name in ("morph", "write")
    }
    timings = time_stages(stages, pictures=2, warm_up=1)
    assert calls == [(name, number) for number in range(3) for name in ("morph", "write")]
    assert {name: timing.pictures for name, timing in timings.items()} == {"morph": 2, "write": 2}


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
