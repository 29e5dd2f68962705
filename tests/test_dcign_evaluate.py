"""Evaluation, calibration and sweeps of a run, on data whose pictures are a formula."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fakes import make_dataset
from PIL import Image

import cli
import dcign.commands.render_sweep
import dcign.console
from dcign.calibration import CALIBRATION, Calibration, calibration_of, fit_curve
from dcign.checkpoint import Checkpoint, Run, Settings, load_run, save_checkpoint, save_settings
from dcign.codes import Codes, encode, some_groups
from dcign.config import PRESETS
from dcign.evaluate import ORIGINAL, evaluate, factor_reports, factor_table
from dcign.hallucinate import hallucinate, prepare, read_picture, strangeness
from dcign.models.network import Network, NetworkConfig, Posterior
from dcign.show import FRAME, SIDE, find_run, show_picture, show_run
from facegen.errors import UserError
from facegen.latents import EXPRESSION, FACTORS, LATENTS, OPTIONAL
from facegen.shards import Dataset

SIZE = 16
TINY = NetworkConfig(SIZE, 6, (4,), (4, 4), 5, 5, True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "faces"
    make_dataset(folder, size=SIZE, groups=(40, 8))
    return Dataset(folder)


def save_run(folder: Path, dataset: Dataset, step: int = 7, network: NetworkConfig = TINY) -> Path:
    """An untrained run."""
    folder.mkdir(parents=True, exist_ok=True)
    config = dataclasses.replace(PRESETS["small"], network=network)
    settings = Settings(config, str(dataset.path), dataset.fingerprint)
    torch.manual_seed(0)
    save_settings(folder, settings)
    save_checkpoint(folder, Checkpoint(step, settings, Network(network).state_dict(), {}))
    return folder


@pytest.fixture
def run(tmp_path, data):
    return load_run(save_run(tmp_path / "runs" / "one", data))


class Ideal(Network):
    """Reads azimuth, elevation and light off the fake renderer's pictures; the rest is noise."""

    def encode(self, image):
        ramp = torch.linspace(-1, 1, image.shape[-1])
        blob = image.clamp(min=1e-6)
        total = blob.sum((-2, -1))
        x = (blob * ramp).sum((-2, -1)) / total
        y = (blob * ramp[:, None]).sum((-2, -1)) / total
        spread = (blob * (ramp - x[..., None, None]) ** 2).sum((-2, -1)) / total
        generator = torch.Generator().manual_seed(len(image))
        rest = torch.randn((*image.shape[:-2], 3), generator=generator)
        mean = torch.cat([torch.stack([x, -y, spread], -1), rest], -1)
        return Posterior(mean, torch.full_like(mean, -20.0))


# ---- evaluation ----------------------------------------------------------------------------------


def codes_of(units, labels, deviation=0.0):
    count = len(labels)
    return Codes(
        mean=units.astype(np.float32),
        deviation=np.full(units.shape, deviation, np.float32),
        labels=labels.astype(np.float32),
        factor_id=np.zeros(count, np.uint8),
        group_id=np.zeros(count, np.int32),
        scores={},
    )


def labelled(seed, count=1200):
    rng = np.random.default_rng(seed)
    high = np.array([latent.high for latent in LATENTS])
    return rng.uniform(-high, high, (count, 3)), rng.standard_normal((count, 6))


def test_a_perfect_code_is_judged_perfect_and_a_leak_is_found():
    reports = {}
    for leak in (0.0, 1.0):
        pair = []
        for seed in (0, 1):
            labels, units = labelled(seed)
            units[:, :3] = labels
            # What leaks is the elevation, into one of the intrinsic units.
            units[:, 4] += leak * labels[:, 1]
            pair.append(codes_of(units, labels, deviation=0.1))
        reports[leak] = factor_reports(*pair)
    clean, leaking = reports[0.0], reports[1.0]
    assert [report.factor for report in clean] == ["azimuth", "elevation", "light"]
    for report in clean:
        assert report.spearman == pytest.approx(1)
        assert report.degrees.mean < 0.1 * report.degrees.centre_mean
        assert max(report.leak_mean.trees, report.leak_sampled.ridge) < 0.05
    assert leaking[1].leak_mean.ridge > 0.95
    assert leaking[1].leak_sampled.trees > 0.95
    assert leaking[0].leak_mean.ridge < 0.05


def test_noise_hides_a_small_leak_from_sampled_codes_only():
    pair = []
    for seed in (0, 1):
        labels, units = labelled(seed)
        units[:, :3], units[:, 3:] = labels, 0.0
        units[:, 3] = 1e-3 * labels[:, 0]
        pair.append(codes_of(units, labels, deviation=1.0))
    azimuth = factor_reports(*pair)[0]
    assert azimuth.leak_mean.trees > 0.95
    assert azimuth.leak_sampled.trees < 0.1


