"""What loaders of principal component models share."""

import numpy as np
from numpy.typing import NDArray


def modes(
    basis: NDArray[np.floating], deviations: NDArray[np.floating] | float = 1.0
) -> NDArray[np.float32]:
    """A matrix (3 * vertex, mode), xyz interleaved, as modes (mode, vertex, 3).

    deviations (mode,): what each is to be multiplied by, to carry one standard deviation.
    """
    scaled = basis.T * np.reshape(deviations, (-1, 1))
    return np.ascontiguousarray(scaled, dtype=np.float32).reshape(len(scaled), -1, 3)


def names(what: str, count: int) -> tuple[str, ...]:
    """Names for components that have none: pc_1, pc_2, ..."""
    return tuple(f"{what}_{k + 1}" for k in range(count))


def no_modes(vertex_count: int) -> NDArray[np.float32]:
    """A basis of none."""
    return np.zeros((0, vertex_count, 3), dtype=np.float32)
