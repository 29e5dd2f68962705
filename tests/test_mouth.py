"""Teeth are dark behind shut lips, and lit when they part."""

import pytest
import torch

from facegen.appearance import DARK
from facegen.morphable import MorphableModel
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
    skin = renderer.people(person, moved).skin[0, :, : len(teeth)][:, ~teeth]
    assert torch.equal(skin, renderer.people(person).skin[0, :, : len(teeth)][:, ~teeth])
