"""What units mean, as measured, and pictures drawn again with it."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from dcign import methods
from dcign.calibration import CALIBRATION, Calibration, calibration_of, fit_curve
from dcign.checkpoint import unsealed
from dcign.hallucinate import hallucinate, prepare, read_picture, strangeness
from dcign.models.network import Network, Posterior
from facegen.errors import UserError
from facegen.latents import FACTORS
from runs import SIZE, TINY, Ideal

# ---- calibration ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_curve_is_monotone_and_finds_a_known_relation(sign):
    rng = np.random.default_rng(0)
    values = rng.uniform(-80, 80, 4000)
    codes = sign * 5 * np.tanh(values / 60) + 0.3 * rng.standard_normal(4000)
    curve = fit_curve(values, codes, -80, 80)
    asked = np.linspace(-80, 80, 41)
    assert np.allclose(curve.at(asked), sign * 5 * np.tanh(asked / 60), atol=0.2)
    assert (np.diff(sign * curve.at(asked)) >= 0).all()
    assert curve.at(np.array([-200.0]))[0] == curve.at(np.array([-80.0]))[0]


def test_curve_smooths_a_kink_and_ignores_outliers():
    values = np.repeat(np.linspace(-10, 10, 24), 9)
    codes = values.copy()
    codes[90:99] -= 3
    codes[0] = 1e6
    curve = fit_curve(values, codes, -10, 10)
    assert (np.diff(curve.codes) >= 0).all()
    assert max(curve.codes) < 12


def test_calibration_is_kept_until_the_checkpoint_changes(run, blobs, tmp_path):
    first = calibration_of(run)
    path = run.path / CALIBRATION
    written = path.read_bytes()
    stamp = path.stat().st_mtime_ns
    assert calibration_of(run) == first
    assert path.stat().st_mtime_ns == stamp
    assert Calibration.from_json(unsealed(written.decode())) == first
    edited = written.replace(b'"strange": ', b'"strange": 1')
    for damage in (b"{", b"[]", b"\xff", edited):
        assert damage != written
        path.write_bytes(damage)
        assert calibration_of(run) == first
        assert path.read_bytes() == written
    assert calibration_of(dataclasses.replace(run, step=8)).step == 8
    assert first.low < first.high
    assert np.linalg.norm(first.direction) == pytest.approx(1)


def test_calibration_names_the_run_whose_data_is_gone(run, tmp_path):
    with pytest.raises(UserError, match=r"one: the data set it .* needed \(.*--data\): .*gone"):
        calibration_of(dataclasses.replace(run, data_path=str(tmp_path / "gone")))
    with pytest.raises(UserError, match=r"trained on data set 0123, and .* is now"):
        calibration_of(dataclasses.replace(run, data_fingerprint="0123"))


# ---- hallucination -------------------------------------------------------------------------------


class Recorder(Network):
    """Remembers the codes it is asked to draw."""

    codes = torch.empty(0)

    def decode(self, code):
        self.codes = code
        return super().decode(code)


@pytest.fixture
def recorder(run):
    network = Recorder(TINY)
    network.load_state_dict(run.network.state_dict())
    return dataclasses.replace(run, network=network.eval())


@pytest.mark.parametrize("factor", ["azimuth", "elevation", "light"])
def test_only_the_factors_unit_moves_and_as_calibrated(recorder, blobs, factor):
    calibration = calibration_of(recorder)
    image = blobs.read("test", [0]).images[0, 0].astype(np.float32) / 255
    values = np.linspace(-20, 20, 5, dtype=np.float32)
    frames = hallucinate(recorder, calibration, image, factor, values)
    assert frames.shape == (5, SIZE, SIZE)
    assert frames.dtype == np.uint8
    codes, unit = recorder.network.codes.numpy(), FACTORS.index(factor)
    own = recorder.network.encode(torch.from_numpy(image[None])).mean.detach().numpy()
    assert np.allclose(np.delete(codes, unit, 1), np.delete(own, unit, 1))
    assert np.allclose(codes[:, unit], calibration.curves[unit].at(values))


def test_identity_walks_between_two_people_or_through_the_training(recorder, blobs):
    calibration = calibration_of(recorder)
    pictures = blobs.read("test", [3]).images[0].astype(np.float32) / 255
    values = np.array([0.0, 0.5, 1.0], np.float32)
    ends = recorder.network.encode(torch.from_numpy(pictures[:2])).mean.detach().numpy()
    hallucinate(recorder, calibration, pictures[0], "identity", values, pictures[1])
    codes = recorder.network.codes.numpy()
    assert np.allclose(codes[:, :3], ends[0, :3])
    assert np.allclose(codes[[0, 2], 3:], ends[:, 3:], atol=1e-6)
    hallucinate(recorder, calibration, pictures[0], "identity", values)
    codes = recorder.network.codes.numpy()
    along = codes[:, 3:] @ np.array(calibration.direction)
    middle = (calibration.low + calibration.high) / 2
    assert np.allclose(along, [calibration.low, middle, calibration.high], atol=1e-5)
    assert np.allclose(codes[:, :3], ends[0, :3])


def test_noise_is_stranger_than_the_training_images(run, blobs):
    calibration = calibration_of(run)
    calibration = dataclasses.replace(calibration, strange=calibration.strange / 2)
    usual = blobs.read("train", [0]).images[0, 0].astype(np.float32) / 255
    other = np.random.default_rng(0).integers(0, 2, (SIZE, SIZE)).astype(np.float32)
    assert strangeness(run, calibration, other) > strangeness(run, calibration, usual)


def test_prepare_crops_the_middle_and_averages():
    picture = np.zeros((4, 8), np.uint8)
    picture[:, 2:4] = 255
    assert np.allclose(prepare(picture, 2), [[1, 0], [1, 0]])
    assert np.allclose(prepare(np.full((5, 5), 51, np.uint8), 3), 0.2)
    assert np.allclose(prepare(np.full((2, 2), 255, np.uint8), 5), 1)


def test_read_picture_weighs_colours_and_fills_transparency_with_white(tmp_path):
    colours = np.zeros((1, 4, 4), np.uint8)
    colours[0, 0], colours[0, 1], colours[0, 2] = (
        (255, 0, 0, 255),
        (0, 255, 0, 255),
        (0, 0, 255, 255),
    )
    Image.fromarray(colours).save(tmp_path / "c.png")
    assert read_picture(tmp_path / "c.png").tolist() == [[54, 184, 18, 255]]


def test_units_without_names_are_found_before_they_are_moved(run, blobs):
    class Exchanged(Ideal):
        """Azimuth, elevation and light stand last."""

        def encode(self, image):
            return Posterior(*(x.flip(-1) for x in super().encode(image)))

    config = dataclasses.replace(run.config, method=methods.make("vae"))
    network = Exchanged(TINY).eval()
    found = calibration_of(dataclasses.replace(run, network=network, config=config))
    assert found.units[:2] == (5, 4)
    assert len(found.direction) == TINY.code_size - 3
    codes = []
    network.decode = lambda code: codes.append(code) or torch.zeros(len(code), SIZE, SIZE)
    image = blobs.read("test", [0]).images[0, 0].astype(np.float32) / 255
    run = dataclasses.replace(run, network=network)
    hallucinate(run, found, image, "azimuth", np.array([-80.0, 80.0], np.float32))
    assert np.flatnonzero(np.ptp(codes[0].numpy(), axis=0)).tolist() == [5]
