"""Latents and mini-batches: exactly one factor varies, and every value depends on its own index."""

import numpy as np
import pytest

from facegen.errors import UserError
from facegen.latents import (
    EXPRESSION,
    FACTORS,
    GROUP_SIZE,
    IDENTITY,
    IDENTITY_SIGMA,
    LATENTS,
    OPTIONAL,
    draw_expression,
    draw_identity,
    draw_scalar,
)
from facegen.scene import Variables, latents_of, mini_batch
from facegen.sweep import sweep


@pytest.mark.parametrize("group", range(8))
def test_exactly_one_factor_varies(group: int) -> None:
    batch = mini_batch("train", seed=0, group_id=group, variables=Variables(9))
    varying = {
        latent.factor
        for column, latent in enumerate(LATENTS)
        if np.ptp(batch.labels[:, column]) > 0
    }
    if np.ptp(batch.identity, axis=0).max() > 0:
        varying.add("identity")
    assert varying == {batch.factor} == {FACTORS[group % 4]}


def test_fixed_values_cover_their_full_range() -> None:
    fixed = np.array(
        [mini_batch("train", 0, 4 * g + 3, Variables(2)).labels[0] for g in range(400)]
    )
    for column, latent in enumerate(LATENTS):
        quantiles = np.quantile(fixed[:, column], [0.0, 0.25, 0.5, 0.75, 1.0])
        expected = np.linspace(latent.low, latent.high, 5)
        assert np.abs(quantiles - expected).max() < 0.1 * (latent.high - latent.low)


def test_a_sample_depends_on_its_own_index_alone() -> None:
    batch = mini_batch("test", seed=5, group_id=6, variables=Variables(4))
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


OPTIONALS = [latent.factor for latent in OPTIONAL]


@pytest.mark.parametrize("factor", [*FACTORS, *OPTIONALS, EXPRESSION])
@pytest.mark.parametrize("signed", [False, True])
def test_every_factor_can_vary_alone(factor: str, signed: bool) -> None:
    variables = Variables(5, 23, signed, (factor,), latents_of((factor,)))
    batch = mini_batch("train", 3, 1, variables)
    varying = {
        latent.factor
        for column, latent in enumerate(variables.latents)
        if np.ptp(batch.labels[:, column]) > 0
    }
    for name, drawn in ((IDENTITY, batch.identity), (EXPRESSION, batch.expression)):
        if np.ptp(drawn, axis=0).max() > 0:
            varying.add(name)
    assert varying == {factor}


def test_optional_variables_leave_the_papers_as_they_were() -> None:
    factors = ("roll", "azimuth", "light", "identity")
    plain = mini_batch("test", 9, 4, Variables(3))
    batch = mini_batch("test", 9, 4, Variables(3, factors=factors, latents=latents_of(factors)))
    assert (plain.factor, batch.factor) == ("azimuth", "roll")
    np.testing.assert_array_equal(plain.labels[0], batch.labels[0, :3])
    np.testing.assert_array_equal(plain.identity[0], batch.identity[0])


def test_a_face_uses_a_few_blend_shapes_at_a_time() -> None:
    weights = np.stack([draw_expression(23, False, 0, "train", i) for i in range(400)])
    assert 0 <= weights.min() <= weights.max() <= 1
    assert (weights > 0).sum(axis=1).mean() == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize("factors", [(), ("pitch",), ("light", "light")])
def test_factors_that_cannot_be_are_refused(factors: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=r"there are|twice"):
        latents_of(factors)


@pytest.mark.parametrize("factor", [*FACTORS, *OPTIONALS, EXPRESSION])
def test_a_sweep_moves_one_factor_through_its_range(factor: str) -> None:
    scenes = sweep(factor, 5, Variables(4, 3))
    columns = dict(zip(scenes.names, scenes.labels.T, strict=True))
    moving = {name for name, values in columns.items() if np.ptp(values) > 0}
    for name in ("identity", "expression"):
        if getattr(scenes, name).std(axis=0).any():
            moving.add(name)
    assert moving == ({x.name for x in (*LATENTS, *OPTIONAL) if x.factor == factor} or {factor})
    assert len(scenes.captions) == 5
