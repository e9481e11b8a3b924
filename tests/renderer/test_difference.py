"""Where two pictures differ."""

from __future__ import annotations

import numpy as np

from renderer.difference import MOST, draw_difference, heat_colours


def test_what_is_equal_is_grey_and_what_differs_is_on_the_scale() -> None:
    shown = np.full((4, 6, 3), (200, 120, 40), np.uint8)
    other = shown.copy()
    other[:, 3:, 2] += 51  # a fifth, in one channel
    drawn = draw_difference(shown, other)
    assert np.ptp(drawn[:, :3], axis=2).max() == 0  # no colour
    assert np.abs(drawn[0, 5].astype(int) - heat_colours()[round(255 * 0.2 / MOST)]).max() <= 2


def test_the_scale_ends_where_it_says() -> None:
    black = np.zeros((2, 2, 3), np.uint8)
    for much in (round(255 * MOST) + 1, 255):
        assert (draw_difference(black, np.full_like(black, much)) == heat_colours()[-1]).all()


def test_a_difference_within_rounding_is_none() -> None:
    rng = np.random.default_rng(0)
    shown = rng.integers(2, 250, (20, 30, 3)).astype(np.uint8)
    drawn = draw_difference(shown, shown + rng.integers(0, 3, shown.shape).astype(np.uint8))
    assert np.ptp(drawn, axis=2).max() == 0
