"""Lines over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from model.camera import Camera
from renderer.overlay import ORANGE, draw_axes, draw_drag, draw_grid, draw_split, project_segments

CAMERA = Camera.orbit(30, 20, 2.5, 45, 200, 150)


def test_a_drag_is_drawn_where_it_is_and_the_original_stays() -> None:
    image = np.zeros((150, 200, 3), np.uint8)
    drawn = draw_drag(image, (40, 75), (160, 75))
    assert not image.any()
    assert np.abs(drawn[75, 100].astype(int) - ORANGE).max() < 10
    assert not drawn[20].any() and not drawn[:, 180].any()


def test_lines_over_nothing_have_no_dark_rims() -> None:
    drawn = draw_drag(np.zeros((150, 200, 4), np.uint8), (40, 20), (160, 110))
    touched = drawn[..., 3] > 0
    assert touched.any() and not touched.all()
    # Straight alpha: even the faintest pixel has the line's colour or its white border's, in full.
    assert drawn[touched][:, 0].min() >= min(ORANGE[0], 255) - 3


@pytest.mark.parametrize("end", [(1e7, 30.0), (-5e6, -5e6), (40.0, 75.0), (40.2, 75.1)])
def test_absurd_and_tiny_drags_are_drawn(end: tuple[float, float]) -> None:
    assert draw_drag(np.zeros((150, 200, 3), np.uint8), (40, 75), end).any()


def test_grid_and_axes_show_and_stop_at_the_camera() -> None:
    image = np.full((150, 200, 3), 255, np.uint8)
    assert (draw_grid(image, CAMERA) != 255).any()
    axes = draw_axes(image, CAMERA)
    assert {"x", "y", "z"} and len(np.unique(axes.reshape(-1, 3), axis=0)) > 3
    through = project_segments(CAMERA, [(CAMERA.position * 2, np.zeros(3))])
    assert len(through) == 1 and np.isfinite(through[0]).all()
    assert project_segments(CAMERA, [(CAMERA.position * 2, CAMERA.position * 3)]) == []


def test_the_split_line_stands_where_it_is_put() -> None:
    drawn = draw_split(np.zeros((150, 200, 3), np.uint8), 0.25)
    touched = np.flatnonzero(drawn.any(axis=(0, 2)))
    assert touched.min() >= 45 and touched.max() <= 55
    assert drawn[:, 50].any(axis=1).all()
