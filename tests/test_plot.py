"""Plots of numbers."""

import matplotlib
import numpy as np

from facegen.plot import COLOURS, panels, picture, style, styled


def test_a_figure_becomes_a_picture_of_its_size() -> None:
    figure, (frame,) = panels(1, width=2.0, height=1.0)
    frame.fill([0, 1, 1, 0], [0, 0, 1, 1], color=COLOURS[0])
    pixels = np.asarray(picture(figure))
    assert pixels.shape == (144, 288, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == (0x00, 0x72, 0xB2)).all(-1).any()


def test_a_users_own_style_is_for_the_users_own_figures() -> None:
    @styled()
    def drawn() -> np.ndarray:
        figure, (frame,) = panels(1)
        frame.plot([0, 1], **style(0))
        frame.set_title("title")
        return np.asarray(picture(figure))

    usual = drawn()
    with matplotlib.rc_context({"figure.facecolor": "black", "axes.titlesize": 30}):
        assert np.array_equal(drawn(), usual)


def test_no_two_of_many_curves_look_alike() -> None:
    looks = {tuple(style(number).items()) for number in range(3 * len(COLOURS))}
    assert len(looks) == 3 * len(COLOURS)
