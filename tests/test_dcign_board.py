"""What is seen of a run while it trains, and what it says of a full disk."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trainings import train, training

import dcign.train as train_module
from dcign.board import Curves, append

FULL = Path("/dev/full")


def test_tensorboard_reads_the_curves_of_a_resumed_run_once(
    synthetic_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "LOG_STEPS", 2)
    train(tmp_path, synthetic_dataset, 5)
    # A killed run has got further than its last checkpoint.
    killed = iter(training(tmp_path, synthetic_dataset))
    steps = [next(killed).step for _ in range(4)]
    killed.close()
    train(tmp_path, synthetic_dataset)
    assert steps[-1] == 9
    seen = EventAccumulator(str(tmp_path / "board"), {"images": 0}).Reload()
    assert seen.Tags()["images"] == ["reconstruction", "traversal"]
    assert [point.step for point in seen.Scalars("train/psnr")] == [2, 4, 6, 8, 10, 12]
    last = seen.Images("traversal")[-1]
    with Image.open(tmp_path / "samples" / "traversal-00000012.png") as picture:
        assert (last.step, last.width, last.height) == (12, *picture.size)
    assert last.encoded_image_string == Path(picture.filename).read_bytes()


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_with_the_path(tmp_path: Path) -> None:
    curves = Curves(tmp_path / "board", 0)
    curves.path = FULL
    for add in (
        lambda: append(FULL, b"line\n"),
        lambda: curves.points(1, {"psnr": 1.0}),
        lambda: curves.picture(1, "large", np.random.default_rng(0).bytes(100_000), (9, 9)),
    ):
        with pytest.raises(OSError, match="while adding") as caught:
            add()
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(FULL))


def test_a_run_may_have_a_name_that_is_no_text(synthetic_dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    train(folder, synthetic_dataset)
    assert any((folder / "board").iterdir())
    assert training(folder, synthetic_dataset).step == 12
