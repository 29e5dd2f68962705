"""Long hair: it covers what it should, moves with the head, and is folded away by the others."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from facegen.appearance import APPEARANCE
from facegen.curtain import COARSE, DENSE
from facegen.latents import draw_identity
from facegen.looks import appearance_of
from facegen.render import FINE, Renderer, RenderSettings
from facegen.traits import TRAITS

SIZE = 64


@pytest.fixture(scope="module")
def renderer(head):
    return Renderer(head, RenderSettings(size=SIZE))


def woman(head, **coefficients):
    """An average young woman but for the appearance coefficients named."""
    identity = torch.zeros(1, head.identity_size)
    identity[0, TRAITS.index("sex")] = -1.5
    identity[0, TRAITS.index("age")] = -1.0
    for name, value in coefficients.items():
        identity[0, len(head.basis) + APPEARANCE.index(name)] = value
    return identity


STYLES = {
    "short": {"hair_length": -2.0},
    "loose": {"hair_length": 1.5},
    "tail": {"hair_length": 1.5, "hair_style": 0.8},
    "bun": {"hair_length": 1.5, "hair_style": 2.0},
}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_finite_and_in_its_place(head, renderer, style: str) -> None:
    people = renderer.people(woman(head, **STYLES[style]))
    hair = people.vertices[0, :, len(head.mean) :]
    assert torch.isfinite(people.vertices).all() and torch.isfinite(people.normals).all()
    reach = (hair.amax(1) - hair.amin(1)).tolist()
    if style == "short":
        assert max(reach) == 0, "folded up"
        return
    assert hair.norm(dim=0).max() < 290, "mm"
    if style == "loose":
        assert 140 < reach[0] < 240 and hair[1].min() < -90
        # The face is free: in front of the ears, hair stays at the sides.
        front = hair[:, (hair[2] > 60) & (hair[1] < 40)]
        assert (front[0].abs() > 35).all()
    else:
        assert hair[2].max() < -40, "behind the head"
        assert reach[0] < 90
        assert (hair[1].min() < -60) == (style == "tail")


def test_loose_hair_hides_the_back_of_the_neck(head, renderer) -> None:
    pictures = {}
    labels = np.array([[180.0, 0.0, 0.0]], np.float32)
    for style in ("short", "loose"):
        identity = woman(head, **STYLES[style], hair_melanin=2.0).numpy()
        pictures[style] = renderer.images(labels, identity)[0]
    nape = np.s_[int(0.72 * SIZE) : int(0.8 * SIZE), int(0.42 * SIZE) : int(0.58 * SIZE)]
    assert pictures["loose"][nape].mean() < pictures["short"][nape].mean() - 25


@pytest.mark.parametrize("wave", [-1.5, 1.5])
def test_the_front_edge_of_loose_hair_lies_on_cheek_and_neck(head, renderer, wave: float) -> None:
    """So that nobody looks at the dark inside of the sheet."""
    identity = woman(head, hair_length=1.5, hair_wave=wave, hair_sides=1.0)
    vertices = renderer.people(identity).vertices[0].numpy()
    body, hair = vertices[:, : len(head.mean)].T, vertices[:, len(head.mean) :]
    grid = hair[:, : COARSE.rows * COARSE.columns].reshape(3, COARSE.rows, COARSE.columns)
    edge = grid[:, COARSE.crown + 2 :, [0, -1]].reshape(3, -1).T
    beside = edge[(edge[:, 1] < -40) & (edge[:, 1] > -110)]
    away, _ = cKDTree(body).query(beside)
    assert len(beside) > 6 and np.median(away) < 8, "mm"


def test_hair_moves_with_the_head(head, renderer) -> None:
    identity = woman(head, hair_length=1.5)
    wider = identity.clone()
    mode = int(np.abs(head.basis[len(TRAITS) :, :, 0]).sum(1).argmax()) + len(TRAITS)
    wider[0, mode] = 1.5
    both = renderer.people(torch.cat([identity, wider])).vertices
    moved = (both[1] - both[0]).norm(dim=0)
    hair, skull = moved[len(head.mean) :], moved[: len(head.mean)]
    assert hair.mean() > 0.3 * skull.mean()
    assert hair.max() < 1.5 * skull.max()


@pytest.mark.parametrize("style", ["loose", "tail"])
def test_large_pictures_have_the_same_hair_without_its_facets(head, renderer, style: str) -> None:
    person = woman(head, **STYLES[style], hair_part=1.5, hair_wave=1.5)
    large = Renderer(head, RenderSettings(size=FINE))
    coarse, dense = (
        made.people(person).vertices[0, :, made.decoder.body_size :] for made in (renderer, large)
    )
    away, _ = cKDTree(dense.T).query(coarse.T)
    assert np.quantile(away, 0.98) < 3.0, "mm"
    assert turning(dense, DENSE) < 0.75 * turning(coarse, COARSE)


def turning(hair, grid) -> float:
    """How far rows of a sheet's outside turn from edge to edge, degrees: 95 % turn less."""
    outside = hair.reshape(3, 2, grid.rows, grid.columns)[:, 0]
    ways = torch.nn.functional.normalize(outside.diff(dim=2), dim=0)
    turns = (ways[:, :, 1:] * ways[:, :, :-1]).sum(0).clamp(-1, 1).acos().rad2deg()
    return float(turns.quantile(0.95))


