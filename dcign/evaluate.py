"""How well a trained network has told azimuth, elevation, light and identity apart."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from dcign.checkpoint import Run
from dcign.codes import SAMPLE_GROUPS, Codes, Track, decode, draw, encode, some_groups, untracked
from dcign.metrics import (
    Probe,
    ReadOut,
    bce_above_floor,
    correlation_ratio,
    mse,
    pearson,
    probe,
    psnr,
    read_out,
    spearman,
    ssim,
)
from dcign.models.network import Network
from facegen.latents import LATENTS
from facegen.shards import Dataset

PROTOCOL = (
    "Figures are over all images of the test split, whose people are in no training image. "
    "Within a mini-batch all but one factor are fixed, so values of fixed factors repeat. "
    "Codes are posterior means unless called sampled; read-outs and probes are fitted on a sample "
    "of the training split."
)


@dataclass(frozen=True)
class Original:
    """The paper's three networks, measured on the authors' published figures (20 faces each).

    correlation: Pearson's r of unit and truth. error, centre: degrees, leaving one face out.
    """

    correlation: str
    error: str
    centre: float


ORIGINAL = {
    "azimuth": Original("-0.50 to -0.61, not monotone", "9.9 to 17.5", 43.0),
    "elevation": Original("0.88 to 0.91", "4.6 to 5.2", 12.2),
    "light": Original("0.90 to 0.94", "13.2 to 15.5", 40.5),
}


@dataclass(frozen=True)
class FactorReport:
    """One factor, its unit, and what the intrinsic code z[3:] still knows of it.

    factor: its name; unit: index of the code's unit that should hold it.
    correlation_ratio: eta^2, see metrics. degrees: errors of reading the factor from the unit.
    leak_mean, leak_sampled: probes of z[3:], on posterior means and on sampled codes.
    """

    factor: str
    unit: int
    spearman: float
    pearson: float
    correlation_ratio: float
    degrees: ReadOut
    leak_mean: Probe
    leak_sampled: Probe
    original: Original


@dataclass(frozen=True)
class Picture:
    """Reconstruction, averaged over images: MSE, PSNR in dB, SSIM, nats of BCE above BCE(x, x)."""

    mse: float
    psnr: float
    ssim: float
    bce_above_floor: float


@dataclass(frozen=True)
class Report:
    """The evaluation of a run on a data set's test split.

    data_fingerprint, trained_on: fingerprints of the data set used here, and in training.
    test_images, train_images: how many the figures are over, and how many read-outs are fitted on.
    reconstruction: decoded from the posterior mean; reconstruction_sampled: from one sample.
    """

    run: str
    step: int
    data: str
    data_fingerprint: str
    trained_on: str
    protocol: str
    test_images: int
    train_images: int
    factors: tuple[FactorReport, ...]
    reconstruction: Picture
    reconstruction_sampled: Picture

    def to_json(self) -> dict[str, Any]:
        """The report as JSON can hold it."""
        return asdict(self)


def evaluate(run: Run, dataset: Dataset, track: Track = untracked) -> Report:
    """Judges a run on all test images of a data set; see PROTOCOL.

    The network runs where its weights are. Raises UserError when the data set does not fit.
    """
    test_groups = np.arange(dataset.group_count("test"))
    train_groups = some_groups(dataset, "train", SAMPLE_GROUPS)
    train = encode(run.network, dataset, "train", train_groups, lambda *_: {}, track)
    test = encode(run.network, dataset, "test", test_groups, _reconstruction, track)
    return Report(
        run=str(run.path),
        step=run.step,
        data=str(dataset.path),
        data_fingerprint=dataset.fingerprint,
        trained_on=run.data_fingerprint,
        protocol=PROTOCOL,
        test_images=len(test.mean),
        train_images=len(train.mean),
        factors=factor_reports(train, test),
        reconstruction=_picture(test, "mean"),
        reconstruction_sampled=_picture(test, "sampled"),
    )


def factor_reports(train: Codes, test: Codes) -> tuple[FactorReport, ...]:
    """One report for each scalar factor; unit i is the i-th factor's."""
    intrinsic = slice(len(LATENTS), None)
    noisy_train, noisy_test = train.sampled(0)[:, intrinsic], test.sampled(1)[:, intrinsic]
    reports = []
    for unit, latent in enumerate(LATENTS):
        code, truth = test.mean[:, unit], test.labels[:, unit]
        train_truth = train.labels[:, unit]
        reports.append(
            FactorReport(
                factor=latent.factor,
                unit=unit,
                spearman=spearman(code, truth),
                pearson=pearson(code, truth),
                correlation_ratio=correlation_ratio(code, truth),
                degrees=read_out(train.mean[:, unit], train_truth, code, truth),
                leak_mean=probe(
                    train.mean[:, intrinsic], train_truth, test.mean[:, intrinsic], truth
                ),
                leak_sampled=probe(noisy_train, train_truth, noisy_test, truth),
                original=ORIGINAL[latent.factor],
            )
        )
    return tuple(reports)


