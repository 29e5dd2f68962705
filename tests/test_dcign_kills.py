"""SIGKILL while checkpoints are being written: what is left is always whole, and never older."""

import subprocess
import sys
from pathlib import Path

KILLS = 50


def test_a_killed_save_leaves_a_whole_checkpoint(synthetic_dataset: Path, tmp_path: Path) -> None:
    script = Path(__file__).with_name("save_forever.py")
    command = [sys.executable, script, tmp_path / "run", synthetic_dataset, str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    steps = [int(line) for line in done.stdout.split()]
    assert len(steps) == KILLS
    assert steps == sorted(steps)
    assert steps[-1] > steps[0], "nothing was ever saved between two kills"
