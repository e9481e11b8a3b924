"""The brush's line, and strokes on masks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from partrm_viewer.tools.base import Hand
from partrm_viewer.tools.brush import BrushTool, Stroke, draw_line


@pytest.mark.parametrize(
    ("a", "b", "radius"),
    [
        ((5.0, 6.0), (20.0, 11.0), 3.0),
        ((5.5, 6.5), (5.5, 6.5), 4.2),
        ((-8.0, 10.0), (50.0, 3.0), 2.0),
        ((-90.0, 4.0), (-80.0, 4.0), 3.0),
    ],
)
def test_a_line_covers_the_pixels_near_it(a: tuple[float, float], b: tuple[float, float], radius: float) -> None:
    within = np.random.default_rng(0).random((20, 30)) < 0.8
    area = np.zeros((20, 30), bool)
    draw_line(area, within, a, b, radius)
    for y in range(20):
        for x in range(30):
            steps = [(a[0] + (b[0] - a[0]) * t / 5000, a[1] + (b[1] - a[1]) * t / 5000) for t in range(0, 5001, 10)]
            near = min(math.hypot(x + 0.5 - u, y + 0.5 - v) for u, v in steps)
            if abs(near - radius) > 0.02:
                assert area[y, x] == (near < radius and within[y, x]), (x, y)


def test_the_smallest_brush_paints_the_pixel_under_the_pointer() -> None:
    area, everywhere = np.zeros((5, 5), bool), np.ones((5, 5), bool)
    draw_line(area, everywhere, (2.1, 3.9), (2.1, 3.9), 0.1)
    assert area[3, 2]


def test_a_stroke_is_handed_over_once_and_only_where_painting_is_allowed() -> None:
    there: list[np.ndarray | None] = [None, np.ones((9, 9), bool)]
    done: list[Stroke] = []
    shown: list[Stroke | None] = []
    tool = BrushTool(lambda: there.pop(0), lambda: 1.0, shown.append, done.append)
    for _ in range(2):
        tool.press((2.0, 2.0), Hand.TAKE)
        tool.move((6.0, 2.0), True)
        tool.release((6.0, 2.0))
        tool.release((6.0, 2.0))
    assert len(done) == 1 and not done[0].adds and done[0].area[2, 2:6].all() and len(shown) == 2
    assert not done[0].on(np.ones((9, 9), bool))[2, 4] and tool.stroke is None
