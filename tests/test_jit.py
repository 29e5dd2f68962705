"""Compilations are kept for the sources that they were made from."""

import ast
import errno
from pathlib import Path

import numba
import numpy as np
import pytest

from facegen.raster.jit import forget_others, full_width, is_cold, kernel, leaf, sources_digest


def test_any_file_with_kernels_changes_the_digest(tmp_path: Path) -> None:
    """A kernel is compiled into its callers in other files: those are out of date, too."""
    (tmp_path / "raster").mkdir()
    kernels, constants, plain = (tmp_path / name for name in ("a.py", "raster/b.py", "c.py"))
    for file in (kernels, constants, plain):
        file.write_text("ONE = 1\n")
    kernels.write_text("from facegen.raster.jit import kernel\n")
    before = sources_digest(tmp_path)
    plain.write_text("ONE = 2\n")
    assert sources_digest(tmp_path) == before
    constants.write_text("ONE = 2\n")
    after = sources_digest(tmp_path)
    kernels.write_text("from facegen.raster.jit import kernel, prange\n")
    assert len({before, after, sources_digest(tmp_path)}) == 3


def test_other_compilations_are_forgotten(tmp_path: Path) -> None:
    kept = tmp_path / "raster" / "__pycache__"
    kept.mkdir(parents=True)
    names = {"a.f_0123abcd-1.py311.nbi", "a.f-1.py311.1.nbc", "a.cpython-311.pyc"}
    for name in names:
        (kept / name).touch()
    forget_others(tmp_path, "0123abcd")
    assert {file.name for file in kept.iterdir()} == names - {"a.f-1.py311.1.nbc"}


def test_a_first_run_is_known_by_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "raster" / "__pycache__"
    kept.mkdir(parents=True)
    (kept / "pigments.f_4567abcd-1.py311.nbi").touch()
    assert is_cold(tmp_path, "0123abcd")
    (kept / "a.f_0123abcd-1.py311.nbi").touch()
    assert is_cold(tmp_path, "0123abcd"), "a face model was built"
    (kept / "pigments.f_0123abcd-1.py311.nbi").touch()
    assert not is_cold(tmp_path, "0123abcd")
    # Kept elsewhere, they are not looked for.
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/somewhere")
    assert not is_cold(tmp_path, "4567ffff")


def test_compilations_are_kept_under_the_digest() -> None:
    def double(x: float) -> float:
        return 2 * x

    kernel(double)
    assert double.__qualname__.endswith(sources_digest(Path(__file__).parents[1] / "facegen"))


@pytest.mark.parametrize("broken", ["tempfile.TemporaryFile", "numba.core.caching.dumps"])
def test_a_disk_that_takes_no_compilations_costs_time_alone(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """With the first, numba finds no place to keep them in; with the second, writing fails."""

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def thrice(x: float) -> float:
        return 3 * x

    monkeypatch.setattr(broken, full)
    assert kernel(thrice)(2.0) == 6.0


@pytest.mark.parametrize("left", [b"", b"nothing that was pickled"])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_what_a_power_cut_left_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, left: bytes
) -> None:
    """An index or a compilation that is no whole one; the next to come finds a sound one again."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def again() -> tuple[float, int]:
        def four_times(x: float) -> float:
            return 4 * x

        compiled = kernel(four_times)
        return compiled(2.0), sum(compiled.stats.cache_hits.values())

    assert again() == (8.0, 0)
    (file,) = tmp_path.rglob(f"*.{ending}")
    file.write_bytes(left)
    assert again() == (8.0, 0)
    assert again() == (8.0, 1)


def test_leaves_make_no_arrays() -> None:
    """Nor get them from kernels that they call: nobody would ever give those back."""

    @leaf
    def made(count: int) -> object:
        return np.zeros(count)

    with pytest.raises(numba.TypingError):
        made(3)
    package = Path(__file__).parents[1] / "facegen"
    leaves, makers = [], {"zeros", "empty"}
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                marks = {getattr(mark, "id", "") for mark in node.decorator_list}
                if "kernel" in marks:
                    makers.add(node.name)
                if marks & {"leaf", "inlined"}:
                    leaves.append(node)
    assert len(leaves) > 30
    for node in leaves:
        called = {getattr(one, "attr", getattr(one, "id", "")) for one in ast.walk(node)}
        assert not called & makers, node.name


@pytest.mark.parametrize(
    ("processor", "features", "is_wide"),
    [
        ("rocketlake", "+avx2,+avx512f", True),
        ("cascadelake", "+avx2,+avx512f", False),
        ("haswell", "+avx2,-avx512f", False),
        ("apple-m1", "+neon", False),
    ],
)
def test_vectors_are_as_wide_as_they_pay(processor: str, features: str, is_wide: bool) -> None:
    expected = f"{features},-prefer-256-bit" if is_wide else features
    assert full_width(processor, features) == expected
