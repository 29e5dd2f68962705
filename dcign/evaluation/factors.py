"""Each factor and its unit: how well the unit means it, and who else knows it."""

from dataclasses import dataclass

from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from dcign.codes import Codes, intrinsic_units
from dcign.evaluation.original import ORIGINAL, Original
from dcign.metrics.correlation import correlation_ratio, monotonicity, pearson, spearman
from dcign.metrics.probes import (
    Probe,
    ReadOut,
    neighbour_count,
    probe,
    read_out,
    read_out_whole,
)
from dcign.metrics.ridge import RIDGES
from facegen.latents import LATENTS

COEFFICIENTS = 6
"""Identity coefficients whose trace in the factors' units is looked for: the head's traits."""


@dataclass(frozen=True)
class FactorReport:
    """One factor, its unit, and what the intrinsic code still knows of it.

    factor: its name; unit: index of the code's unit that should hold it.
    correlation_ratio, monotonicity: see dcign.metrics.correlation.
    degrees, degrees_whole: errors of reading the factor from its unit, and from the whole code.
    leak_mean, leak_sampled: probes of all units that are no factor's, on posterior means and on
        sampled codes.
    """

    factor: str
    unit: int
    spearman: float
    pearson: float
    correlation_ratio: float
    monotonicity: float
    degrees: ReadOut
    degrees_whole: ReadOut
    leak_mean: Probe
    leak_sampled: Probe
    original: Original


def factor_reports(train: Codes, test: Codes, units: tuple[int, ...]) -> tuple[FactorReport, ...]:
    """One report for each scalar factor; units: whose is which."""
    rest = intrinsic_units(units, train.mean.shape[1])
    leaks = (
        probe(codes[:, rest], train.labels, train.group_id, judged[:, rest], test.labels)
        for codes, judged in ((train.mean, test.mean), (train.sampled(0), test.sampled(1)))
    )
    reports = []
    for place, (latent, unit, *leaked) in enumerate(zip(LATENTS, units, *leaks, strict=True)):
        code, truth = test.mean[:, unit], test.labels[:, place]
        known = train.labels[:, place]
        reports.append(
            FactorReport(
                factor=latent.factor,
                unit=unit,
                spearman=spearman(code, truth),
                pearson=pearson(code, truth),
                correlation_ratio=correlation_ratio(code, truth),
                monotonicity=monotonicity(code, truth),
                degrees=read_out(train.mean[:, unit], known, code, truth),
                degrees_whole=read_out_whole(train.mean, known, test.mean, truth),
                leak_mean=leaked[0],
                leak_sampled=leaked[1],
                original=ORIGINAL[latent.factor],
            )
        )
    return tuple(reports)


@dataclass(frozen=True)
class Trace:
    """What the factors' units know of who it is: held-out R^2, mean over the first coefficients.

    linear: by ridge regression. neighbours: by nearest neighbours, whatever the relation.
    """

    linear: float
    neighbours: float


def identity_in_units(train: Codes, test: Codes, units: tuple[int, ...]) -> Trace:
    """Reads the first COEFFICIENTS identity coefficients from the factors' units."""
    known, truth = train.identity[:, :COEFFICIENTS], test.identity[:, :COEFFICIENTS]
    scale = StandardScaler().fit(train.mean[:, units])
    codes, judged = (scale.transform(x.mean[:, units]) for x in (train, test))
    neighbours = KNeighborsRegressor(neighbour_count(len(codes)))
    fits = [
        float(r2_score(truth, model.fit(codes, known).predict(judged)))
        for model in (RidgeCV(RIDGES), neighbours)
    ]
    return Trace(*fits)
