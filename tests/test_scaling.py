"""The curves of cost are measured and drawn; how long anything takes is nowhere tested."""

import json

import numpy as np
import pytest

from facegen import scaling


def test_curves_are_measured_and_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "TRIANGLES", (100, 400))
    monkeypatch.setattr(scaling, "SIZES", (16, 32))
    monkeypatch.setattr(scaling, "IMAGES", (1, 4))
    monkeypatch.setattr(scaling, "_FIXED_TRIANGLES", 200)
    monkeypatch.setattr(scaling, "_FIXED_SIZE", 24)
    monkeypatch.setattr(scaling, "_REPEATS", 2)
    curves = scaling.measure()
    assert [curve.quantity for curve in curves] == ["triangles", "pixels a side", "images"]
    assert [curve.values for curve in curves] == [(100, 400), (16, 32), (1, 4)]
    for curve in curves:
        assert min(*curve.milliseconds, *curve.with_gradient) > 0
    found = json.loads(json.dumps(scaling.as_json(curves)))
    assert found["curves"][0]["values"] == [100, 400]
    picture = np.asarray(scaling.draw(curves, side=120))
    for colour in ((0x1F, 0x4E, 0x9C), (0xB5, 0x48, 0x2A)):
        assert (picture == colour).all(axis=-1).sum() > 100


def test_a_curve_in_proportion_is_drawn_as_the_diagonal_of_its_decade() -> None:
    values, times = (1, 10), (1.0, 10.0)
    curve = scaling.Curve("images", "", values, times, times)
    picture = np.asarray(scaling.draw([curve], side=100))
    red = (picture == (0xB5, 0x48, 0x2A)).all(axis=-1)
    # The margin is 56: the line runs from the lower left of the panel to its upper right.
    assert red[154:158, 54:58].any()
    assert red[54:58, 154:158].any()
    assert not red[60:80, 60:80].any()
