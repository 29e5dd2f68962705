"""Compilations are kept for the sources that they were made from."""

from pathlib import Path

from facegen.raster.jit import kernel, sources_digest


def test_any_file_with_kernels_changes_the_digest(tmp_path: Path) -> None:
    """A kernel is compiled into its callers in other files: those are out of date, too."""
    (tmp_path / "raster").mkdir()
    inner, plain = tmp_path / "raster" / "inner.py", tmp_path / "plain.py"
    inner.write_text("from facegen.raster.jit import kernel\nONE = 1\n")
    plain.write_text("TWO = 2\n")
    before = sources_digest(tmp_path)
    plain.write_text("TWO = 3\n")
    assert sources_digest(tmp_path) == before
    inner.write_text("from facegen.raster.jit import kernel\nONE = 2\n")
    assert sources_digest(tmp_path) != before


def test_compilations_are_kept_under_the_digest() -> None:
    def double(x: float) -> float:
        return 2 * x

    kernel(double)
    assert double.__qualname__.endswith(sources_digest(Path(__file__).parents[1] / "facegen"))
