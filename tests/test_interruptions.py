"""Generation killed, interrupted or starved: what was finished is kept, and resuming is exact."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import digests, generation

from facegen.files import PARTIAL

FAKE_CLI = Path(__file__).with_name("fake_cli.py")


@contextlib.contextmanager
def running(out: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command line at work on CONFIG, slowed down."""
    command = [sys.executable, str(FAKE_CLI), str(out), "--workers", "2", *options]
    pipe = subprocess.PIPE
    environment = {**os.environ, "FAKE_DELAY": "0.08"}
    with subprocess.Popen(
        command,
        stderr=pipe,
        text=True,
        env=environment,
        start_new_session=True,
        preexec_fn=_heed_ctrl_c,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _heed_ctrl_c() -> None:
    """Undo what a shell does to programs in its background, whose children would ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited a minute"
        time.sleep(0.01)


@pytest.mark.parametrize("shards", [0, 1, 5, 12, 16])
def test_killed_at_any_moment_it_resumes_to_the_same_bytes(
    made: Path, tmp_path: Path, shards: int
) -> None:
    out = tmp_path / "faces"
    with running(out) as process:
        wait_until(lambda: out.exists() and len(list(out.glob("*.h5"))) >= shards)
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = {name: digest for name, digest in digests(out).items() if name.endswith(".h5")}
    assert left.items() <= digests(made).items()
    list(generation(out))
    assert digests(out) == digests(made)


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    out = tmp_path / "faces"
    with running(out) as process:
        wait_until(lambda: out.exists() and any(out.glob("*.h5")))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("no /proc here to find the workers in")
        workers = [Path("/proc", pid) for pid in children.read_text().split()]
        assert len(workers) >= 2
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: not any(worker.exists() for worker in workers))


def test_ctrl_c_keeps_finished_shards(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    with running(out) as process:
        wait_until(lambda: out.exists() and any(out.glob("*.h5")))
        # As the terminal does: to the workers too.
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "shards are kept" in stderr.splitlines()[-1]
    assert not list(out.glob(f".*{PARTIAL}"))
    assert digests(out).items() < digests(made).items()
    list(generation(out))
    assert digests(out) == digests(made)


def test_the_first_worker_is_deaf_to_ctrl_c_too() -> None:
    """In a process that has started none: with the first comes a helper that lets it in again."""
    script = """
import functools, signal
from facegen.pool import map_unordered
blocked = functools.partial(signal.pthread_sigmask, signal.SIG_BLOCK)
print(*(signal.SIGINT in mask for mask in map_unordered(blocked, [(), ()], workers=2)))
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["True", "True"]


def test_a_full_disk_is_one_line_and_the_rest_is_kept(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    limit = (made / "test-00002.h5").stat().st_size // 1024 + 1
    script = f'ulimit -f {limit}; exec "$0" "$@"'
    command = ["bash", "-c", script, sys.executable, str(FAKE_CLI), str(out), "--workers", "1"]
    # The last shard of each split is shorter and fits; one is there from before.
    out.mkdir()
    shutil.copy(made / "test-00002.h5", out)
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"error: {out / 'train-00000.h5'}: File too large while writing")
    assert "Traceback" not in result.stderr
    assert list(digests(out)) == ["test-00002.h5"]
    list(generation(out))
    assert digests(out) == digests(made)


CALLED_BACK = """
import ctypes, os, signal, time
from facegen.console import heed_ctrl_c
heed_ctrl_c()

@ctypes.CFUNCTYPE(None)
def called_back():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0)

called_back()
for _ in range(600):
    time.sleep(0.1)
"""


def test_ctrl_c_is_heard_where_python_throws_its_exception_away() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CALLED_BACK],
        capture_output=True,
        text=True,
        preexec_fn=_heed_ctrl_c,
        timeout=50,
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
