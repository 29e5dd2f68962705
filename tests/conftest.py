"""Fixtures that several test files share."""

from pathlib import Path

import pytest
from fakes import generation, make_dataset

from facegen.morphable import DEFAULT_MODEL, MorphableModel, load


@pytest.fixture(scope="session")
def head() -> MorphableModel:
    """The default head, as `make model` built it."""
    if not DEFAULT_MODEL.exists():
        pytest.skip("no data/head.h5: run `make model`")
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
def face_model() -> MorphableModel:
    """The default head; `make test` builds it first."""
    if not DEFAULT_MODEL.is_file():
        pytest.skip(f"no {DEFAULT_MODEL}; run `make model`")
    return load()
