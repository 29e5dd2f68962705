"""Expressions close everybody's eyes, and lids never cross."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from facegen.latents import draw_identity
from facegen.lids import Lids
from facegen.morphable import MorphableModel
from facegen.render import Renderer
from facegen.truth import GroundTruth

PEOPLE = 40
UPPER, LOWER = (37, 38, 43, 44), (41, 40, 47, 46)
"""Landmarks above one another, of both eyes."""


@pytest.fixture(scope="module")
def renderer(head: MorphableModel) -> Renderer:
    return Renderer(head)


def expressions(head: MorphableModel, **weights: float) -> Tensor:
    coefficients = torch.zeros(PEOPLE, len(head.expression_names))
    for name, weight in weights.items():
        coefficients[:, head.expression_names.index(name)] = weight
    return coefficients


def gaps(renderer: Renderer, expression: Tensor) -> Tensor:
    """How far the lids of people are apart (person, place), mm."""
    size = renderer.model.identity_size
    people = np.stack([draw_identity(size, 0, "train", number) for number in range(PEOPLE)])
    with torch.no_grad():
        vertices = renderer.people(torch.from_numpy(people), expression).vertices
    height = GroundTruth(renderer)._landmarks.of(vertices)[:, 1]
    return height[:, UPPER] - height[:, LOWER]


def test_a_blink_closes_narrow_eyes_and_wide_ones(head, renderer) -> None:
    neutral, half, full = (
        gaps(renderer, expressions(head, eyeBlink_L=weight, eyeBlink_R=weight))
        for weight in (0.0, 0.5, 1.0)
    )
    assert neutral.min() > 2.5 and neutral.max() > 2 * neutral.min(), "mm: people differ"
    assert full.abs().max() < 0.8, "mm"
    assert (half / neutral - 0.5).abs().max() < 0.15


@pytest.mark.parametrize(
    "weights",
    [
        {"eyeBlink_L": 1.5, "eyeBlink_R": 1.5, "browDown": 1.0},
        {"eyeBlink_L": 1.0, "eyeBlink_R": 1.0, "eyeSquint": 1.0, "cheekSquint": 1.0},
        {"eyeSquint": 1.5, "cheekSquint": 1.5},
    ],
)
def test_lids_stop_where_they_meet(head, renderer, weights: dict[str, float]) -> None:
    apart = gaps(renderer, expressions(head, **weights))
    assert apart.min() > -0.5, "mm"
    if "eyeBlink_L" in weights:
        assert apart.max() < 1.2, "mm"


def test_skin_beside_lids_is_not_torn(head, renderer) -> None:
    """What lids do otherwise than the model says fades out over the skin around them."""
    size = head.identity_size
    people = np.stack([draw_identity(size, 0, "train", number) for number in range(PEOPLE)])
    decoder = renderer.decoder
    shape, *_ = head.split(torch.from_numpy(people))
    place = (shape @ decoder._basis).reshape(PEOPLE, 3, -1) + decoder._mean
    faces = torch.from_numpy(head.faces).long()
    sides = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]]])
    for number, name in enumerate(head.expression_names):
        moves = decoder._expressions[number].reshape(1, 3, -1).expand(PEOPLE, -1, -1)
        change = decoder._lids.moved(place, moves.clone()) - moves
        jump = (change[:, :, sides[:, 0]] - change[:, :, sides[:, 1]]).norm(dim=1)
        length = (place[:, :, sides[:, 0]] - place[:, :, sides[:, 1]]).norm(dim=1)
        # The edges of the opening itself come together.
        least = 0.8 if "Blink" in name or "Wide" in name or "Squint" in name else 0.4
        assert (jump / (length + 1.0)).max() < least, name


def test_one_eye_winks_alone(head, renderer) -> None:
    neutral = gaps(renderer, expressions(head))
    wink = gaps(renderer, expressions(head, eyeBlink_L=1.0))
    torch.testing.assert_close(wink[:, :2], neutral[:, :2], atol=0.02, rtol=0.0)
    assert wink[:, 2:].abs().max() < 0.8, "mm"


def test_only_lids_move_otherwise_than_the_model_says(head, renderer) -> None:
    mean = torch.from_numpy(head.mean).T[None]
    blink = expressions(head, eyeBlink_L=1.5)[:1] @ renderer.decoder._expressions
    moves = blink.reshape(1, 3, -1)
    moved = renderer.decoder._lids.moved(mean, moves.clone())
    changed = (moved != moves).any(dim=1)[0]
    place = mean[0][:, changed]
    assert changed.any()
    # The subject's left eye is around (30, 0, 70).
    assert place[0].min() > 0 and place[1].abs().max() < 40 and place[2].min() > 30


def test_gradients_change_nothing_and_reach_the_weight(head, renderer) -> None:
    mean = torch.from_numpy(head.mean).T[None]
    weight = torch.tensor([0.4], requires_grad=True)
    blink = (expressions(head, eyeBlink_L=1.0)[:1] @ renderer.decoder._expressions).reshape(
        1, 3, -1
    )
    lids = renderer.decoder._lids
    followed = lids.moved(mean, weight * blink)
    with torch.no_grad():
        assert torch.equal(followed, lids.moved(mean, weight * blink))
    height = followed[:, 1].sum()
    height.backward()
    step = 1e-2
    with torch.no_grad():
        up, down = (lids.moved(mean, (0.4 + s) * blink)[:, 1].sum() for s in (step, -step))
    assert float(weight.grad) == pytest.approx(float(up - down) / (2 * step), rel=1e-2)


def test_other_blend_shapes_are_only_held_up(head, renderer) -> None:
    decoder = renderer.decoder
    faces = torch.from_numpy(head.faces)
    plain = Lids(decoder._mean, faces, decoder._body, proportional=False)
    narrow = decoder._mean[None].clone()
    # Flattened, both eyes open less.
    narrow[:, 1] *= 0.6
    blink = expressions(head, eyeBlink_L=0.2)[:1] @ decoder._expressions
    moves = blink.reshape(1, 3, -1)
    assert torch.equal(plain.moved(narrow, moves.clone()), moves)
    assert not torch.equal(decoder._lids.moved(narrow, moves.clone()), moves)


def test_a_head_without_eyeballs_has_no_lids(head, renderer) -> None:
    decoder = renderer.decoder
    blind = replace(decoder._body, eye_angle=torch.full_like(decoder._body.eye_angle, -1.0))
    lids = Lids(decoder._mean, torch.from_numpy(head.faces), blind, proportional=True)
    moves = torch.ones(1, 3, decoder._mean.shape[1])
    assert torch.equal(lids.moved(decoder._mean[None], moves.clone()), moves)


@pytest.mark.parametrize("without", ["upper", "lower", "both"])
def test_a_ball_without_lids_has_no_rims(head, renderer, without: str) -> None:
    """As of a mask with large holes: what is far behind is no lid."""
    decoder = renderer.decoder
    x, y, z = decoder._mean
    skin, eye = decoder._body.is_skin > 0.5, decoder._body.eye_angle >= 0
    height = y - y[eye].mean()
    near = skin & (height.abs() < 40) & (z > 0)
    gone = near & {"upper": height > 0, "lower": height < 0, "both": height == height}[without]
    faces = torch.from_numpy(head.faces)
    lids = Lids(
        decoder._mean, faces[~gone[faces.long()].any(dim=1)], decoder._body, proportional=True
    )
    moves = torch.rand(1, 3, len(x), generator=torch.Generator().manual_seed(0))
    assert torch.equal(lids.moved(decoder._mean[None], moves.clone()), moves)
