"""Crowns side by side on gums, in either jaw, that look outwards and are the same on both sides."""

import numpy as np
import pytest

from facegen.morphable.teeth import IS_GUM

CROWNS = 14
ROWS = 6


@pytest.fixture(scope="module", params=["upper", "lower"])
def jaw(request, head):
    """The places (row, column, 3) of one jaw's vertices, what is enamel, and which they are."""
    which = np.flatnonzero(head.fields["teeth"] > 0)
    upper, lower = np.split(which, 2)
    own = upper if request.param == "upper" else lower
    shape = (ROWS, 2 * CROWNS + 1)
    return head.mean[own].reshape(*shape, 3), head.fields["teeth"][own].reshape(shape), own


def test_upper_teeth_lie_over_lower_ones(head) -> None:
    upper, lower = np.split(head.mean[head.fields["teeth"] > 0], 2)
    assert upper[:, 1].mean() > lower[:, 1].mean() + 5, "mm"


def test_a_jaw_has_fourteen_crowns(jaw) -> None:
    _, enamel, _ = jaw
    edge = enamel[3]
    assert (edge == 1).sum() == CROWNS
    assert (edge[::2] < 0.9).all() and (edge[1::2] == 1).all(), "they meet in between"
    np.testing.assert_allclose(enamel[[0, 1, 5]], IS_GUM, atol=1e-6)


def test_both_sides_mirror_each_other(jaw) -> None:
    place, _, _ = jaw
    np.testing.assert_allclose(place, place[:, ::-1] * [-1, 1, 1], atol=0.2)


def test_incisors_are_blades_and_molars_blocks(jaw) -> None:
    place, _, _ = jaw
    thick = np.linalg.norm(place[4] - place[3], axis=1)
    middle, end = thick[CROWNS + 1], thick[[1, -2]]
    assert 1.0 < middle < 4.0, "mm"
    assert (end > 1.8 * middle).all()
    # A grinding surface is level.
    assert abs(place[4, 1] - place[3, 1])[1] < 3.0, "mm"


def test_crowns_look_out_of_the_mouth(head, jaw) -> None:
    place, _, own = jaw
    faces = head.faces[np.isin(head.faces, own).all(axis=1)]
    corners = head.mean[faces].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    in_row = (faces - own[0]) // place.shape[1]
    front = np.isin(in_row, (2, 3)).all(axis=1) & (np.abs(corners[:, :, 0].mean(axis=1)) < 12)
    assert front.sum() > 8 and (normal[front, 2] > 0).all()
    # Closed at its ends, so only gums have a border.
    sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    edges, uses = np.unique(sides, axis=0, return_counts=True)
    assert set(((edges[uses == 1] - own[0]) // place.shape[1]).ravel()) <= {0, ROWS - 1}
    assert (uses <= 2).all()
