"""Data sets that keep the truth beside their images."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from test_cli import assert_one_line, run

from facegen.errors import UserError
from facegen.generate import Generation, header_of
from facegen.maker import Maker, Source, open_source
from facegen.manifest import Slot
from facegen.morphable import DEFAULT_MODEL, MorphableModel
from facegen.presets import GenerateConfig, folder
from facegen.render import Renderer, RenderSettings
from facegen.shards import Dataset, Verification
from facegen.truth import GroundTruth
from facegen.truth_columns import COLUMNS, PARTS

CONFIG = GenerateConfig(size=32, train=1, test=1, factors=("azimuth", "expression"), truth=True)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, head: MorphableModel) -> Path:
    """2 + 2 mini-batches with their truth."""
    out = tmp_path_factory.mktemp("told") / "faces"
    work = Generation(CONFIG, out, DEFAULT_MODEL, workers=1)
    needed = work.bytes_needed()
    list(work)
    used = sum(path.stat().st_size for path in out.glob("*.h5"))
    assert 0.8 * needed < used <= needed
    return out


def test_plain_h5py_finds_the_truth_and_its_units(told: Path) -> None:
    with h5py.File(told / "train-00000.h5") as shard:
        assert shard["landmarks"].shape == (40, 68, 2)
        assert shard["depth"].shape == shard["parts"].shape == (40, 32, 32)
        assert [name.decode() for name in shard.attrs["part_names"]] == list(PARTS)
        for column in COLUMNS:
            unit = shard[column.name].attrs["unit"]
            assert (unit.decode() if isinstance(unit, bytes) else unit) == column.unit
        lips = shard["parts"][0] == PARTS.index("lips")
        assert 3 < lips.sum() < 60


def test_it_is_what_the_renderer_says(told: Path, head: MorphableModel) -> None:
    dataset = Dataset(told)
    renderer = Renderer(head, RenderSettings(size=32))
    for group, row in ((0, 13), (1, 4)):
        read, kept = dataset.read("train", [group]), dataset.read_truth("train", [group])
        labels, identity, expression = (
            torch.from_numpy(values[0, [row]])
            for values in (read.labels, read.identity, read.expression)
        )
        with torch.no_grad():
            people = renderer.people(identity, expression)
            truth = GroundTruth(renderer)(people, renderer.view(labels, dataset.labels))
        for column in COLUMNS:
            values = getattr(truth, column.name)[0].numpy()
            tolerance = {"normals": 1e-3, "albedo": 1 / 255, "mask": 1 / 255}.get(column.name, 0.02)
            stored = kept[column.name][0, row] / (255 if column.share else 1)
            apart = np.abs(stored - values.astype(float))
            assert np.quantile(apart, 0.999) <= tolerance, column.name


def test_pictures_and_truth_share_a_renderer(head: MorphableModel) -> None:
    sources = []

    def opened(config: GenerateConfig, model_path: Path | None) -> Source:
        sources.append(open_source(config, model_path))
        return sources[-1]

    header = header_of(CONFIG, open_source(CONFIG, None))
    Maker(CONFIG, header, Path(), None, opened).render(Slot("train", 0, 0, 1))
    (source,) = sources
    assert source.renderer() is source.renderer()


def test_what_is_fixed_stays_and_what_varies_moves(told: Path) -> None:
    turned = Dataset(told).read_truth("train", [0])
    assert np.ptp(turned["landmarks"][0, :, 30, 0]) > 8, "the nose moves sideways"
    talking = Dataset(told).read_truth("train", [1])
    assert np.ptp(talking["landmarks"][0, :, 27], axis=0).max() < 1, "the nose's root does not"
    assert np.ptp(talking["landmarks"][0, :, 57, 1]) > 1, "the lower lip does"
    assert np.ptp(talking["extrinsics"][0], axis=0).max() == 0


@pytest.mark.parametrize("name", ["landmarks", "depth", "parts"])
def test_damaged_truth_is_found(told: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(told, tmp_path / "faces")
    shard = tmp_path / "faces" / "train-00000.h5"
    with h5py.File(shard) as file:
        place = file[name].id.get_chunk_info(1).byte_offset + 50
    data = bytearray(shard.read_bytes())
    data[place] ^= 8
    shard.write_bytes(data)
    problems = [problem for _, problem in Verification(tmp_path / "faces") if problem]
    assert len(problems) == 1
    assert "train-00000.h5" in problems[0]
    with pytest.raises(UserError, match=r"train-00000\.h5"):
        Dataset(tmp_path / "faces").read_truth("train", [1])


def test_info_and_default_folder_say_so(told: Path) -> None:
    output = run("info", told).output
    assert "truth beside the images: landmarks, landmarks_visible, depth" in output
    assert folder("tiny", GenerateConfig(truth=True)) == Path("data/faces-tiny-truth")


def test_a_data_set_without_truth_says_so(synthetic_dataset: Path) -> None:
    with pytest.raises(UserError, match="generate --truth"):
        Dataset(synthetic_dataset).read_truth("train", [0])


def test_generate_takes_the_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def reached(config: GenerateConfig, *arguments: object) -> None:
        asked.append(config)
        raise UserError("this is all that is tested")

    monkeypatch.setattr("facegen.generate.Generation", reached)
    for flags in ([], ["--truth"]):
        assert_one_line(run("generate", "--preset", "tiny", *flags, "--out", tmp_path / "faces"))
    assert [config.truth for config in asked] == [False, True]
    assert asked[1].per_shard < asked[0].per_shard, "a shard is built in memory"
