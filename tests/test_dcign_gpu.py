"""Training and judging on a GPU: what the CPU does, where the data set lives and codes are made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from trainings import TINY

from dcign.checkpoint import load_run
from dcign.codes import decode, encode
from dcign.config import PRESETS, TrainConfig
from dcign.data import Batches
from dcign.study import Study
from dcign.train import Training
from facegen.live import LiveDataset
from facegen.morphable import MorphableModel
from facegen.presets import GenerateConfig
from facegen.shards import Dataset

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
GPU, CPU = torch.device("cuda"), torch.device("cpu")
BEST = replace(
    PRESETS["best"],
    network=replace(
        PRESETS["best"].network,
        image_size=16, code_size=8, encoder_channels=(4, 8), decoder_channels=(8, 4), hidden=16,
    ),
    steps=6,
    groups=4,
)  # fmt: skip
CONFIGS = pytest.mark.parametrize("config", [replace(TINY, steps=6), BEST], ids=["paper", "best"])


@pytest.mark.parametrize("size", [16, 8])
def test_images_that_live_on_the_gpu_are_those_of_the_disk(
    synthetic_dataset: Path, size: int
) -> None:
    config = replace(TINY, network=replace(TINY.network, image_size=size))
    on_gpu, on_cpu = (Batches(Dataset(synthetic_dataset), config, x) for x in (GPU, CPU))
    on_gpu.load_resident()
    assert on_gpu._resident is not None
    for step in range(3):
        one, other = on_gpu.read(step), on_cpu.read(step)
        assert one.images.device.type == "cuda"
        torch.testing.assert_close(one.images.cpu(), other.images, rtol=0, atol=1 / 255 + 1e-6)
        torch.testing.assert_close(one.truth.cpu(), other.truth)


@CONFIGS
def test_a_gpu_trains_stops_and_goes_on(
    synthetic_dataset: Path, tmp_path: Path, config: TrainConfig
) -> None:
    data = Dataset(synthetic_dataset)
    first = Training(replace(config, steps=3), data, tmp_path / "run", GPU)
    records = list(first)
    records += list(Training(config, data, tmp_path / "run", GPU))
    assert [record.step for record in records] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(record.reconstruction) for record in records)
    on_cpu = next(iter(Training(config, data, tmp_path / "cpu", CPU)))
    assert records[0].reconstruction == pytest.approx(on_cpu.reconstruction, rel=0.02)


@CONFIGS
def test_codes_and_pictures_of_a_gpu_are_those_of_the_cpu(
    synthetic_dataset: Path, tmp_path: Path, config: TrainConfig
) -> None:
    data = Dataset(synthetic_dataset)
    list(Training(config, data, tmp_path / "run", GPU))
    run = load_run(tmp_path / "run")
    groups = np.arange(data.group_count("test"))
    on_cpu = encode(run.network, data, "test", groups)
    pictures = decode(run.network, on_cpu.mean)
    run.network.to(GPU)
    on_gpu = encode(run.network, data, "test", groups)
    np.testing.assert_allclose(on_gpu.mean, on_cpu.mean, rtol=0.01, atol=0.01)
    np.testing.assert_allclose(decode(run.network, on_cpu.mean), pictures, rtol=0.02, atol=0.02)


def test_a_gpu_renders_what_it_learns_from(head: MorphableModel) -> None:
    """Many steps' images at once, and nearly those that the CPU renders."""
    scenes = GenerateConfig(size=32, train=2, test=1)
    steps, drawn = range(5), []
    for device in (GPU, CPU):
        work = Batches(LiveDataset(scenes, device=device.type), TINY, device)
        work.load_resident()
        drawn.append([batch.images.cpu() for batch in work.batches(steps)])
    images, others = (torch.stack(some) for some in drawn)
    assert ((images - others).abs() < 1.5 / 255).float().mean() > 0.99
    assert images.std() > 0.1


def test_a_study_on_a_gpu_trains_and_glances(synthetic_dataset: Path, tmp_path: Path) -> None:
    study = Study({"best": BEST}, 1, Dataset(synthetic_dataset), tmp_path, GPU)
    (job,) = study.jobs
    list(study.train(job, study.training(job)))
    assert job.curve()[-1].step == BEST.steps
