"""Textures finer than a mesh: of unit variance, smooth, and gone before they turn to moire."""

import dataclasses

import pytest
import torch
from torch.autograd import gradcheck

from facegen.anatomy import CROWN, Anatomy
from facegen.appearance import APPEARANCE
from facegen.grain import TIE, pores, specks, strands
from facegen.looks import appearance_of
from facegen.noise import noise, noises
from facegen.render import Renderer, RenderSettings
from facegen.traits import TRAITS


def places(axes: int, count: int = 50_000, seed: int = 0) -> torch.Tensor:
    return 900 * torch.rand((axes, count), generator=torch.Generator().manual_seed(seed)) - 450


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_noise_is_about_standard_and_forgets_within_a_few_units(axes) -> None:
    at = places(axes)
    texture = noise(at, 0)
    assert abs(float(texture.mean())) < 0.05
    assert float(texture.var()) == pytest.approx(1.0, rel=0.1)
    near, far, other = noise(at + 0.05, 0), noise(at + 2.5, 0), noise(at, 1)
    assert float((texture - near).abs().mean()) < 0.15
    for unrelated in (far, other):
        assert abs(float((texture * unrelated).mean())) < 0.1


def test_noise_has_derivatives() -> None:
    at = (places(2, 20).double() + 0.3).requires_grad_()
    assert gradcheck(lambda at: noise(at, 3), at)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_is_the_same_bits_with_and_without_derivatives(axes, dtype) -> None:
    at = places(axes, 1000).to(dtype)
    assert torch.equal(noise(at, 5), noise(at.clone().requires_grad_(), 5))


@pytest.mark.parametrize("recorded", [False, True])
def test_noises_are_each_kinds_own(recorded: bool) -> None:
    at = places(3, 1000).requires_grad_(recorded)
    several = noises(at, range(3, 6))
    assert several.shape == (3, 1000)
    for kind, texture in enumerate(several):
        assert torch.equal(texture, noise(at, 3 + kind))


def test_pores_fade_before_samples_are_too_coarse_for_them() -> None:
    points = places(3, 2000)
    spread = [float(pores(points, spacing).std()) for spacing in (0.1, 0.3, 0.6, 4.0)]
    assert spread == sorted(spread, reverse=True)
    assert 0.8 < spread[0] < 1.2 and spread[-1] == 0


def test_freckles_are_specks_of_two_millimetres(head) -> None:
    """Of about unit variance, and as wide one way as any other."""
    split = head.split(torch.zeros(1, head.identity_size))
    person = appearance_of(split.traits, split.appearance)
    person = dataclasses.replace(person, mottle=torch.tensor([[0.3, -1.2, 2.0]]))
    points = 0.2 * places(3, 20_000)

    def moved(way: torch.Tensor) -> torch.Tensor:
        return specks(points + way, person, spacing=0.3)

    still = moved(torch.zeros(3, 1))
    assert 0.8 < still.std() < 1.2
    ways = torch.nn.functional.normalize(places(3, 12, seed=1).T, dim=1)
    for length, least, most in ((0.5, 0.6, 1.0), (5.0, -0.1, 0.1)):
        alike = [float((still * moved(length * way[:, None])).mean()) for way in ways]
        assert least < min(alike) and max(alike) < most


@pytest.mark.parametrize("tied", [False, True])
def test_strands_run_as_hair_is_combed(head, tied: bool) -> None:
    """From the crown, or to where it is tied: along them less changes than across them."""
    identity = torch.zeros(1, head.identity_size)
    identity[0, TRAITS.index("sex")] = -1.5
    identity[0, TRAITS.index("age")] = -1.0
    for name, value in (("hair_length", 1.5 if tied else -1.5), ("hair_style", 0.8 * tied)):
        identity[0, len(head.basis) + APPEARANCE.index(name)] = value
    split = head.split(identity)
    person = appearance_of(split.traits, split.appearance)
    anatomy = Renderer(head, RenderSettings(size=64)).anatomy
    side = (anatomy.scalp > 10) & (anatomy.around > 60) & (anatomy.around < 100)
    side &= (anatomy.points[1] > 30) & (anatomy.scalp < 90)

    def texture(moved: torch.Tensor) -> torch.Tensor:
        fields = {name: getattr(anatomy, name)[..., side] for name in Anatomy.__dataclass_fields__}
        fields["points"] = fields["points"] + moved
        count = int(side.sum())
        return strands(
            Anatomy(**fields), torch.zeros(3, count), torch.zeros(count), person, spacing=0.2
        )

    points, normals = anatomy.points[:, side], anatomy.normals[:, side]
    pole = torch.tensor(TIE if tied else CROWN)[:, None]
    along = points - pole
    along = along - (along * normals).sum(0) * normals
    along = torch.nn.functional.normalize(along, dim=0)
    across = torch.linalg.cross(along, normals, dim=0)
    still = texture(torch.zeros(3, 1))
    changes = [float((texture(1.5 * way) - still).abs().mean()) for way in (along, across)]
    assert changes[0] < 0.7 * changes[1]
