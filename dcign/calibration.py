"""From a factor's value in degrees to the value of its unit, as measured on the training split.

A network gives its units any scale and direction it likes; what a unit means is read off the
images that it was trained on. Kept in the run's folder as calibration.json.
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from dcign.checkpoint import Run, sealed, unsealed
from dcign.codes import (
    Codes,
    Track,
    decode,
    encode_sample,
    intrinsic_units,
    units_of,
    untracked,
)
from dcign.metrics.correlation import spearman
from dcign.metrics.pictures import bce_above_floor
from dcign.models.network import Network
from dcign.sources import open_data
from facegen.errors import UserError
from facegen.files import write_atomic
from facegen.latents import FACTORS, IDENTITY, LATENTS
from facegen.minibatches import MiniBatches

CALIBRATION = "calibration.json"
SCHEMA = 4

log = logging.getLogger(__name__)

BINS = 24
"""Equal-width bins of a factor's range."""

COMMON = 0.95
"""Part of the training images within the ends of the walk through identities."""

STRANGE = 0.999
"""Part of the training images that are reconstructed better than a strange one."""


@dataclass(frozen=True)
class Curve:
    """A factor's unit against the factor: knots of a piecewise linear, monotone function.

    values: in the factor's unit, ascending, over its whole range. codes: the unit's, at the values.
    """

    values: tuple[float, ...]
    codes: tuple[float, ...]

    def at(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """The unit's value for each value of the factor; beyond the range, that of its end."""
        codes: NDArray[np.float32] = np.interp(values, self.values, self.codes).astype(np.float32)
        return codes


@dataclass(frozen=True)
class Calibration:
    """What the units of a run mean.

    step, data_fingerprint: the checkpoint and the data set that were measured.
    units, curves: for each scalar factor, in the order of facegen.latents.LATENTS, its unit (see
        dcign.codes.units_of) and what that does. The other units are the intrinsic code.
    direction: unit vector along which the intrinsic code varies most between people.
    low, high: where along it all but 1 - COMMON of the people lie, as the product with it.
    strange: an image reconstructed with a greater BCE above its floor, nats, is none like those of
        the training.
    """

    schema: int
    step: int
    data_fingerprint: str
    units: tuple[int, ...]
    curves: tuple[Curve, ...]
    direction: tuple[float, ...]
    low: float
    high: float
    strange: float

    def to_json(self) -> dict[str, Any]:
        """The calibration as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> "Calibration":
        """The inverse of to_json; raises KeyError or TypeError on anything else."""
        curves = tuple(Curve(tuple(c["values"]), tuple(c["codes"])) for c in tree["curves"])
        return cls(
            **{
                **tree,
                "units": tuple(tree["units"]),
                "curves": curves,
                "direction": tuple(tree["direction"]),
            }
        )


def calibration_of(run: Run, track: Track = untracked) -> Calibration:
    """The run's calibration: from its folder if it is there, else measured and kept there.

    Raises UserError when the run's data set is needed and is gone.
    """
    path = run.path / CALIBRATION
    key = (SCHEMA, run.step, run.data_fingerprint)
    try:
        kept = Calibration.from_json(unsealed(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, KeyError):
        # None yet, or another version's.
        pass
    except (OSError, ValueError, TypeError):
        log.warning("%s: damaged; measuring again", path)
    else:
        if (kept.schema, kept.step, kept.data_fingerprint) == key:
            return kept
    calibration = calibrate(run, dataset_of(run), track)
    try:
        write_atomic(path, sealed(calibration.to_json()).encode())
    except OSError as error:
        log.warning("%s: %s; it will be measured again next time", path, error.strerror)
    return calibration


def dataset_of(run: Run) -> MiniBatches:
    """The data set that a run was trained on; raises UserError when it is gone or another one."""
    try:
        size = run.config.network.image_size
        dataset = open_data(Path(run.data_path), size, run.device.type)
    except UserError as error:
        raise UserError(
            f"{run.path}: the data set it was trained on is needed (`evaluate` takes another with "
            f"--data): {error}"
        ) from error
    if dataset.fingerprint != run.data_fingerprint:
        raise UserError(
            f"{run.path}: trained on data set {run.data_fingerprint}, and {run.data_path} is now "
            f"{dataset.fingerprint}; put the old one back, or train again (`evaluate` takes --data)"
        )
    return dataset


def calibrate(run: Run, dataset: MiniBatches, track: Track = untracked) -> Calibration:
    """Measures a run's units on a sample of the training split."""
    codes = encode_sample(run.network, dataset, _excess, track)
    units = units_of(run.config.method.named, codes)
    curves = [
        fit_curve(codes.labels[:, place], codes.mean[:, unit], latent.low, latent.high)
        for place, (unit, latent) in enumerate(zip(units, LATENTS, strict=True))
    ]
    direction, low, high = _main_direction(codes, units)
    return Calibration(
        schema=SCHEMA,
        step=run.step,
        data_fingerprint=dataset.fingerprint,
        units=units,
        curves=tuple(curves),
        direction=tuple(float(x) for x in direction),
        low=low,
        high=high,
        strange=float(np.quantile(codes.scores["excess"], STRANGE)),
    )


def fit_curve(
    values: NDArray[np.floating], codes: NDArray[np.floating], low: float, high: float
) -> Curve:
    """The median code in each bin of the factor, made monotone, drawn out to the range's ends.

    values, codes (image,). A unit that rises and falls with the factor gives a flat curve.
    """
    edges = np.linspace(low, high, BINS + 1)
    which = np.clip(np.digitize(values, edges) - 1, 0, BINS - 1)
    filled = np.unique(which)
    assert len(filled) >= 2, "a factor that never varies"
    x = np.array([np.median(values[which == i]) for i in filled])
    medians = np.array([np.median(codes[which == i]) for i in filled])
    isotonic = IsotonicRegression(increasing=spearman(x, medians) >= 0)
    y = isotonic.fit_transform(x, medians, sample_weight=np.bincount(which)[filled])
    first = y[0] + (low - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    last = y[-1] + (high - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
    knots, curve = [low, *x.tolist(), high], [first, *y.tolist(), last]
    return Curve(tuple(float(v) for v in knots), tuple(float(v) for v in curve))


def _main_direction(
    codes: Codes, units: tuple[int, ...]
) -> tuple[NDArray[np.float64], float, float]:
    """The first principal component of the intrinsic code between people, and the range along it.

    Measured within mini-batches of one pose and light, where only the person differs: over all
    images it would find what the code still knows of the pose.
    """
    intrinsic = codes.mean[:, intrinsic_units(units, codes.mean.shape[1])].astype(np.float64)
    people = codes.factor_id == FACTORS.index(IDENTITY)
    assert people.any(), "no mini-batch in which the identity varies"
    different = [
        intrinsic[codes.group_id == group] - intrinsic[codes.group_id == group].mean(0)
        for group in np.unique(codes.group_id[people])
    ]
    _, _, axes = np.linalg.svd(np.concatenate(different), full_matrices=False)
    # A principal component's sign is arbitrary: its largest part points up.
    direction = axes[0] * np.sign(axes[0][np.abs(axes[0]).argmax()])
    along = intrinsic @ direction
    low, high = np.quantile(along, [(1 - COMMON) / 2, (1 + COMMON) / 2])
    return direction, float(low), float(high)


def _excess(network: Network, images: NDArray[np.float32], codes: Codes) -> dict[str, NDArray[Any]]:
    """How far each image's reconstruction from its posterior mean is above its floor, nats."""
    return {"excess": bce_above_floor(decode(network, codes.mean), images)}
