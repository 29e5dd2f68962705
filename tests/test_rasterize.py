"""Calling the rasterizer: batches, views, threads, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import pytest
import torch
from torch import Tensor
from triangles import HEIGHT, SCENES, WIDTH, assert_same, ball, faces_of

from facegen.errors import UserError
from facegen.raster import backend_names, backends, rasterize


def test_batch_equals_one_by_one() -> None:
    screen, faces = SCENES["batch"]
    together = rasterize(screen, faces, HEIGHT, WIDTH)
    for image in range(len(screen)):
        alone = rasterize(screen[image : image + 1], faces, HEIGHT, WIDTH)
        assert torch.equal(alone.face_id[0], together.face_id[image])
        assert torch.equal(alone.depth[0], together.depth[image])


def test_views_are_accepted() -> None:
    screen, faces = ball(0)
    strided = screen.transpose(1, 2).contiguous().transpose(1, 2)
    turned = faces.T.contiguous().T
    assert_same(rasterize(strided, turned, HEIGHT, WIDTH), rasterize(screen, faces, HEIGHT, WIDTH))


def test_threads_do_not_change_the_bits() -> None:
    threads = numba.get_num_threads()
    screen, faces = SCENES["batch"]
    try:
        results = []
        for count in {1, numba.config.NUMBA_NUM_THREADS}:
            numba.set_num_threads(count)
            results.append(rasterize(screen, faces, HEIGHT, WIDTH))
    finally:
        numba.set_num_threads(threads)
    assert torch.equal(results[0].face_id, results[-1].face_id)
    assert torch.equal(results[0].depth, results[-1].depth)


def test_threads_of_python_may_rasterize_at_the_same_time() -> None:
    screen, faces = SCENES["batch"]
    alone = rasterize(screen, faces, HEIGHT, WIDTH)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(rasterize, screen, faces, HEIGHT, WIDTH) for _ in range(16)]
    for job in jobs:
        assert_same(job.result(), alone)


@pytest.mark.parametrize(
    ("screen", "faces", "message"),
    [
        (torch.zeros(3, 3), faces_of((0, 1, 2)), r"screen must be float32 .* not .*\(3, 3\)"),
        (torch.zeros(1, 3, 3).double(), faces_of((0, 1, 2)), "not torch.float64"),
        (torch.zeros(1, 3, 3), faces_of((0, 1, 2)).long(), "faces must be int32"),
        (torch.zeros(1, 3, 3), faces_of((0, 1, 3)), "vertices 0 to 3, but screen has 3"),
        (torch.zeros(1, 3, 3), faces_of((0, 1, -1)), "vertices -1 to 1"),
    ],
)
def test_wrong_tensors_are_refused(screen: Tensor, faces: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rasterize(screen, faces, 4, 4)


@pytest.mark.parametrize("size", [(0, 4), (4, 2**20)])
def test_wrong_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"1 to 16384 samples a side, not \d+ x \d+"):
        rasterize(torch.zeros(1, 3, 3), faces_of((0, 1, 2)), *size)


def test_unknown_backend_is_one_line() -> None:
    with pytest.raises(UserError, match="no rasterizer is called 'opengl'; there are: numba, pyt"):
        rasterize(torch.zeros(1, 3, 3), faces_of((0, 1, 2)), 4, 4, backend="opengl")


def test_a_file_is_a_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file is listed by itself; without its dependency it fails only when it is chosen."""
    (tmp_path / "exotic.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(tmp_path)])
    assert backend_names() == ("exotic", "numba", "pytorch3d", "reference", "triton")
    with pytest.raises(UserError, match="'exotic' needs the package 'a_package_that_nobody_has'"):
        rasterize(torch.zeros(1, 3, 3), faces_of((0, 1, 2)), 4, 4, backend="exotic")
