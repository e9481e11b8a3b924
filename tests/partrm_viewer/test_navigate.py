"""Cameras around a target."""

from __future__ import annotations

import numpy as np
import pytest

from model.camera import Camera
from model.gaussians import Gaussians
from partrm_viewer.tools import navigate
from partrm_viewer.tools.navigate import View

CAMERA = Camera.orbit(30, 20, 3.0, 40, 640, 480)


def view() -> View:
    return View(CAMERA, np.zeros(3))


def test_orbit_keeps_the_distance_and_looks_at_the_target() -> None:
    turned = navigate.orbit(view(), 37, -21)
    assert turned.distance == pytest.approx(3.0)
    pixels, _ = turned.camera.project(np.zeros(3))
    assert pixels == pytest.approx((320, 240))
    R = turned.camera.T_world_camera[:3, :3]
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert R[1, 0] == pytest.approx(0)  # no roll


def test_dragging_right_shows_the_left_side() -> None:
    turned = navigate.orbit(View(Camera.orbit(0, 0, 3, 40, 64, 64), np.zeros(3)), 50, 0)
    assert turned.camera.position[0] < 0


def test_orbit_turns_about_the_axis_that_is_up() -> None:
    up = CAMERA.T_world_camera[:3, 1]
    turned = navigate.orbit(View(CAMERA, np.zeros(3), up), 37, 0).camera
    assert turned.position @ up == pytest.approx(CAMERA.position @ up)
    np.testing.assert_allclose(turned.T_world_camera[:3, 1], up, atol=1e-12)


def test_orbit_stops_before_the_pole() -> None:
    turned = view()
    for _ in range(50):
        turned = navigate.orbit(turned, 0, 40)
    assert np.rad2deg(np.arcsin(turned.camera.position[1] / 3)) == pytest.approx(navigate.STEEPEST_DEG)


def test_a_photo_from_above_can_be_left() -> None:
    above = View(Camera.orbit(0, 90, 3, 40, 64, 64), np.zeros(3))
    assert navigate.orbit(above, 0, 50).camera.position[1] == pytest.approx(3.0)
    assert navigate.orbit(above, 0, -50).camera.position[1] < 2.9


def test_pan_follows_the_pointer() -> None:
    panned = navigate.pan(view(), 30, -12)
    pixels, _ = panned.camera.project(np.zeros(3))
    assert pixels == pytest.approx((350, 228))


def test_zoom_and_back() -> None:
    assert navigate.zoom(navigate.zoom(view(), 3), -3).distance == pytest.approx(3.0)
    assert navigate.zoom(view(), 1).distance < 3.0


@pytest.mark.parametrize("size", [(300, 900), (900, 300), (640, 480)])
def test_fit_shows_the_whole_picture(size: tuple[int, int]) -> None:
    fitted = CAMERA.fitted(*size)
    corners = CAMERA.unproject(np.array([[0.0, 0], [640, 480]]), 3.0)
    pixels, _ = fitted.project(corners)
    assert (pixels >= -1e-6).all() and (pixels <= np.array(size) + 1e-6).all()
    assert fitted.fx == pytest.approx(fitted.fy)


def test_home_frames_a_splat_file() -> None:
    rng = np.random.default_rng(0)
    n = 500
    points = rng.normal(size=(n, 3)) * 7 + 100
    g = Gaussians.from_colours(points, np.tile([1.0, 0, 0, 0], (n, 1)), np.ones((n, 3)), np.ones(n), np.ones((n, 3)))
    home = navigate.home(g, None)
    pixels, depth = home.camera.project(g.positions)
    inside = (depth > 0) & (np.abs(pixels - 256) < 256).all(axis=1)
    assert inside.mean() > 0.9
    assert navigate.home(g, CAMERA).camera is CAMERA