def test_a_network_that_reads_the_picture_is_ranked_above_an_untrained_one(run, data):
    untrained = evaluate(run, data)
    ideal = evaluate(dataclasses.replace(run, network=Ideal(TINY)), data)
    assert ideal.factors[0].spearman > 0.9
    assert ideal.factors[1].spearman > 0.9
    assert ideal.factors[0].degrees.mean < 0.4 * ideal.factors[0].degrees.centre_mean
    assert max(f.leak_mean.ridge for f in ideal.factors) < 0.1
    assert untrained.factors[0].leak_mean.ridge > 0.5
    assert untrained.test_images == 160
    assert untrained.train_images == 800
    assert untrained.reconstruction.bce_above_floor > 0


def test_report_survives_json_and_repeats(run, data):
    report = evaluate(run, data)
    assert evaluate(run, data) == report
    tree = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert tree["step"] == 7
    assert "repeat" in tree["protocol"]
    assert tree["factors"][0]["original"]["centre"] == ORIGINAL["azimuth"].centre
    assert {len(row) for row in factor_table(report)} == {4}


def test_larger_images_are_averaged_and_smaller_refused(run, tmp_path):
    make_dataset(tmp_path / "large", size=2 * SIZE, groups=(4, 4))
    dataset = Dataset(tmp_path / "large")
    seen = []

    def score(network, images, codes):
        seen.append(images)
        return {}

    encode(run.network, dataset, "test", np.array([0]), score)
    truth = dataset.read("test", [0]).images[0].astype(float) / 255
    small = truth.reshape(20, SIZE, 2, SIZE, 2).mean((2, 4))
    assert np.allclose(seen[0], small, atol=1e-6)
    make_dataset(tmp_path / "small", size=SIZE // 2, groups=(4, 4))
    with pytest.raises(UserError, match=r"8x8 pixels, and the network reads 16x16"):
        evaluate(run, Dataset(tmp_path / "small"))
    make_dataset(tmp_path / "none", size=SIZE, groups=(4, 0))
    with pytest.raises(UserError, match="no test images"):
        evaluate(run, Dataset(tmp_path / "none"))


def test_some_groups_are_of_all_kinds(data):
    groups = some_groups(data, "train", 20)
    assert len(np.unique(groups)) == 20
    assert set(data.factor_ids("train")[groups]) == set(range(len(FACTORS)))


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


def test_calibration_is_kept_until_the_checkpoint_changes(run, data, tmp_path):
    first = calibration_of(run)
    path = run.path / CALIBRATION
    written = path.read_bytes()
    stamp = path.stat().st_mtime_ns
    assert calibration_of(run) == first
    assert path.stat().st_mtime_ns == stamp
    assert Calibration.from_json(json.loads(written)) == first
    path.write_text("{")
    assert calibration_of(run) == first
    assert path.read_bytes() == written
    assert calibration_of(dataclasses.replace(run, step=8)).step == 8
    assert first.low < first.high
    assert np.linalg.norm(first.direction) == pytest.approx(1)


def test_calibration_names_the_run_whose_data_is_gone(run, tmp_path):
    with pytest.raises(UserError, match=r"one: the data set it was trained on is needed: .*gone"):
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
def test_only_the_factors_unit_moves_and_as_calibrated(recorder, data, factor):
    calibration = calibration_of(recorder)
    image = data.read("test", [0]).images[0, 0].astype(np.float32) / 255
    values = np.linspace(-20, 20, 5, dtype=np.float32)
    frames = hallucinate(recorder, calibration, image, factor, values)
    assert frames.shape == (5, SIZE, SIZE)
    assert frames.dtype == np.uint8
    codes, unit = recorder.network.codes.numpy(), FACTORS.index(factor)
    own = recorder.network.encode(torch.from_numpy(image[None])).mean.detach().numpy()
    assert np.allclose(np.delete(codes, unit, 1), np.delete(own, unit, 1))
    assert np.allclose(codes[:, unit], calibration.curves[unit].at(values))


def test_identity_walks_between_two_people_or_through_the_training(recorder, data):
    calibration = calibration_of(recorder)
    pictures = data.read("test", [3]).images[0].astype(np.float32) / 255
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


def test_noise_is_stranger_than_the_training_images(run, data):
    calibration = calibration_of(run)
    calibration = dataclasses.replace(calibration, strange=calibration.strange / 2)
    usual = data.read("train", [0]).images[0, 0].astype(np.float32) / 255
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


# ---- what is shown -------------------------------------------------------------------------------


def test_find_run_takes_the_newest_a_name_or_a_path(tmp_path, data):
    runs = tmp_path / "runs"
    assert find_run(None, runs) is None
    old, new = save_run(runs / "old", data), save_run(runs / "new", data)
    (runs / "empty").mkdir()
    assert find_run(None, runs) == new
    assert find_run("old", runs) == old
    assert find_run(str(old), runs) == old
    with pytest.raises(UserError, match="no run here"):
        load_run(find_run("nothing", runs) or "")


def test_truth_stands_above_with_the_input_framed(run, head):
    show = show_run(run, "light", 5, 0, None)
    above, below = (row.frames for row in show.strip)
    assert above.shape == below.shape == (5, SIDE, SIDE)
    assert np.flatnonzero((above[:, 0] == FRAME).all(1)).tolist() == [2]
    assert [row.title for row in show.film] == ["input", "renderer", "network"]
    assert len(show.captions) == 5
    show = show_run(run, "identity", 2, 0, None)
    assert (show.strip[0].frames[[0, 1], 0] == FRAME).all()
    assert len(show.film) == 2


def test_a_foreign_picture_has_no_truth_row_and_may_be_strange(run, tmp_path):
    noise = np.random.default_rng(0).integers(0, 2, (40, 30), np.uint8) * 255
    Image.fromarray(noise).save(tmp_path / "noise.png")
    calibration = dataclasses.replace(calibration_of(run), strange=1e-3)
    (run.path / CALIBRATION).write_text(json.dumps(calibration.to_json()))
    for factor in FACTORS:
        show = show_picture(run, factor, 5, tmp_path / "noise.png")
        assert [row.title.partition(":")[0] for row in show.strip] == ["input", "network"]
        assert "far from the training data" in show.notes[0]


# ---- the command line ----------------------------------------------------------------------------


@pytest.fixture
def here(run: Run, tmp_path, monkeypatch):
    """A folder with a run in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(cli.cli, [str(argument) for argument in arguments])


def one_line(result) -> str:
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_choices_are_the_factors():
    optional = tuple(latent.factor for latent in OPTIONAL)
    assert dcign.commands.render_sweep.FACTORS == FACTORS
    assert (*optional, EXPRESSION) == dcign.commands.render_sweep.OTHERS


def test_evaluate_prints_the_original_beside_and_writes_json(here):
    result = call("evaluate", "one", "--json", "out/report.json")
    assert result.exit_code == 0, result.output
    for text in ("Spearman", "azimuth", "the original's", "160 test images", "repeat"):
        assert text in " ".join(result.stdout.split())
    assert json.loads((here / "out/report.json").read_text())["factors"][2]["factor"] == "light"


def test_evaluate_complains_in_one_line(here):
    assert "nothing: no run here" in one_line(call("evaluate", "nothing"))
    assert "gone" in one_line(call("evaluate", "one", "--data", "gone"))
    assert "no run here" in one_line(call("evaluate", here))


def test_render_sweep_from_a_picture(here):
    Image.new("RGB", (30, 40), "gray").save("face.jpg")
    result = call("render-sweep", "--latent", "light", "--image", "face.jpg", "--frames", 4)
    assert result.exit_code == 0, result.output
    with Image.open("sweeps/light.gif") as film:
        assert film.width >= 2 * SIDE
    with Image.open("sweeps/light.png") as strip:
        assert strip.width > 4 * SIDE


def test_without_a_run_the_truth_alone(head, tmp_path, monkeypatch):
    monkeypatch.setattr(dcign.console, "RUNS", tmp_path / "runs")
    result = call("render-sweep", "--latent", "azimuth", "--frames", 2, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "no trained run in" in result.stderr
    assert "cli.py train" in result.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["azimuth.gif", "azimuth.png"]


def test_bad_pictures_are_refused_in_one_line(here):
    Path("text.png").write_text("not a picture")
    Image.new("1", (10_000, 10_000)).save("huge.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save("cut.png")
    Path("cut.png").write_bytes(Path("cut.png").read_bytes()[:2000])
    Path("folder").mkdir()
    expected = {
        "text.png": "text.png: not a picture",
        "huge.png": "huge.png: more than 50 million pixels",
        "cut.png": "cut.png: a damaged picture",
        "gone.png": "gone.png: No such file",
        "folder": "folder: not a file",
    }
    for name, problem in expected.items():
        result = call("render-sweep", "--latent", "light", "--image", name)
        assert problem in one_line(result)


def test_other_mistakes_are_one_line(here):
    assert "smile" in one_line(call("render-sweep", "--latent", "smile"))
    assert "--frames" in one_line(call("render-sweep", "--latent", "light", "--frames", 1))
    Path("file").touch()
    assert "file" in one_line(call("render-sweep", "--latent", "light", "--out", "file"))
    assert "gone" in one_line(call("render-sweep", "--latent", "light", "--run", "gone"))
    Path("face.png").touch()
    (here / "runs").rename(here / "elsewhere")
    line = one_line(call("render-sweep", "--latent", "light", "--image", "face.png"))
    assert "cli.py train" in line
