"""Which unit is whose, for methods that are not told: by mutual information, in their favour."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from dcign.codes import Codes
from dcign.models.network import Network, Posterior

BINS = 20
"""Bins with equally many images, of a unit and of a factor."""


class Assigned(Network):
    """A network whose units stand in another order."""

    order: Tensor
    places: Tensor

    def __init__(self, network: Network, order: NDArray[np.int64]) -> None:
        """Order (code,): the network's unit that stands at each place."""
        nn.Module.__init__(self)
        self.config = network.config
        self.network = network
        self.register_buffer("order", torch.from_numpy(order))
        self.register_buffer("places", torch.from_numpy(np.argsort(order)))

    def encode(self, image: Float[Tensor, "*batch height width"]) -> Posterior:
        return Posterior(*(x[..., self.order] for x in self.network.encode(image)))

    def decode(self, code: Float[Tensor, "*batch code"]) -> Float[Tensor, "*batch height width"]:
        return self.network.decode(code[..., self.places])


def best_order(codes: Codes) -> NDArray[np.int64]:
    """An order of units (code,) that puts each scalar factor's at its place, the rest behind.

    One unit for each factor such that their mutual information with the factors is largest in sum.
    """
    information = mutual_information(codes.mean, codes.labels)
    units, factors = linear_sum_assignment(information, maximize=True)
    first = units[np.argsort(factors)]
    rest = np.setdiff1d(np.arange(codes.mean.shape[1]), first)
    return np.concatenate([first, rest])


def mutual_information(
    codes: NDArray[np.floating], labels: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Nats between each unit and each factor (code, factor), codes (image, code)."""
    units, factors = _ranked(codes), _ranked(labels)
    information = np.zeros((units.shape[1], factors.shape[1]))
    for unit, factor in np.ndindex(*information.shape):
        cells = np.bincount(BINS * units[:, unit] + factors[:, factor], minlength=BINS * BINS)
        joint = cells.reshape(BINS, BINS) / len(units)
        apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
        filled = joint > 0
        information[unit, factor] = (joint[filled] * np.log(joint[filled] / apart[filled])).sum()
    return information


def _ranked(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """The bin of each value in its column; a column that never moves has one bin."""
    inner = np.arange(1, BINS) / BINS
    columns = [np.searchsorted(np.quantile(v, inner), v, side="right") for v in values.T]
    return np.stack(columns, axis=1).astype(np.int64)
