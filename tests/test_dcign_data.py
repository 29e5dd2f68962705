"""What the network is fed: whole mini-batches at the asked ratio, averaged areas, in order."""

import math
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import make_groups, make_header
from scipy.stats import chisquare
from trainings import TINY

from dcign import images
from dcign.config import TrainConfig
from dcign.data import Batches, noise, prefetched
from dcign.images import Reduced, area_weights, network_input, reduced
from facegen.errors import UserError
from facegen.latents import FACTORS, LATENTS
from facegen.shards import Dataset, Groups, Slot, write_manifest, write_shard

CPU = torch.device("cpu")


def batches(data: Path, config: TrainConfig = TINY) -> Batches:
    return Batches(Dataset(data), config, CPU)


def one_kind(folder: Path, kind: int) -> Path:
    """A data set of mini-batches of a single kind."""
    groups = make_groups("train", 0, 12)
    chosen = np.flatnonzero(groups.factor_id == kind)
    header, slot = make_header(), Slot("train", 0, 0, len(chosen))
    numbers = np.arange(len(chosen), dtype=np.int32)
    kept = Groups(
        groups.images[chosen],
        groups.labels[chosen],
        groups.factor_id[chosen],
        numbers,
        groups.identity[chosen],
        groups.expression[chosen],
    )
    folder.mkdir()
    write_manifest(folder, header, [write_shard(folder, header, slot, kept)])
    return folder


# ---- draws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [None, 5])
def test_in_every_mini_batch_exactly_one_factor_varies(
    synthetic_dataset: Path, samples: int | None
) -> None:
    work = batches(synthetic_dataset, replace(TINY, samples=samples))
    seen = set()
    for step in range(30):
        batch = work.read(step)
        rows = np.arange(TINY.groups)[:, None], batch.draw.sample
        groups = work.dataset.read("train", batch.draw.group_id)
        pixels = torch.from_numpy(groups.images[rows]).float() / 255
        assert torch.equal(batch.images, pixels)
        assert all(len(set(row)) == (samples or 20) for row in batch.draw.sample.tolist())
        labels, identity = groups.labels[rows], groups.identity[rows]
        for group, kind in enumerate(batch.draw.factor_id):
            varying = {
                latent.factor
                for column, latent in enumerate(LATENTS)
                if np.ptp(labels[group, :, column])
            }
            varying |= {"identity"} if np.ptp(identity[group], axis=0).any() else set()
            assert varying == {FACTORS[kind]}
            seen.add(kind)
    assert seen == set(range(len(FACTORS)))


def test_kinds_come_in_the_asked_ratio(synthetic_dataset: Path) -> None:
    ratio = (1.0, 1.0, 1.0, 10.0)
    work = batches(synthetic_dataset, replace(TINY, ratio=ratio, groups=1000))
    draws = [work.draw(step) for step in range(100)]
    kinds = np.bincount(np.concatenate([draw.factor_id for draw in draws]))
    assert chisquare(kinds, kinds.sum() * np.array(ratio) / 13).pvalue > 1e-3
    groups = np.concatenate([draw.group_id for draw in draws])
    people = np.bincount(groups)[work.dataset.factor_ids("train") == 3]
    assert chisquare(people).pvalue > 1e-3


def test_a_kind_of_ratio_0_never_comes(synthetic_dataset: Path) -> None:
    work = batches(synthetic_dataset, replace(TINY, ratio=(0.0, 1.0, 0.0, 1.0), groups=100))
    assert set(work.draw(0).factor_id) == {1, 3}


def test_a_step_depends_on_nothing_but_its_number_and_the_seed(synthetic_dataset: Path) -> None:
    first, again = batches(synthetic_dataset), batches(synthetic_dataset)
    list(first.batches(range(5)))
    assert torch.equal(first.read(7).images, again.read(7).images)
    other = batches(synthetic_dataset, replace(TINY, seed=1))
    draws = [(*w.draw(s).group_id,) for w in (first, other) for s in range(8)]
    assert len(set(draws)) > 8
    assert torch.equal(noise(TINY, 3, (4, 2)), noise(TINY, 3, (4, 2)))
    assert not torch.equal(noise(TINY, 3, (4, 2)), noise(TINY, 4, (4, 2)))
    assert not torch.equal(noise(TINY, 3, (4, 2)), noise(replace(TINY, seed=1), 3, (4, 2)))


