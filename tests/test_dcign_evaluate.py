"""Evaluation of a run, on data whose pictures are a formula."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from fakes import make_dataset

from dcign.codes import SAMPLE_EACH, Codes, encode, some_groups
from dcign.evaluate import Extras, evaluate
from dcign.evaluation.factors import factor_reports
from dcign.evaluation.original import ORIGINAL
from dcign.evaluation.tables import factor_table
from facegen.errors import UserError
from facegen.latents import FACTORS, LATENTS
from facegen.shards import Dataset
from runs import SIZE, TINY, Ideal, call, one_line


def codes_of(units, labels, deviation=0.0):
    count = len(labels)
    return Codes(
        mean=units.astype(np.float32),
        deviation=np.full(units.shape, deviation, np.float32),
        labels=labels.astype(np.float32),
        identity=np.random.default_rng(count).standard_normal((count, 4)).astype(np.float32),
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
        reports[leak] = factor_reports(*pair, (0, 1, 2))
    clean, leaking = reports[0.0], reports[1.0]
    assert [report.factor for report in clean] == ["azimuth", "elevation", "light"]
    for report in clean:
        assert report.spearman == pytest.approx(1)
        assert report.degrees.mean < 0.1 * report.degrees.centre_mean
        assert max(report.leak_mean.trees, report.leak_sampled.linear) < 0.05
    assert leaking[1].leak_mean.linear > 0.95
    assert leaking[1].leak_sampled.trees > 0.95
    assert leaking[0].leak_mean.linear < 0.05


def test_noise_hides_a_small_leak_from_sampled_codes_only():
    pair = []
    for seed in (0, 1):
        labels, units = labelled(seed)
        units[:, :3], units[:, 3:] = labels, 0.0
        units[:, 3] = 1e-3 * labels[:, 0]
        pair.append(codes_of(units, labels, deviation=1.0))
    azimuth = factor_reports(*pair, (0, 1, 2))[0]
    assert azimuth.leak_mean.trees > 0.95
    assert azimuth.leak_sampled.trees < 0.1


def test_a_network_that_reads_the_picture_is_ranked_above_an_untrained_one(run, blobs):
    quick = Extras(scores=False)
    untrained = evaluate(run, blobs, quick)
    ideal = evaluate(dataclasses.replace(run, network=Ideal(TINY)), blobs, quick)
    assert ideal.factors[0].spearman > 0.9
    assert ideal.factors[1].spearman > 0.9
    assert ideal.factors[0].degrees.mean < 0.4 * ideal.factors[0].degrees.centre_mean
    assert max(f.leak_mean.linear for f in ideal.factors) < 0.1
    assert untrained.factors[0].leak_mean.linear > 0.5
    assert untrained.test_images == 160
    assert untrained.train_images == 40 * SAMPLE_EACH
    assert untrained.reconstruction.bce_above_floor > 0


def test_report_survives_json_and_repeats(run, blobs):
    report = evaluate(run, blobs, Extras(test_groups=4))
    assert report.test_images == 80
    assert evaluate(run, blobs, Extras(test_groups=4)) == report
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
    assert np.allclose(seen[0], small, atol=0.5 / 255 + 1e-6)
    make_dataset(tmp_path / "small", size=SIZE // 2, groups=(4, 4))
    with pytest.raises(UserError, match=r"8x8 pixels, and the network reads 16x16"):
        evaluate(run, Dataset(tmp_path / "small"))
    make_dataset(tmp_path / "none", size=SIZE, groups=(4, 0))
    with pytest.raises(UserError, match="no test images"):
        evaluate(run, Dataset(tmp_path / "none"))


def test_some_groups_are_of_all_kinds(blobs):
    groups = some_groups(blobs, "train", 20)
    assert len(np.unique(groups)) == 20
    kinds = np.bincount(blobs.factor_ids("train")[groups], minlength=len(FACTORS))
    assert kinds.tolist() == [5] * len(FACTORS)


def test_the_sample_takes_the_first_images_of_each_mini_batch(run, blobs):
    whole = encode(run.network, blobs, "train", np.array([3, 8]))
    some = encode(run.network, blobs, "train", np.array([3, 8]), each=SAMPLE_EACH)
    rows = np.r_[:SAMPLE_EACH, 20 : 20 + SAMPLE_EACH]
    for name in ("mean", "labels", "identity", "factor_id", "group_id"):
        assert np.allclose(getattr(some, name), getattr(whole, name)[rows], atol=1e-5), name


def test_evaluate_prints_the_original_beside_and_writes_json(here):
    result = call("evaluate", "one", "--json", "out/report.json")
    assert result.exit_code == 0, result.output
    for text in ("Spearman", "azimuth", "the original's", "160 test images", "repeat"):
        assert text in " ".join(result.stdout.split())
    assert json.loads((here / "out/report.json").read_text())["factors"][2]["factor"] == "light"
    assert "redrawing pictures: light\n" in result.stderr
    assert "redrawing pictures" not in result.stdout


def test_evaluate_complains_in_one_line(here):
    assert "nothing: no run here" in one_line(call("evaluate", "nothing"))
    assert "gone" in one_line(call("evaluate", "one", "--data", "gone"))
    assert "no run here" in one_line(call("evaluate", here))
    (here / "x.json").mkdir()
    assert "x.json: not a file of its own" in one_line(call("evaluate", "one", "--json", "x.json"))
    for option, ending in (("--json", ".json"), ("--report", ".html")):
        assert f"x: written as {ending}" in one_line(call("evaluate", "one", option, "x"))


def test_what_runs_and_data_sets_are_made_of_is_not_overwritten(here, blobs):
    run, data = here / "runs" / "one", here / "faces"
    shutil.copytree(blobs.path, data)
    for path in (
        run / "config.json", run / "calibration.json", run / "step-00000007.json",
        data / "manifest.json",
    ):  # fmt: skip
        before = path.read_bytes() if path.exists() else None
        line = one_line(call("evaluate", "one", "--quick", "--json", path))
        assert line == f"error: {path}: part of a run or a data set; choose another name"
        assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize(
    ("option", "told", "remedy"),
    [
        ("--ceiling", "true values, and who is who", "supervised"),
        ("--baseline", "none", "vae"),
    ],
)
def test_a_run_is_compared_with_one_that_was_told_what_it_should(here, option, told, remedy):
    line = one_line(call("evaluate", "one", option, "one"))
    assert f"{option} one: its method was told 'which factor varies'" in line
    assert f"is to be told {told!r}; `python cli.py compare --methods {remedy}`" in line
    assert "gone: no run here" in one_line(call("evaluate", "one", option, "gone"))


def test_nothing_is_learned_of_data_without_training_images(here):
    make_dataset(here / "none", size=SIZE, groups=(0, 4))
    line = one_line(call("evaluate", "one", "--data", "none", "--perceptual"))
    assert "none: no train images" in line
    assert not list((here / "runs").glob("perceptual*"))


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_factor_that_no_mini_batch_varies_is_told(run, blobs, monkeypatch, split):
    kinds = {name: blobs.factor_ids(name) for name in ("train", "test")}
    kinds[split] = np.where(kinds[split] == 2, 0, kinds[split])
    monkeypatch.setattr(blobs, "factor_ids", kinds.__getitem__)
    with pytest.raises(UserError, match=f"no {split} images in which the light varies"):
        evaluate(run, blobs, Extras(scores=False))
