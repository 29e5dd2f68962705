"""Names that count up are shown as runs."""

import pytest

from facegen.listing import in_runs


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((), ""),
        (("age",), "age"),
        (("age", "pc_1", "pc_2", "pc_3", "lips"), "age pc_1 .. pc_3 lips"),
        (("a_1", "a_2"), "a_1 a_2"),
        (("a_1", "a_2", "a_3", "b_4", "b_5", "b_6"), "a_1 .. a_3 b_4 .. b_6"),
        (("9", "10", "11", "13"), "9 .. 11 13"),
        (("mode098", "mode099", "mode100"), "mode098 .. mode100"),
    ],
)
def test_runs(names: tuple[str, ...], shown: str) -> None:
    assert in_runs(names) == shown
