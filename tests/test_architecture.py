"""The arrows between the packages, read from the imports."""

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted([*ROOT.glob("facegen/**/*.py"), *ROOT.glob("dcign/**/*.py")])
SOURCES = [ROOT / "cli.py", *PACKAGES]
DCIGN_MAY_USE = (
    "facegen.console",
    "facegen.errors",
    "facegen.files",
    "facegen.film",
    "facegen.latents",
    "facegen.live",
    "facegen.minibatches",
    "facegen.morphable",
    "facegen.pictures",
    "facegen.plot",
    "facegen.presets",
    "facegen.render",
    "facegen.rerender",
    "facegen.scene",
    "facegen.shards",
    "facegen.sweep",
)
"""The data format and the public renderer."""


def is_command_line(path: Path) -> bool:
    return path.name in ("cli.py", "console.py") or path.parent.name == "commands"


def imports(path: Path) -> Iterator[str]:
    """The dotted names of everything a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield f"{node.module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    for name in imports(path):
        top = name.partition(".")[0]
        assert top != "cli"
        assert top not in ("click", "rich") or is_command_line(path), name
        assert top != "dcign" or package in ("cli.py", "dcign"), name
        if package == "dcign" and top == "facegen":
            assert name.startswith(DCIGN_MAY_USE), name


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 260
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_everything_imported_is_a_declared_dependency() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    declared = re.findall(r"^[\w-]+", setup["options"]["install_requires"], flags=re.MULTILINE)
    # What rivals and other devices need is imported only when it is there.
    extras = setup["options.extras_require"]
    optional = re.findall(r"^[\w-]+", "".join(extras.values()), re.MULTILINE)
    names = {"pillow": "PIL", "scikit-learn": "sklearn", "scikit-image": "skimage"}
    known = {names.get(name, name) for name in (*declared, *optional, "pytorch3d")}
    known |= {"facegen", "dcign", *sys.stdlib_module_names}
    used = {name.partition(".")[0]: path for path in SOURCES for name in imports(path)}
    assert {name: str(path) for name, path in used.items() if name not in known} == {}
