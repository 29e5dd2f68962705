"""One text of formulas, two uses: compiled, in single precision, and on tensors."""

import dataclasses
import inspect
import typing
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pytest
import torch

from facegen import growth, hair_passes, pigments, regions
from facegen.blocks import AT_ONCE, in_blocks, mixed, put, take
from facegen.curtain import TOP
from facegen.curves import at_most, bell, choose, larger, root, sine, smaller, smooth_step, within
from facegen.hair import Hair
from facegen.latents import draw_identity
from facegen.morphable import MorphableModel
from facegen.people import People
from facegen.places import Place
from facegen.raster import jit
from facegen.raster.jit import formula, kernel
from facegen.render import Renderer, RenderSettings
from facegen.skin import paint

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
    "sine": lambda x: sine(x) + 2.0,
    "choose": lambda x: choose(x > 0.3, 2.0 * x, -1.0),
}

TUPLES = (Place, regions.Region, growth.Style, pigments.Tone, pigments.Complexion)


@pytest.fixture(autouse=True)
def compilations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is compiled for a test alone is not kept."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))


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


def ours() -> list[Callable[..., object]]:
    """The formulas that facegen has compiled."""
    package = Path(jit.__file__).parents[1]
    return [text for text in jit._formulas if package in Path(text.__code__.co_filename).parents]


def arguments(text: Callable[..., object], generator: np.random.Generator) -> list[object]:
    """Numbers that a formula may get, in single precision."""

    def number() -> np.float32:
        return np.float32(generator.uniform(0.1, 0.9))

    known = {kind.__name__: kind for kind in TUPLES}
    kinds = typing.get_type_hints(text).items()
    names = [known.get(getattr(kind, "__name__", "")) for name, kind in kinds if name != "return"]
    return [kind(*(number() for _ in kind._fields)) if kind else number() for kind in names]


def test_facegen_has_formulas() -> None:
    files = {Path(text.__code__.co_filename) for text in ours()}
    names = {file.name for file in files}
    assert names == {"growth.py", "pigments.py", "reflection.py", "regions.py"}
    for file in files:
        # Else a change would leave compilations of the old text in use: see sources_digest.
        assert b"raster.jit" in file.read_bytes(), file.name


@pytest.mark.parametrize("text", ours(), ids=lambda text: f"{text.__module__}.{text.__name__}")
def test_formulas_stay_in_single_precision(text: Callable[..., object]) -> None:
    """A float64 result would be the sign of arithmetic that takes twice the time."""
    compiled, generator = jit._formulas[text], np.random.default_rng(0)
    for _ in range(20):
        given = arguments(text, generator)
        results = compiled(*given)
        tensors = [
            type(one)(*map(torch.tensor, one)) if isinstance(one, tuple) else torch.tensor(one)
            for one in given
        ]
        np.testing.assert_allclose(results, text(*tensors), rtol=2e-5, atol=1e-6)
    (signature,) = compiled.nopython_signatures
    assert "float64" not in str(signature.return_type)
    assert "float32" in str(signature.return_type)
    assert len(inspect.signature(text).parameters) == len(given)


def test_the_heads_axis_is_one() -> None:
    assert TOP[2] == regions._AXIS_Z


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


@pytest.fixture(scope="module")
def renderer(head: MorphableModel) -> Renderer:
    return Renderer(head, RenderSettings(size=64))


def assert_the_same(one: People, other: People) -> None:
    for name, most in (("vertices", 1e-4), ("skin", 1e-6), ("hair", 1e-6), ("covered", 1e-5)):
        plane = getattr(other, name).detach()
        assert plane.std() > 0.1
        torch.testing.assert_close(getattr(one, name), plane, rtol=0, atol=most)


@pytest.mark.parametrize("size", [64, 256])
def test_people_are_the_same_with_gradients(
    head: MorphableModel, crowd: torch.Tensor, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[str] = []
    for module, name in ((hair_passes, "displace"), (hair_passes, "cover"), (pigments, "paint")):
        run = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, run=run: (passes.append("one"), run(*a)))
    renderer = Renderer(head, RenderSettings(size=size))
    compiled = renderer.people(crowd)
    assert len(passes) == 3
    tensors = renderer.people(crowd.clone().requires_grad_())
    assert len(passes) == 3 and tensors.skin.requires_grad
    assert compiled.appearance and compiled.appearance.long.unique().tolist() == [0, 1]
    assert_the_same(compiled, tensors)


def test_large_pictures_are_the_same_with_gradients(
    head: MorphableModel, crowd: torch.Tensor
) -> None:
    """Whatever asks for them: the light, or one thing that a person looks like."""
    renderer = Renderer(head, RenderSettings(size=256, samples_per_axis=1))
    angles = torch.tensor([[20.0, 5.0, 30.0], [-50.0, 0.0, 10.0]])
    people = renderer.people(crowd[:2])
    with torch.no_grad():
        compiled = renderer.render(people, renderer.view(angles), colour=True)
    assert people.appearance
    for field in ("beard", "tip", "iris"):
        leaf = getattr(people.appearance, field).clone().requires_grad_()
        looks = dataclasses.replace(people.appearance, **{field: leaf})
        moved = dataclasses.replace(people, appearance=looks)
        tensors = renderer.render(moved, renderer.view(angles), colour=True)
        torch.testing.assert_close(compiled, tensors.detach(), rtol=0, atol=2e-3)
        assert (compiled - tensors.detach()).abs().mean() < 1e-5
        (gradient,) = torch.autograd.grad(tensors.sum(), leaf)
        assert gradient.isfinite().all()


def test_people_are_the_same_in_any_company(renderer: Renderer, crowd: torch.Tensor) -> None:
    alone, together = renderer.people(crowd[7:8]), renderer.people(crowd)
    for name in ("skin", "hair", "covered"):
        assert torch.equal(getattr(alone, name)[0], getattr(together, name)[7])
    assert alone.appearance and together.appearance
    moved = (Hair(renderer.anatomy, one.appearance).displacement() for one in (alone, together))
    assert torch.equal(next(moved)[0], next(moved)[7])


def test_what_all_share_stands_for_each(renderer: Renderer, crowd: torch.Tensor) -> None:
    """Compiled code reads an item for each person, and would read on behind a single one."""
    looks, anatomy = renderer.people(crowd[:3]).appearance, renderer.anatomy
    assert looks
    for field in dataclasses.fields(looks):
        if field.name == "texture":
            continue
        shared = getattr(looks, field.name)[:1]
        each = shared.expand(3, *shared.shape[1:])
        one, several = (dataclasses.replace(looks, **{field.name: x}) for x in (shared, each))
        torch.testing.assert_close(paint(anatomy, one), paint(anatomy, several))
        for name in ("displacement", "coverage", "colours"):
            found, expected = (getattr(Hair(anatomy, who), name)() for who in (one, several))
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_what_is_kept_of_an_anatomy_moves_with_it(
    head: MorphableModel, crowd: torch.Tensor
) -> None:
    renderer = Renderer(head, RenderSettings(size=64))
    renderer.people(crowd[:1].clone().requires_grad_())
    people = renderer.to("meta").people(crowd[:1].to("meta"))
    assert people.skin.device.type == people.vertices.device.type == "meta"
