"""The distance learned from the data."""

import numpy as np
import pytest

import dcign.perceptual
from dcign.perceptual import perceptual
from runs import SIZE


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(dcign.perceptual, "STEPS", 60)


def test_it_is_a_distance_that_grows_with_the_pose(blobs):
    far = perceptual(blobs, SIZE)
    read = blobs.read("test", [0])
    images = read.images[0].astype(np.float32) / 255
    order = np.argsort(read.labels[0, :, 0])
    first, near, last = (images[order[[i]]] for i in (0, 1, -1))
    assert far(images, images) == pytest.approx(0)
    assert far(first, last) == pytest.approx(far(last, first))
    assert far(first, last) > 0.05
    assert far(first, near) < 0.5 * far(first, last)


def test_it_is_learned_once_and_again_when_damaged(blobs, tmp_path, monkeypatch):
    images = blobs.read("test", [1]).images[0].astype(np.float32) / 255
    first = perceptual(blobs, SIZE, tmp_path)(images[:5], images[5:10])
    (kept,) = tmp_path.iterdir()
    stamp = kept.stat().st_mtime_ns
    assert np.array_equal(perceptual(blobs, SIZE, tmp_path)(images[:5], images[5:10]), first)
    assert kept.stat().st_mtime_ns == stamp
    kept.write_bytes(kept.read_bytes()[:100])
    assert np.array_equal(perceptual(blobs, SIZE, tmp_path)(images[:5], images[5:10]), first)
    assert kept.stat().st_mtime_ns != stamp


def test_a_reader_learns_to_read(blobs):
    reader = dcign.perceptual._untrained(blobs, SIZE)
    images, wanted = dcign.perceptual._examples(blobs, SIZE)

    def error():
        found = reader(images.float() / 255).detach()
        return float(((found - wanted)[:, 0] ** 2).mean())

    before = error()
    dcign.perceptual.learn(reader, blobs, SIZE)
    assert error() < 0.3 * before
