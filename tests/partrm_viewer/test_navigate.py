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


def test_zoom_keeps_what_is_under_the_pointer() -> None:
    there = CAMERA.unproject(np.array([500.0, 100.0]), 3.0)
    zoomed = navigate.zoom_at(view(), 4, 500 - CAMERA.cx, 100 - CAMERA.cy)
    pixels, depth = zoomed.camera.project(there)
    assert pixels == pytest.approx((500, 100)) and depth < 2
    back = navigate.zoom_at(zoomed, -4, 500 - CAMERA.cx, 100 - CAMERA.cy)
    np.testing.assert_allclose(back.camera.T_world_camera, CAMERA.T_world_camera, atol=1e-9)
    np.testing.assert_allclose(back.target, 0, atol=1e-9)


def test_looking_around_stays_in_place_and_level() -> None:
    looked = navigate.look(view(), 90, -40)
    np.testing.assert_array_equal(looked.camera.position, CAMERA.position)
    assert looked.camera.T_world_camera[1, 0] == pytest.approx(0)  # no roll
    assert looked.distance == pytest.approx(3.0)
    pixels, _ = looked.camera.project(np.zeros(3))
    assert pixels[0] < 320 and pixels[1] > 240  # who looks right and up sees the target go left and down


def test_looking_up_stops_before_the_pole() -> None:
    looked = view()
    for _ in range(40):
        looked = navigate.look(looked, 0, -50)
    assert np.rad2deg(np.arcsin(-looked.camera.T_world_camera[1, 2])) == pytest.approx(navigate.STEEPEST_DEG)


def test_flying_ahead_goes_towards_the_target() -> None:
    flown = navigate.fly(view(), 0, 0, 1.0)
    assert np.linalg.norm(flown.camera.position) == pytest.approx(2.0) and flown.distance == pytest.approx(3.0)


def test_an_orthographic_view_keeps_parallels_and_the_size_at_the_target() -> None:
    flat = View(CAMERA, np.zeros(3), orthographic=True)
    x, back = CAMERA.T_world_camera[:3, 0], CAMERA.T_world_camera[:3, 2]
    near, far = ((flat.seen.project(0.5 * x + at * back)[0] - flat.seen.project(at * back)[0])[0] for at in (0.8, -0.8))
    assert near == pytest.approx(far, rel=2e-3)
    for point in (0.5 * x, np.zeros(3)):  # at the target's depth nothing moves
        np.testing.assert_allclose(flat.seen.project(point)[0], CAMERA.project(point)[0], atol=1e-6)


def test_an_orthographic_view_keeps_a_target_that_is_not_in_the_middle() -> None:
    aside = View(CAMERA, np.array([0.3, -0.2, 0.1]), orthographic=True)
    np.testing.assert_allclose(aside.seen.project(aside.target)[0], CAMERA.project(aside.target)[0], atol=1e-6)


@pytest.mark.parametrize("up", navigate.UPS.values(), ids=list(navigate.UPS))
def test_numbers_of_a_view_lead_back_to_it(up: np.ndarray) -> None:
    for elevation in (-30.0, 0.0, 90.0):
        wanted = navigate.Pose(-110.0, elevation, 2.5, (0.1, 0.2, -0.3), 33.0)
        placed = navigate.placed(wanted, up, 640, 480)
        told = navigate.pose(placed)
        assert (told.azimuth_deg, told.elevation_deg) == pytest.approx((-110.0, elevation), abs=1e-5)
        assert (told.distance, told.fov_y_deg) == pytest.approx((2.5, 33.0)) and told.target == wanted.target
        assert placed.camera.project(placed.target)[0] == pytest.approx((320, 240))


@pytest.mark.parametrize("up", navigate.UPS.values(), ids=list(navigate.UPS))
def test_another_axis_stands_upright_in_the_picture(up: np.ndarray) -> None:
    turned = navigate.with_up(view(), up)
    top, bottom = (turned.camera.project(at * up)[0] for at in (0.5, -0.5))
    assert top[1] < bottom[1] and top[0] == pytest.approx(bottom[0])
    assert turned.distance == pytest.approx(3.0)
    np.testing.assert_allclose(
        navigate.with_up(turned, navigate.UP).camera.T_world_camera, CAMERA.T_world_camera, atol=1e-9
    )


def test_a_move_begins_at_one_view_and_ends_at_the_other() -> None:
    a = view()
    b = View(Camera.orbit(170, -40, 6.0, 30, 512, 512, (0.4, 0.1, 0.0)), np.array([0.4, 0.1, 0.0]))
    assert navigate.between(a, b, 1.0) is b
    start = navigate.between(a, b, 0.0)
    np.testing.assert_allclose(start.camera.T_world_camera, CAMERA.T_world_camera, atol=1e-6)
    for t in (0.25, 0.5, 0.75):
        on_the_way = navigate.between(a, b, t)
        R = on_the_way.camera.T_world_camera[:3, :3]
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-6)
        assert 3.0 < on_the_way.distance < 6.0
        np.testing.assert_allclose(on_the_way.camera.project(on_the_way.target)[0], (256, 256), atol=1e-3)
