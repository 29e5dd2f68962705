"""Teeth are dark and far behind shut lips, and lit and close to them when they part."""

import pytest
import torch

from facegen.morphable import MorphableModel
from facegen.mouth import DARK
from facegen.render import Renderer


@pytest.mark.parametrize(
    ("expression", "least", "most"),
    [("jawOpen", 0.95, 1.0), ("mouthUpperUp", 0.95, 1.0), ("browDown", 0.0, 0.15)],
)
def test_teeth_show_where_lips_part(
    head: MorphableModel, expression: str, least: float, most: float
) -> None:
    renderer = Renderer(head)
    person = torch.zeros(1, head.identity_size)
    moved = torch.zeros(1, len(head.expression_names))
    moved[0, head.expression_names.index(expression)] = 1.0
    teeth = torch.from_numpy(head.fields["teeth"]) > 0.99
    white = renderer.people(person, moved).skin[0, :, : len(teeth)][:, teeth]
    shut = renderer.people(person).skin[0, :, : len(teeth)][:, teeth]
    assert least <= float((white / (shut / DARK)).mean()) <= most
    # Skin is as bright as ever.
    outside = torch.from_numpy(head.fields["teeth"]) == 0
    skin = renderer.people(person, moved).skin[0, :, : len(teeth)][:, outside]
    assert torch.equal(skin, renderer.people(person).skin[0, :, : len(teeth)][:, outside])


def test_shadows_of_lips_on_teeth_are_the_same_with_gradients(head: MorphableModel) -> None:
    renderer = Renderer(head)
    dark = torch.linspace(0, 1, len(renderer.anatomy.wet))[None]
    past = renderer.decoder.mouth.past_lips
    found = past(dark.clone())
    assert torch.equal(found, past(dark.clone().requires_grad_()).detach())
    teeth = renderer.anatomy.teeth > 0
    assert (found[:, teeth] >= dark[:, teeth]).all() and (found[:, teeth] >= 0.6).all()
    assert torch.equal(found[:, ~teeth], dark[:, ~teeth])


def test_lips_that_part_lie_on_teeth_and_shut_ones_before_them(head: MorphableModel) -> None:
    renderer = Renderer(head)
    weights = torch.zeros(2, len(head.expression_names))
    weights[1, head.expression_names.index("mouthUpperUp")] = 1.0
    x, _, z = renderer.people(torch.zeros(2, head.identity_size), weights).vertices.unbind(1)
    count = len(head.mean)
    teeth, lips = (
        (torch.from_numpy(head.fields[name]) > 0.5) & (x[0, :count].abs() < 6.0)
        for name in ("teeth", "lips")
    )
    shut, parted = (float(row[:count][lips].amin() - row[:count][teeth].amax()) for row in z)
    assert shut > 6.0, "mm"
    assert 1.0 < parted < 5.0
