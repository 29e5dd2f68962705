"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest
import torch
from fakes import generation, make_dataset

from dcign.checkpoint import Run, load_run
from facegen.morphable import DEFAULT_MODEL, MorphableModel, load
from facegen.shards import Dataset
from runs import SIZE, save_run

if not torch.cuda.is_available():
    # Before anyone imports triton, which reads it once.
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(scope="session")
def head() -> MorphableModel:
    """The default head; `make test` builds it first."""
    if not DEFAULT_MODEL.is_file():
        pytest.skip(f"no {DEFAULT_MODEL}; run `make model`")
    return load()


@pytest.fixture(scope="session")
def synthetic_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 12 + 4 mini-batches at 16x16 from the fake renderer; not to be written to."""
    folder = tmp_path_factory.mktemp("synthetic") / "faces"
    make_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What fakes.CONFIG gives when nothing goes wrong, by one worker; not to be written to."""
    out = tmp_path_factory.mktemp("made") / "faces"
    assert all(shard.rendered for shard in generation(out, workers=1))
    return out


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A data set of 40 + 8 mini-batches at 16x16 from the fake renderer; not to be written to."""
    folder = tmp_path_factory.mktemp("blobs") / "faces"
    make_dataset(folder, size=SIZE, groups=(40, 8))
    return Dataset(folder)


@pytest.fixture
def run(tmp_path: Path, blobs: Dataset) -> Run:
    """An untrained run in runs/one."""
    return load_run(save_run(tmp_path / "runs" / "one", blobs))


@pytest.fixture
def here(run: Run, tmp_path, monkeypatch):
    """A folder with a run in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
