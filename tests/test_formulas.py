"""One text of formulas, two uses: compiled, in single precision, and on tensors."""

from pathlib import Path

import numpy as np
import pytest
import torch

from facegen.curves import at_most, bell, choose, larger, root, smaller, smooth_step, within
from facegen.latents import draw_identity
from facegen.morphable import MorphableModel
from facegen.raster import jit
from facegen.raster.jit import formula, kernel
from facegen.render import Renderer, RenderSettings
from facegen.spots import AT_ONCE, in_blocks, mixed, put, take

_THIRD = 1 / 3

FORMULAS = {
    "a number of the module": lambda x: x * _THIRD + 0.1,
    "a power": lambda x: (0.1 * x) ** 3,
    "smooth_step": lambda x: smooth_step(x, 3.0, -2.0),
    "bell": lambda x: bell(x * x),
    "bell below zero": lambda x: bell(5.0 * x),
    "within": lambda x: within(x, -0.7, 0.3),
    "at_most": lambda x: at_most(x, 0.3),
    "larger": lambda x: larger(x, 0.3 * x),
    "smaller": lambda x: smaller(x, 0.3 * x),
    "root": lambda x: root(x * x),
    "choose": lambda x: choose(x > 0.3, 2.0 * x, -1.0),
}


def tenth(x: float) -> float:
    return x * 0.1


def tenth_and_third(x: float) -> float:
    return tenth(x) + _THIRD


@pytest.mark.parametrize("name", FORMULAS)
def test_compiled_equals_tensors(name: str) -> None:
    """To a few units in the last place: what stands in for exp and others may round otherwise."""
    text = FORMULAS[name]
    # A lambda's name alone would not tell them apart.
    text.__qualname__ = name.replace(" ", "_")
    compiled = formula(text)

    @kernel
    def fill(values: np.ndarray, results: np.ndarray) -> None:
        for n in range(len(values)):
            results[n] = compiled(values[n])

    values = np.linspace(-10, 10, 1001, dtype=np.float32)
    results = np.empty_like(values)
    fill(values, results)
    expected = text(torch.from_numpy(values)).numpy()
    assert len(np.unique(results)) > 2
    np.testing.assert_allclose(results, expected, rtol=4e-7, atol=1e-30)


def test_files_of_formulas_change_the_digest() -> None:
    """Else a change to one would leave compilations of it in use."""
    files = {Path(text.__code__.co_filename) for text in jit._formulas}
    ours = {file for file in files if file.parent.name == "facegen"}
    assert {"growth.py", "pigments.py", "reflection.py", "regions.py"} <= {f.name for f in ours}
    for file in ours:
        assert b"raster.jit" in file.read_bytes(), file.name


def test_a_formula_stays_in_single_precision() -> None:
    """A float64 result would be the sign of arithmetic that takes twice the time."""
    formula(tenth)
    compiled = formula(tenth_and_third)

    @kernel
    def apply(value: float) -> float:
        return compiled(value)

    apply(np.float32(1))
    (signature,) = apply.nopython_signatures
    assert str(signature.return_type) == "float32"


@pytest.mark.parametrize("count", [1, AT_ONCE, 2 * AT_ONCE + 44])
def test_blocks_hold_all_points_and_end_in_nothing(count: int) -> None:
    planes = torch.arange(3.0 * count).reshape(3, count) + 1
    blocks = in_blocks(list(planes)).numpy()
    assert blocks.shape == (-(-count // AT_ONCE), 3 * AT_ONCE)
    blocks = blocks.reshape(-1, 3, AT_ONCE)
    found = blocks.transpose(1, 0, 2).reshape(3, -1)
    np.testing.assert_array_equal(found[:, :count], planes)
    assert not found[:, count:].any()
    back, some = np.zeros(count, dtype=np.float32), np.empty(AT_ONCE, dtype=np.float32)
    for number, block in enumerate(blocks):
        take(planes[1].numpy(), number * AT_ONCE, some)
        np.testing.assert_array_equal(some, block[1])
        put(block[2], number * AT_ONCE, back)
    np.testing.assert_array_equal(back, planes[2])


def test_textures_are_mixed_as_a_product_is() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(3, 6, generator=generator)
    waves = torch.randn(6, 1000, generator=generator)
    several = mixed(weights, waves)
    torch.testing.assert_close(several, weights @ waves)
    assert torch.equal(mixed(weights[1:2], waves)[0], several[1])


@pytest.fixture(scope="module")
def crowd(head: MorphableModel) -> torch.Tensor:
    people = [draw_identity(head.identity_size, 0, "test", number) for number in range(24)]
    return torch.from_numpy(np.stack(people))


@pytest.mark.parametrize("size", [64, 256])
def test_people_are_the_same_with_gradients(
    head: MorphableModel, crowd: torch.Tensor, size: int
) -> None:
    renderer = Renderer(head, RenderSettings(size=size))
    compiled = renderer.people(crowd)
    tensors = renderer.people(crowd.clone().requires_grad_())
    assert tensors.skin.requires_grad and not compiled.skin.requires_grad
    assert compiled.appearance and compiled.appearance.long.unique().tolist() == [0, 1]
    for name, most in (("vertices", 1e-4), ("skin", 1e-6), ("hair", 1e-6), ("covered", 1e-5)):
        one, other = getattr(compiled, name), getattr(tensors, name).detach()
        assert other.std() > 0.1
        torch.testing.assert_close(one, other, rtol=0, atol=most)


def test_people_are_the_same_in_any_company(head: MorphableModel, crowd: torch.Tensor) -> None:
    renderer = Renderer(head, RenderSettings(size=64))
    alone, together = renderer.people(crowd[7:8]), renderer.people(crowd)
    for name in ("skin", "hair", "covered"):
        assert torch.equal(getattr(alone, name)[0], getattr(together, name)[7])