def test_nobody_is_folded_halfway(head, renderer) -> None:
    people = np.stack([draw_identity(head.identity_size, 3, "train", i) for i in range(40)])
    made = renderer.people(torch.from_numpy(people))
    hair = made.vertices[:, :, len(head.mean) :]
    extent = (hair.amax(2) - hair.amin(2)).amax(1)
    split = head.split(torch.from_numpy(people))
    worn = appearance_of(split.traits, split.appearance).long > 0.5
    assert 5 < worn.sum() < 25
    assert (extent[worn] > 40).all() and (extent[~worn] == 0).all()


def test_fields_of_an_appearance_are_a_batch(head) -> None:
    split = head.split(torch.zeros(3, head.identity_size))
    person = appearance_of(split.traits, split.appearance)
    values = {f.name: getattr(person, f.name) for f in dataclasses.fields(person)}
    assert values.pop("texture") is None  # only a photograph has one
    assert all(len(value) == 3 for value in values.values())


@pytest.mark.parametrize("length", [0.05, 0.3, 1.0, 3.0])
def test_hair_of_any_length_falls_in_even_steps(head, length: float) -> None:
    """Rows of a bob that went with the neck of somebody in longer hair would fold up."""
    renderer = Renderer(head)
    random = torch.Generator().manual_seed(0)
    people = 0.8 * torch.randn(12, head.identity_size, generator=random)
    people[:, TRAITS.index("sex")] = -1.5
    for name, value in (("hair_length", length), ("hair_style", -1.0), ("hair_wave", -1.0)):
        people[:, len(head.basis) + APPEARANCE.index(name)] = value
    hair = renderer.people(people).vertices[:, :, renderer.decoder.body_size :]
    outside = hair.reshape(len(people), 3, 2, COARSE.rows, COARSE.columns)[:, :, 0]
    step = outside[:, 1, COARSE.crown - 1 : -1] - outside[:, 1, COARSE.crown :]
    assert (step > 0).all(), "each row below the last"
    assert (step < 2.5 * step.mean(dim=1, keepdim=True) + 1.0).all(), "mm"


def test_hair_does_not_lie_down_on_shoulders(head, renderer) -> None:
    people = renderer.people(woman(head, hair_length=3.0, hair_wave=-1.0))
    hair = people.vertices[0, :, renderer.decoder.body_size :]
    assert hair[1].min() < -120, "mm"
    beside = hair[0, hair[1] > -40].abs().max()
    assert hair[0, hair[1] < -80].abs().max() < beside + 15.0, "mm"
