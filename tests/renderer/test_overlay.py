"""Lines over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from model.camera import Camera
from renderer.overlay import (
    AXES,
    ORANGE,
    between,
    draw_drag,
    draw_ground,
    draw_split,
    ground,
    project_segments,
    round_step,
)

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


def test_the_ground_lies_under_the_object_and_its_axes_point_along_the_worlds() -> None:
    low, high = np.array([-0.4, -0.5, -0.3]), np.array([0.4, 0.5, 0.3])
    image = draw_ground(np.full((150, 200, 3), 255, np.uint8), CAMERA, low, high)
    assert (image != 255).any()
    grid, *axes = ground(CAMERA, low, high)
    corners, _ = CAMERA.project(np.array([[-0.6, -0.5, -0.6], [0.6, -0.5, 0.6]]))
    ends: np.ndarray = np.array(grid.segments).reshape(-1, 2)
    for corner in corners:  # 0.6 is three quarters of 0.8: three squares of 0.2 to every side
        assert np.abs(ends - corner).sum(axis=1).min() < 0.1
    assert [lines.colour for lines in axes] == list(AXES)
    (start, up), (wanted, wanted_up) = axes[1].segments[0], CAMERA.project(np.array([[0, -0.5, 0], [0, -0.1, 0]]))[0]
    assert np.allclose(start, wanted) and np.allclose(up, wanted_up)


def test_squares_of_the_ground_have_round_sizes_at_every_scale() -> None:
    assert [round_step(x) for x in (0.0011, 0.13, 0.2, 3, 700)] == pytest.approx([0.002, 0.2, 0.2, 5, 1000])


def test_lines_stop_at_the_camera() -> None:
    through = project_segments(CAMERA, [(CAMERA.position * 2, np.zeros(3))])
    assert len(through) == 1 and np.isfinite(through[0]).all()
    assert project_segments(CAMERA, [(CAMERA.position * 2, CAMERA.position * 3)]) == []


def test_the_split_line_stands_where_it_is_put() -> None:
    drawn = draw_split(np.zeros((150, 200, 3), np.uint8), 0.25)
    touched = np.flatnonzero(drawn.any(axis=(0, 2)))
    assert touched.min() >= 45 and touched.max() <= 55
    assert drawn[:, 50].any(axis=1).all()


def test_lines_are_cut_to_a_half_of_the_picture() -> None:
    a, b = np.array([20.0, 0.0]), np.array([120.0, 100.0])
    ((start, end),) = between([(b, a)], 70, 100)
    assert np.allclose(start, (70, 50)) and np.allclose(end, (100, 80))
    assert between([(a, b)], 130, 200) == [] and len(between([(a, a + np.array([0, 9]))], 10, 30)) == 1
