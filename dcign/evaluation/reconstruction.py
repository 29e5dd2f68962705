"""How well pictures are decoded from their own codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from dcign.codes import Codes, decode, draw
from dcign.metrics.pictures import bce_above_floor, mse, psnr, ssim
from dcign.models.network import Network

EVERY = 4
"""One image in so many has its reconstruction scored."""


@dataclass(frozen=True)
class Picture:
    """Reconstruction, averaged over images: MSE, PSNR in dB, SSIM, nats of BCE above BCE(x, x)."""

    mse: float
    psnr: float
    ssim: float
    bce_above_floor: float


def reconstruction(
    network: Network, images: NDArray[np.float32], codes: Codes
) -> dict[str, NDArray[np.float64]]:
    """The scores of images decoded from the posterior's mean, and from one sample; else nan."""
    # Seeded by the images' place, so that a run is always judged the same.
    random = np.random.default_rng(int(codes.group_id[0]))
    some, truth = codes.mean[::EVERY], images[::EVERY]
    sources = {"mean": some, "sampled": draw(some, codes.deviation[::EVERY], random)}
    scores: dict[str, NDArray[Any]] = {}
    for source, code in sources.items():
        logits = decode(network, code)
        picture = expit(logits)
        for name, found in {
            "mse": mse(picture, truth),
            "psnr": psnr(picture, truth),
            "ssim": ssim(picture, truth),
            "bce_above_floor": bce_above_floor(logits, truth),
        }.items():
            values = scores[f"{source}/{name}"] = np.full(len(images), np.nan)
            values[::EVERY] = found
    return scores


def averaged(codes: Codes, source: str) -> Picture:
    """Over the images that reconstruction scored, from the source "mean" or "sampled"."""
    means = {name: float(np.nanmean(values)) for name, values in codes.scores.items()}
    return Picture(
        means[f"{source}/mse"],
        means[f"{source}/psnr"],
        means[f"{source}/ssim"],
        means[f"{source}/bce_above_floor"],
    )
