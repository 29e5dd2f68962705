"""What moves when one factor moves: total effects, and how steady the intrinsic code stays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcign.codes import Codes, intrinsic_units
from dcign.metrics.total_effect import total_effect
from facegen.latents import FACTORS, IDENTITY, LATENTS

BINS = 9
"""Equal-width bins of a factor's range in which the code is compared with the frontal one."""


@dataclass(frozen=True)
class Effects:
    """Total-effect indices: a unit's mean squared change when one factor is drawn anew.

    Relative to twice the unit's variance, so 0..1; see dcign.metrics.total_effect. Rows are the
    factors, as facegen.latents.FACTORS, the identity last.
    units: on each factor's unit; the ideal is the identity matrix over a row of zeros.
    intrinsic: mean over the live units of the intrinsic code; the ideal is 0 but for the identity.
    on_intrinsic: mean of intrinsic over pose and light. on_units: mean of units off the diagonal.
    """

    units: tuple[tuple[float, ...], ...]
    intrinsic: tuple[float, ...]
    on_intrinsic: float
    on_units: float


def effects(codes: Codes, units: tuple[int, ...]) -> Effects:
    """Measured within the mini-batches, in which one factor was drawn anew and rendered again."""
    matrix = total_effect(codes.mean, codes.factor_id, codes.group_id, len(FACTORS))
    others = codes.live()
    others[list(units)] = False
    intrinsic = matrix[:, others].mean(1) if others.any() else np.zeros(len(FACTORS))
    own = matrix[:, units]
    return Effects(
        units=tuple(tuple(row) for row in own.tolist()),
        intrinsic=tuple(intrinsic.tolist()),
        on_intrinsic=float(intrinsic[: len(units)].mean()),
        on_units=float(own[np.eye(*own.shape) == 0].mean()),
    )


@dataclass(frozen=True)
class Steadiness:
    """Cosine of the intrinsic code with that of the frontal image of the same mini-batch.

    Frontal, or lit from the front: the image nearest to 0 in the factor that varies.
    values: middles of the bins, in the factor's unit. cosines: mean in each. ends: mean of the
    outermost two. people: for comparison, of two people at one pose and light.
    """

    factor: str
    values: tuple[float, ...]
    cosines: tuple[float, ...]
    ends: float
    people: float


def steadiness(codes: Codes, units: tuple[int, ...]) -> tuple[Steadiness, ...]:
    """One for each scalar factor, over the mini-batches in which it varies."""
    rest = intrinsic_units(units, codes.mean.shape[1])
    intrinsic = codes.mean[:, rest].astype(np.float64)
    length = np.linalg.norm(intrinsic, axis=1, keepdims=True)
    unit = intrinsic / np.maximum(length, 1e-12)
    faces, _ = _with_reference(codes, unit, FACTORS.index(IDENTITY), None)
    result = []
    for place, latent in enumerate(LATENTS):
        cosines, values = _with_reference(codes, unit, place, codes.labels[:, place])
        edges = np.linspace(latent.low, latent.high, BINS + 1)
        which = np.clip(np.digitize(values, edges) - 1, 0, BINS - 1)
        filled = np.unique(which)
        means = [float(cosines[which == i].mean()) for i in filled]
        result.append(
            Steadiness(
                factor=latent.factor,
                values=tuple(((edges[:-1] + edges[1:]) / 2)[filled].tolist()),
                cosines=tuple(means),
                ends=(means[0] + means[-1]) / 2,
                people=float(faces.mean()),
            )
        )
    return tuple(result)


def _with_reference(
    codes: Codes,
    unit: NDArray[np.float64],
    factor: int,
    values: NDArray[np.float32] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Cosines with the image of the same mini-batch whose value is nearest to 0, and the values.

    Without values (image,), with the mini-batch's first image.
    """
    cosines, kept = [], []
    for group in np.unique(codes.group_id[codes.factor_id == factor]):
        rows = np.flatnonzero(codes.group_id == group)
        near = 0 if values is None else int(np.abs(values[rows]).argmin())
        others = np.delete(rows, near)
        cosines.append(unit[others] @ unit[rows[near]])
        kept.append(np.zeros(len(others), np.float32) if values is None else values[others])
    return np.concatenate(cosines), np.concatenate(kept)
