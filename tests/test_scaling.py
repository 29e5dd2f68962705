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
    frames = scaling.draw(curves).axes
    assert [frame.get_xlabel() for frame in frames] == [curve.quantity for curve in curves]
    for frame, curve in zip(frames, curves, strict=True):
        _, *drawn = (line.get_xydata().T.tolist() for line in frame.lines)
        for line, times in zip(drawn, (curve.milliseconds, curve.with_gradient), strict=True):
            assert line == [list(curve.values), list(times)]


@pytest.mark.parametrize(("quantity", "power"), [("images", 1), ("pixels a side", 2)])
def test_what_is_in_proportion_lies_on_the_grey_line(quantity: str, power: int) -> None:
    times = (1.0, 10.0**power)
    (frame,) = scaling.draw([scaling.Curve(quantity, "", (1, 10), times, times)]).axes
    grey, plain, _ = frame.lines
    assert np.allclose(grey.get_xydata(), plain.get_xydata())