# ---- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), [(150, 64), (64, 64), (64, 16), (7, 3)])
def test_resizing_averages_areas(source: int, target: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (source, source), dtype=np.uint8)
    # Both grids have edges on a finer one: source pixels are repeated, target pixels are blocks.
    copies = target // math.gcd(source, target)
    fine = pixels.repeat(copies, axis=0).repeat(copies, axis=1) / 255
    block = source * copies // target
    blocks = fine.reshape(target, block, target, block).mean(axis=(1, 3))
    result = network_input(torch.from_numpy(pixels), target).numpy()
    # As bytes again, so half a gray level off at most.
    np.testing.assert_allclose(result, blocks, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(result, (result * 255).round().astype(np.float32) / 255)


def test_reduced_images_are_read_once(blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """And are the same, however they come."""
    group_id, sample = np.array([7, 3]), np.array([[0, 5, 2], [4, 4, 1]])
    found = blobs.read("train", group_id)
    rows = np.arange(2)[:, None]
    wanted = reduced(torch.from_numpy(found.images[rows, sample]), 8).numpy()
    kept = Reduced(blobs, 8)
    for _ in range(2):
        images, labels = kept.read(group_id, sample)
        np.testing.assert_array_equal(images, wanted)
        np.testing.assert_array_equal(labels, found.labels[rows, sample])
        monkeypatch.setattr(blobs, "read", None)
    # The rest of their mini-batches has come along; of others nothing has.
    kept.read(group_id, sample + 1)
    with pytest.raises(TypeError):
        kept.read(group_id + 1, sample)


def test_what_is_read_ahead_is_in_memory(blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    network = replace(TINY.network, image_size=8)
    batches = Batches(blobs, replace(TINY, network=network), torch.device("cpu"))
    batches.read_ahead(range(3))
    monkeypatch.setattr(blobs, "read", None)
    assert [len(batches.read(step).images) for step in range(3)] == [TINY.groups] * 3


def test_no_more_memory_than_a_share_is_taken(
    blobs: Dataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(images, "MEMORY_SHARE", 0.0)
    kept = Reduced(blobs, 8)
    assert "they are read anew every time" in caplog.messages[-1]
    first = kept.read(np.array([1]), np.array([[2, 3]]))[0]
    monkeypatch.setattr(images, "MEMORY_SHARE", 1.0)
    np.testing.assert_array_equal(
        Reduced(blobs, 8).read(np.array([1]), np.array([[2, 3]]))[0], first
    )
    monkeypatch.setattr(blobs, "read", None)
    with pytest.raises(TypeError):
        kept.read(np.array([1]), np.array([[2, 3]]))


def test_area_weights_are_shares() -> None:
    weights = area_weights(150, 64)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(weights.sum(0), 64 / 150, atol=1e-6)
    assert (weights >= 0).all()


def test_larger_data_are_resized_on_reading(synthetic_dataset: Path) -> None:
    work = batches(synthetic_dataset, replace(TINY, network=replace(TINY.network, image_size=8)))
    images = work.dataset.read("train", work.draw(0).group_id).images.astype(np.float32) / 255
    pairs = images.reshape(2, 20, 8, 2, 8, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(work.read(0).images.numpy(), pairs, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": replace(TINY.network, image_size=32)}, "16x16"),
        ({"samples": 21}, "mini-batches of 20"),
    ],
)
def test_data_that_do_not_fit_are_refused(
    synthetic_dataset: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        batches(synthetic_dataset, replace(TINY, **changes))  # type: ignore[arg-type]


def test_kinds_in_another_order_are_refused(tmp_path: Path) -> None:
    order = tuple(reversed(FACTORS))
    header, slot = replace(make_header(), factors=order), Slot("train", 0, 0, 4)
    write_manifest(
        tmp_path, header, [write_shard(tmp_path, header, slot, make_groups("train", 0, 4))]
    )
    with pytest.raises(UserError, match=f"varies {', '.join(order)}, .*, in this order"):
        batches(tmp_path)


def test_a_missing_kind_is_named(tmp_path: Path) -> None:
    data = one_kind(tmp_path / "faces", kind=2)
    with pytest.raises(UserError, match="azimuth varies"):
        batches(data)
    work = batches(data, replace(TINY, ratio=(0.0, 0.0, 1.0, 0.0)))
    assert set(work.draw(0).factor_id) == {2}


# ---- reading ahead -------------------------------------------------------------------------------


def test_what_is_read_ahead_comes_in_order(synthetic_dataset: Path) -> None:
    work = batches(synthetic_dataset)
    for step, batch in enumerate(work.batches(range(3, 23)), start=3):
        assert torch.equal(batch.images, work.read(step).images)
    assert step == 22


def test_steps_that_are_read_together_are_those_that_are_read_alone(
    synthetic_dataset: Path,
) -> None:
    work, alone = batches(synthetic_dataset), batches(synthetic_dataset)
    work._steps_at_once = 4
    expected = [alone.read(step) for step in range(3, 14)]
    for batch, other in zip(work.batches(range(3, 14)), expected, strict=True):
        assert torch.equal(batch.images, other.images)
        assert torch.equal(batch.truth, other.truth)
        np.testing.assert_array_equal(batch.draw.group_id, other.draw.group_id)


def test_a_failure_comes_in_its_place_and_no_thread_stays() -> None:
    def make(step: int) -> int:
        if step == 5:
            raise UserError("damaged")
        return step

    before = threading.active_count()
    items = prefetched(make, range(10))
    assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(UserError, match="damaged"):
        next(items)
    half = prefetched(make, range(5))
    next(half)
    half.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("size", [90, 95, 112, 120, 180, 300])
def test_averaged_white_is_white_and_not_more(size: int) -> None:
    white = torch.full((1, size, size), 255, dtype=torch.uint8)
    averaged = network_input(white, 64)
    assert float(averaged.max()) <= 1.0
    assert float(averaged.min()) > 0.99999


def test_memory_is_what_our_control_group_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own limit or that of one around it; "max" is none; outside of any, the machine's."""
    monkeypatch.setattr(images, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(images, "OWN_GROUP", tmp_path / "own")
    machine = images.memory()
    assert machine > 1e8
    (tmp_path / "own").write_text("4:memory:/other\n0::/job/step\n")
    (tmp_path / "job" / "step").mkdir(parents=True)
    (tmp_path / "job" / "step" / "memory.max").write_text("max\n")
    assert images.memory() == machine
    (tmp_path / "job" / "memory.max").write_text("1000\n")
    assert images.memory() == 1000
    (tmp_path / "job" / "step" / "memory.max").write_text("500\n")
    assert images.memory() == 500
    # A container sees its own group as the topmost, whatever it is called outside.
    (tmp_path / "memory.max").write_text("300\n")
    (tmp_path / "own").write_text("0::/elsewhere/entirely\n")
    assert images.memory() == 300
