"""The command line with the fake renderer, for tests that kill, interrupt or starve it.

Usage: fake_cli.py OUT [--option ...]
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes import CONFIG, open_fake

import cli
from facegen import generate, presets
from facegen.generate import Generation


class FakeGeneration(Generation):
    """Faces from the fake renderer, whatever face model is asked for."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args, open_source=open_fake)


if __name__ == "__main__":
    presets.PRESETS["tiny"] = CONFIG
    generate.Generation = FakeGeneration
    cli.cli(["generate", "--preset", "tiny", "--out", *sys.argv[1:]])
