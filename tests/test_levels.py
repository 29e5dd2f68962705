"""Pictures as bytes: the nearest level, and nothing beyond black and white."""

import numpy as np
import pytest
import torch

from facegen.levels import levels


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_become_the_nearest_level(dtype: torch.dtype) -> None:
    values = torch.tensor([[-0.2, 0.0, 0.4 / 255], [0.6 / 255, 1.0, 1.7]], dtype=dtype)
    np.testing.assert_array_equal(levels(values), [[0, 0, 0], [1, 255, 255]])
    np.testing.assert_array_equal(levels(values.T), [[0, 1], [0, 255], [0, 255]])
    every = torch.arange(256, dtype=dtype) / 255
    np.testing.assert_array_equal(levels(every), np.arange(256))


def test_pictures_without_pixels_have_no_bytes() -> None:
    assert levels(torch.empty(0, 4, 4, 3)).shape == (0, 4, 4, 3)
