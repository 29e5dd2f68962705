"""The command line: quick to help, one line for every mistake."""

import importlib
import json
import pkgutil
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from fakes import CONFIG, make_dataset, open_fake
from PIL import Image

import facegen.commands
import facegen.generate
from cli import cli
from facegen.errors import UserError
from facegen.generate import Generation
from facegen.presets import PRESETS, default_folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def assert_one_line(result: Result, code: int = 2) -> str:
    """Check that a command failed as users like it; returns its line."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.isprintable()
    return line


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import cli, sys; heavy = {'torch', 'numpy', 'h5py', 'numba', 'PIL', 'rich'};"
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[1])


@pytest.mark.parametrize("command", cli.list_commands(click.Context(cli)))
def test_every_command_explains_itself(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_render_says_what_scene_variables_may_be_and_are() -> None:
    text = " ".join(run("render", "--help").output.split())
    assert "In degree, -180 to 180; as it grows, the nose moves to the right. [default: 18]" in text
    assert "names them; meant for 0 to 1, each -5 to 5, the others 0." in text
    assert (
        "In mm, 35 to 200; as it grows, the camera steps back and zooms in. [default: 93.6]" in text
    )


@pytest.mark.parametrize("name", [x.name for x in pkgutil.iter_modules(facegen.commands.__path__)])
def test_every_option_of_facegen_explains_itself(name: str) -> None:
    command = importlib.import_module(f"facegen.commands.{name}").command
    for one in command.commands.values() if isinstance(command, click.Group) else [command]:
        options = [param for param in one.params if isinstance(param, click.Option)]
        # A default alone is no explanation.
        assert [x.name for x in options if not x.help or x.help.startswith("[")] == []


def test_info_says_what_is_there(synthetic_dataset: Path) -> None:
    output = run("info", synthetic_dataset).output
    for text in ("16x16", "240 images", "3 azimuth", "-86 to 86 degree", "the nose", "seed 0"):
        assert text in output


def test_verify_exits_with_1_for_damage(synthetic_dataset: Path, tmp_path: Path) -> None:
    assert run("verify", synthetic_dataset).exit_code == 0
    shutil.copytree(synthetic_dataset, tmp_path / "faces")
    (tmp_path / "faces" / "test-00000.h5").write_bytes(b"")
    result = run("verify", tmp_path / "faces")
    assert result.exit_code == 1
    assert "3 of 4 files are sound" in result.stdout
    assert "test-00000.h5: 0 bytes" in result.stderr


@pytest.mark.parametrize("size", [16, 150])
def test_preview_draws_every_kind(tmp_path: Path, size: int) -> None:
    make_dataset(tmp_path / "faces", size=size, groups=(8, 4))
    assert run("preview", tmp_path / "faces").exit_code == 0
    with Image.open(tmp_path / "faces" / "preview.png") as sheet:
        assert sheet.width < 2000
        assert sheet.height > 8 * size
        # Text is dark on light paper, at the left of the title's line.
        assert sheet.convert("L").crop((28, 28, 200, 55)).getextrema()[0] < 80


def test_preview_of_a_data_set_without_training_images(tmp_path: Path) -> None:
    make_dataset(tmp_path / "faces", groups=(0, 1))
    assert run("preview", tmp_path / "faces", "--out", tmp_path / "sheet.png").exit_code == 0
    assert (tmp_path / "sheet.png").is_file()


BAD_GENERATE = [
    ["--seed", "nan"],
    ["--seed", "-1"],
    ["--seed", "1e3"],
    ["--seed", str(2**63)],
    ["--size", "-64"],
    ["--size", "0"],
    ["--size", "inf"],
    ["--workers", "0"],
    ["--preset", "huge"],
    ["--compression", "lzf"],
    ["--out", ""],
    ["--out", "a\0b"],
    ["--face-model", ""],
    ["--unknown"],
    ["stray"],
]


@pytest.mark.parametrize("bad", BAD_GENERATE, ids=" ".join)
def test_a_bad_argument_is_named(bad: list[str]) -> None:
    line = assert_one_line(run("generate", *bad))
    assert bad[0].strip("-") in line


@pytest.mark.parametrize("bad", ["nan", "0", "-1", "inf"])
def test_a_benchmark_without_end_is_refused(bad: str) -> None:
    assert_one_line(run("benchmark", "render", "--seconds", bad))


@pytest.mark.parametrize("what", ["render", "fit"])
def test_a_benchmark_looks_at_the_face_model_first(tmp_path: Path, what: str) -> None:
    line = assert_one_line(run("benchmark", what, "--face-model", tmp_path / "none.h5"))
    assert "none.h5: no such face model" in line


@pytest.mark.parametrize("command", ["info", "verify", "preview"])
@pytest.mark.parametrize("path", ["missing", "\x1b[31m\n\x07", "a" * 300, "\udcff"])
def test_a_path_without_data_set_is_one_line(command: str, path: str, tmp_path: Path) -> None:
    assert_one_line(run(command, str(tmp_path / path)))


@pytest.mark.parametrize("model", ["missing.h5", "text.h5"])
def test_a_bad_face_model_is_one_line(tmp_path: Path, model: str) -> None:
    (tmp_path / "text.h5").write_text("not a face model")
    out = tmp_path / "faces"
    line = assert_one_line(run("generate", "--face-model", tmp_path / model, "--out", out))
    assert model in line
    assert not out.exists()


@pytest.mark.parametrize("out", ["/dev/null/faces", "/proc/faces"])
def test_an_impossible_folder_is_one_line(synthetic_dataset: Path, out: str) -> None:
    line = assert_one_line(run("preview", synthetic_dataset, "--out", f"{out}/sheet.png"))
    assert out in line


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    line = assert_one_line(run("render-people", "--out", tmp_path / ("a" * 300 + ".png")))
    assert line.endswith("File name too long; choose a shorter name")


def test_a_folder_that_takes_no_files_is_told_before_anything_is_read() -> None:
    line = assert_one_line(run("fit", "missing.png", "--rendered", "--out", "/proc/self"))
    assert "/proc/self: " in line
    assert "nothing can be written" in line


@pytest.mark.parametrize("what", ["folder.png", "link.png", "file/sheet.png"])
def test_what_is_no_file_is_never_replaced(
    synthetic_dataset: Path, tmp_path: Path, what: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link.png").symlink_to(tmp_path / "file")
    line = assert_one_line(run("preview", synthetic_dataset, "--out", tmp_path / what))
    assert "not a f" in line
    assert "; choose another" in line
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "file").read_text() == "mine"


def test_pictures_are_called_png(synthetic_dataset: Path, tmp_path: Path) -> None:
    for command in (["preview", synthetic_dataset], ["benchmark", "scaling"]):
        for out in (tmp_path / "sheet.jpg", Path(".")):
            line = assert_one_line(run(*command, "--out", out))
            assert line == f"error: {out}: written as .png; choose a name that ends so"


def test_a_device_is_no_face_model() -> None:
    line = assert_one_line(run("face-model", "info", "/dev/zero"))
    assert "/dev/zero: neither a file nor a folder" in line


def test_a_sheet_larger_than_memory_is_refused(tmp_path: Path) -> None:
    line = assert_one_line(run("render-people", "--count", "1000", "--size", "4096"))
    assert "choose a smaller --count or --size" in line


def test_no_permission_is_one_line(
    synthetic_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr("os.replace", denied)
    sheet = tmp_path / "sheet.png"
    line = assert_one_line(run("preview", synthetic_dataset, "--out", sheet))
    assert f"{sheet}: Permission denied" in line
    assert "check who may read and write there" in line
    assert not list(tmp_path.iterdir())


def test_random_command_lines_never_show_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*arguments: object) -> None:
        raise UserError("these arguments would do")

    monkeypatch.setattr(facegen.generate, "Generation", reached)
    rng = random.Random(7)
    flags = ["--preset", "--out", "--seed", "--workers", "--face-model", "--compression", "--size"]
    flags += ["--shadows", "--dry-run", "--wheel", "--", "-", "-x", "--=", "--seed=nan"]
    values = ["nan", "-1", "1e999", "", "\x00", "\x1b]0;x\x07", "\n", "tiny", "0", "9" * 400]
    values += ["é\udc80", "../..", "~", "*"]
    commands = ["generate", "info", "verify", "preview", "face-model", "build", "bogus", ""]
    for _ in range(300):
        arguments = [rng.choice(commands)]
        arguments += [rng.choice(rng.choice([flags, values])) for _ in range(rng.randrange(6))]
        result = run(*arguments)
        assert result.exit_code == 2, arguments
        assert isinstance(result.exception, SystemExit), arguments
        assert "Traceback" not in result.output


def test_training_takes_the_largest_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_dataset(tmp_path / "data" / "faces-tiny", groups=(1, 1))
    with pytest.raises(UserError, match="make dataset"):
        default_folder()
    for name in ("faces-small", "faces"):
        make_dataset(tmp_path / "data" / name, groups=(1, 1))
        assert default_folder() == Path("data") / name


def test_the_configuration_is_shown_as_json(tmp_path: Path, head: object) -> None:
    out = tmp_path / "faces"
    result = run("generate", "--preset", "tiny", "--seed", "7", "--out", out, "--dry-run")
    assert result.exit_code == 0, result.output
    (line,) = [x for x in result.stdout.splitlines() if x.startswith("configuration: ")]
    config = json.loads(line.partition(": ")[2])
    assert (config["seed"], config["size"], config["render"]["size"]) == (7, 64, 64)
    assert " MB, in about 0:0" in result.stdout
    assert not out.exists()


def test_only_a_dry_run_waits_for_an_estimate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fake(Generation):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, open_source=open_fake)

        def seconds_needed(self) -> float:
            raise AssertionError("nothing is rendered for an estimate")

    monkeypatch.setattr("facegen.generate.Generation", Fake)
    monkeypatch.setitem(PRESETS, "tiny", CONFIG)
    result = run("generate", "--preset", "tiny", "--out", tmp_path / "faces", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "to render: " in result.stdout and " in about " not in result.stdout
    assert (tmp_path / "faces" / "manifest.json").exists()