def _reconstruction(
    network: Network, images: NDArray[np.float32], codes: Codes
) -> dict[str, NDArray[np.float64]]:
    """The scores of an image decoded from its posterior's mean, and from one sample."""
    # Seeded by the images' place, so that a run is always judged the same.
    random = np.random.default_rng(int(codes.group_id[0]))
    sources = {"mean": codes.mean, "sampled": draw(codes.mean, codes.deviation, random)}
    scores: dict[str, NDArray[Any]] = {}
    for source, code in sources.items():
        logits = decode(network, code)
        picture = expit(logits)
        scores[f"{source}/mse"] = mse(picture, images)
        scores[f"{source}/psnr"] = psnr(picture, images)
        scores[f"{source}/ssim"] = ssim(picture, images)
        scores[f"{source}/bce_above_floor"] = bce_above_floor(logits, images)
    return scores


def _picture(codes: Codes, source: str) -> Picture:
    means = {name: float(values.mean()) for name, values in codes.scores.items()}
    return Picture(
        means[f"{source}/mse"],
        means[f"{source}/psnr"],
        means[f"{source}/ssim"],
        means[f"{source}/bce_above_floor"],
    )


def factor_table(report: Report) -> list[tuple[str, ...]]:
    """The report on factors as rows of text, the first one a header; the original beside ours."""
    names = [factor.factor for factor in report.factors]
    rows: list[tuple[str, ...]] = [("", *names)]

    def add(title: str, cells: list[str]) -> None:
        rows.append((title, *cells))

    factors = report.factors
    add("Spearman of unit and truth", [f"{f.spearman:+.3f}" for f in factors])
    add("Pearson", [f"{f.pearson:+.3f}" for f in factors])
    add("  the original's", [f.original.correlation for f in factors])
    add("correlation ratio eta\N{SUPERSCRIPT TWO}", [f"{f.correlation_ratio:.3f}" for f in factors])
    add("read from the unit: mean error, degrees", [f"{f.degrees.mean:.1f}" for f in factors])
    add("  the original's", [f.original.error for f in factors])
    add("  RMS error", [f"{f.degrees.rms:.1f}" for f in factors])
    add("  always the centre: mean error", [f"{f.degrees.centre_mean:.1f}" for f in factors])
    add("  the original's", [f"{f.original.centre:.1f}" for f in factors])
    for title, probes in (
        ("read from z[3:], posterior means: R\N{SUPERSCRIPT TWO}", [f.leak_mean for f in factors]),
        ("read from z[3:], sampled: R\N{SUPERSCRIPT TWO}", [f.leak_sampled for f in factors]),
    ):
        add(f"{title} linear / trees", [f"{p.ridge:.2f} / {p.trees:.2f}" for p in probes])
    return rows


def picture_table(report: Report) -> list[tuple[str, ...]]:
    """The report on reconstructions as rows of text, the first one a header."""
    return [
        ("", "MSE", "PSNR, dB", "SSIM", "BCE above BCE(x, x), nats"),
        *(
            (title, f"{p.mse:.5f}", f"{p.psnr:.2f}", f"{p.ssim:.3f}", f"{p.bce_above_floor:.1f}")
            for title, p in (
                ("from posterior means", report.reconstruction),
                ("from sampled codes", report.reconstruction_sampled),
            )
        ),
        ("the original's (five images of one face)", "0.00220", "26.6", "", ""),
    ]
