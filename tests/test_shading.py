"""One text of formulas, two uses: compiled they give what they give as tensors."""

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from facegen.geometry import direction
from facegen.shading import Lights, Surface, exposure, shade


def surface_of(people: int, batch: int, vertices: int = 40) -> Surface:
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    def unit(*shape: int) -> Tensor:
        return torch.nn.functional.normalize(uniform(*shape) - 0.5, dim=1)

    return Surface(
        normals=unit(batch, 3, vertices),
        strand=unit(batch, 3, vertices),
        skin=uniform(people, 3, vertices),
        hair=uniform(people, 3, vertices),
        covered=4 * uniform(people, vertices) - 2,
        gloss=0.5 + uniform(people),
        occlusion=uniform(vertices),
        wet=(uniform(vertices) > 0.8).float(),
    )


def as_leaves(surface: Surface) -> Surface:
    fields = {name: getattr(surface, name) for name in Surface.__dataclass_fields__}
    return Surface(**{name: tensor.clone().requires_grad_() for name, tensor in fields.items()})


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("shadows", [False, True])
@pytest.mark.parametrize(
    ("people", "batch", "lights"), [(1, 1, 1), (1, 3, 3), (3, 3, 3), (1, 1, 4)]
)
def test_compiled_equals_tensors(
    colour: bool, shadows: bool, people: int, batch: int, lights: int
) -> None:
    surface = surface_of(people, batch)
    light = direction(torch.linspace(-80, 70, lights), torch.full((lights,), 20.0))
    visible = torch.linspace(0, 1, 40).expand(lights, -1) if shadows else None
    arguments = light, visible, exposure(light), Lights()
    compiled = shade(surface, *arguments, colour=colour)
    tensors = shade(as_leaves(surface), *arguments, colour=colour)
    assert tensors.requires_grad and not compiled.requires_grad
    assert compiled.shape == (lights, 40, 7 if colour else 3)
    assert compiled[..., 0].std() > 0.1
    torch.testing.assert_close(compiled, tensors.detach(), rtol=0, atol=1e-5)


def test_gradients_by_finite_differences() -> None:
    surface = surface_of(1, 2, vertices=6)
    names = [field.name for field in dataclasses.fields(Surface)]
    planes = [getattr(surface, name).double().requires_grad_() for name in names]
    light = direction(torch.tensor([30.0, -50.0]), torch.full((2,), 18.0)).double()

    def shaded(light: Tensor, *planes: Tensor) -> Tensor:
        whole = Surface(**dict(zip(names, planes, strict=True)))
        return shade(whole, light, None, exposure(light), Lights(), colour=True)

    assert gradcheck(shaded, (light.requires_grad_(), *planes), fast_mode=True)


def test_skin_is_reddest_where_the_light_ends_and_cloth_is_not() -> None:
    """Of surfaces that turn away from a light from the right: skin, and cloth of the same gray."""
    turned = torch.deg2rad(torch.linspace(0, 85, 18))
    normals = torch.stack([turned.cos(), torch.zeros(18), turned.sin()])[None]
    base = surface_of(1, 1, vertices=18)
    light = direction(torch.tensor([90.0]), torch.tensor([0.0]))

    def ratio(red: float, green: float) -> Tensor:
        albedo = torch.tensor([red, green, green])[:, None].expand(3, 18)[None]
        surface = dataclasses.replace(
            base, normals=normals, skin=albedo, gloss=torch.zeros(1), wet=torch.zeros(18)
        )
        shown = shade(surface, light, None, torch.ones(1), Lights(), colour=True)[0]
        return (shown[:, 0] / shown[:, 1]) ** 2

    skin, cloth = ratio(0.6, 0.4), ratio(0.5, 0.5)
    assert skin[:9].diff().min() > 0 and skin.max() > 1.06 * skin[0]
    torch.testing.assert_close(cloth, torch.ones(18))
