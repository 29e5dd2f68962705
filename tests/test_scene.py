"""Latents and mini-batches: exactly one factor varies, and every value depends on its own index."""

import numpy as np
import pytest

from facegen.latents import (
    FACTORS,
    GROUP_SIZE,
    IDENTITY_SIGMA,
    LATENTS,
    draw_identity,
    draw_scalar,
)
from facegen.scene import mini_batch


@pytest.mark.parametrize("group", range(8))
def test_exactly_one_factor_varies(group: int) -> None:
    batch = mini_batch("train", seed=0, group_id=group, identity_size=9)
    varying = {
        latent.factor
        for column, latent in enumerate(LATENTS)
        if np.ptp(batch.labels[:, column]) > 0
    }
    if np.ptp(batch.identity, axis=0).max() > 0:
        varying.add("identity")
    assert varying == {batch.factor} == {FACTORS[group % 4]}


def test_fixed_values_cover_their_full_range() -> None:
    fixed = np.array([mini_batch("train", 0, 4 * g + 3, 2).labels[0] for g in range(400)])
    for column, latent in enumerate(LATENTS):
        quantiles = np.quantile(fixed[:, column], [0.0, 0.25, 0.5, 0.75, 1.0])
        expected = np.linspace(latent.low, latent.high, 5)
        assert np.abs(quantiles - expected).max() < 0.1 * (latent.high - latent.low)


def test_a_sample_depends_on_its_own_index_alone() -> None:
    batch = mini_batch("test", seed=5, group_id=6, identity_size=4)
    for row in range(GROUP_SIZE):
        value = draw_scalar(LATENTS[2], 5, "test", GROUP_SIZE * 6 + row)
        assert batch.labels[row, 2] == np.float32(value)
    np.testing.assert_array_equal(batch.identity[3], draw_identity(4, 5, "test", GROUP_SIZE * 6))


def test_adding_identity_modes_keeps_the_earlier_ones() -> None:
    np.testing.assert_array_equal(
        draw_identity(5, 1, "train", 8), draw_identity(9, 1, "train", 8)[:5]
    )


def test_splits_and_seeds_share_no_identity() -> None:
    people = {
        (split, seed): {draw_identity(6, seed, split, i).tobytes() for i in range(500)}
        for split in ("train", "test")
        for seed in (0, 1)
    }
    everyone = set().union(*people.values())
    assert len(everyone) == sum(len(group) for group in people.values()) == 2000


def test_identity_is_normal() -> None:
    drawn = np.stack([draw_identity(50, 0, "train", i) for i in range(400)])
    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - IDENTITY_SIGMA) < 0.02
