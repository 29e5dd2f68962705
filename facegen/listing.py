"""Names that people read: numbered ones as runs."""

import re
from collections.abc import Sequence


def in_runs(names: Sequence[str]) -> str:
    """The names with spaces between; of three and more that count up, the first and the last.

    ("age", "pc_1", "pc_2", "pc_3") becomes "age pc_1 .. pc_3".
    """
    runs: list[list[str]] = []
    for name in names:
        if runs and name == _next(runs[-1][-1]):
            runs[-1].append(name)
        else:
            runs.append([name])
    return " ".join(f"{run[0]} .. {run[-1]}" if len(run) > 2 else " ".join(run) for run in runs)


def _next(name: str) -> str:
    """The name that counts one further; no name where this one has no number."""
    found = re.fullmatch(r"(.*?)(\d+)", name)
    return f"{found[1]}{str(int(found[2]) + 1).zfill(len(found[2]))}" if found else ""
