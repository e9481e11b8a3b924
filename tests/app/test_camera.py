"""The camera of the 3D view: presets, flying, zoom, orthographic, up axes, numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from model.formats import ply
from partrm_viewer.tools import navigate
from renderer.pick import pick
from tests.app.conftest import BACKGROUND, box_of_splats

pytestmark = pytest.mark.app
Button, Keys = Qt.MouseButton, Qt.KeyboardModifier


@pytest.fixture
def splats(tmp_path: Path) -> Path:
    """Return a splat file, which no photo says the upright of."""
    ply.write(tmp_path / "box.ply", box_of_splats())
    return tmp_path / "box.ply"


def drag(window: Any, button: Qt.MouseButton, keys: Qt.KeyboardModifier = Keys.NoModifier) -> Any:
    """Pull the 3D view's empty corner a little; returns the view after it."""
    screen = window.parts.viewport.screen_.widget
    start = QPoint(12, 12)
    QTest.mousePress(screen, button, keys, start)
    QTest.mouseMove(screen, start + QPoint(30, 14))
    QTest.mouseRelease(screen, button, keys, start + QPoint(30, 14))
    return window.parts.viewport.view


def wheel(window: Any, at: QPointF, notches: int) -> None:
    """Turn the wheel over the 3D view."""
    screen = window.parts.viewport.screen_.widget
    where = screen.mapToGlobal(at)
    none, begun = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(at, where, QPoint(), QPoint(0, 120 * notches), none, Keys.NoModifier, begun, False)
    QApplication.sendEvent(screen, event)


def test_presets_change_what_the_mouse_does_and_are_remembered(driver: Any, photo: Path) -> None:
    driver.open(photo)
    window, viewport = driver.window, driver.window.parts.viewport
    target = viewport.view.target
    window.bars.actions["navigate_blender"].trigger()
    before = viewport.view
    assert drag(window, Button.LeftButton) is before
    turned = drag(window, Button.MiddleButton)
    assert np.allclose(turned.target, target) and turned is not before
    assert not np.allclose(drag(window, Button.MiddleButton, Keys.ShiftModifier).target, target)
    distance = viewport.view.distance
    assert drag(window, Button.MiddleButton, Keys.ControlModifier).distance > distance
    assert window.settings.navigation == "blender" and window.bars.actions["navigate_blender"].isChecked()
    assert not window.bars.actions["navigate_ours"].isChecked()


def test_the_wheel_zooms_towards_the_pointer(driver: Any, splats: Path) -> None:
    driver.open(splats)
    viewport = driver.window.parts.viewport
    at = QPointF(viewport.width() * 0.7, viewport.height() * 0.3)
    camera = viewport.camera()
    there = camera.unproject(np.array([at.x(), at.y()]), viewport.view.distance)
    wheel(driver.window, at, 3)
    pixels, depth = viewport.camera().project(there)
    assert np.allclose(pixels, (at.x(), at.y()), atol=0.5) and depth < viewport.view.distance * 1.01


def test_flying_takes_the_keys_only_while_it_lasts(driver: Any, photo: Path) -> None:
    driver.open(photo)
    window, viewport = driver.window, driver.window.parts.viewport
    window.activateWindow()
    driver.wait(window.isActiveWindow)
    window.bars.actions["fly"].trigger()
    assert viewport.steering.flying and window.bars.actions["fly"].isChecked()
    before = viewport.view.camera.position
    QTest.keyPress(viewport, Qt.Key.Key_W)
    driver.wait(lambda: np.linalg.norm(viewport.view.camera.position - before) > 0.05)
    QTest.keyRelease(viewport, Qt.Key.Key_W)
    driver.qtbot.wait(60)
    rest = viewport.view
    driver.qtbot.wait(60)
    assert viewport.view is rest
    ahead = -viewport.view.camera.T_world_camera[:3, 2]
    assert (viewport.view.camera.position - before) @ ahead > 0
    QTest.keyClick(viewport, Qt.Key.Key_E)  # up, and no shortcut
    QTest.keyClick(viewport, Qt.Key.Key_Escape)
    assert not viewport.steering.flying and not window.bars.actions["fly"].isChecked()
    black = window.settings.background
    QTest.keyClick(viewport, Qt.Key.Key_B)
    assert window.settings.background != black  # shortcuts are back


def test_the_right_button_looks_around_from_where_one_is(driver: Any, photo: Path) -> None:
    driver.open(photo)
    viewport = driver.window.parts.viewport
    before = viewport.view
    after = drag(driver.window, Button.RightButton)
    assert np.allclose(after.camera.position, before.camera.position)
    assert not np.allclose(after.camera.T_world_camera, before.camera.T_world_camera)
    assert not viewport.steering.flying


def test_orthographic_and_back_is_where_it_was_and_picking_agrees(driver: Any, splats: Path) -> None:
    driver.open(splats)
    window, viewport = driver.window, driver.window.parts.viewport
    before = viewport.camera()
    middle = (viewport.width() / 2, viewport.height() / 2)
    picked = pick(driver.document.shown.gaussians, before, middle)
    window.bars.actions["orthographic"].trigger()
    flat = viewport.camera()
    again = pick(driver.document.shown.gaussians, flat, middle)
    assert window.bars.actions["orthographic"].isChecked() and flat.fov_y_deg < 1
    assert picked is not None and again is not None
    np.testing.assert_allclose(again.point, picked.point, atol=0.02)
    drag(window, Button.LeftButton)
    assert viewport.view.orthographic
    window.bars.actions["orthographic"].trigger()
    assert viewport.camera().fov_y_deg == pytest.approx(before.fov_y_deg)


def test_the_input_view_is_no_longer_it_when_orthographic(driver: Any, photo: Path) -> None:
    driver.open(photo)
    viewport = driver.window.parts.viewport
    assert viewport.at_home
    driver.window.bars.actions["orthographic"].trigger()
    assert not viewport.at_home
    driver.window.viewing.input_view()
    assert viewport.at_home and not driver.window.bars.actions["orthographic"].isChecked()


def test_a_file_that_lies_on_its_head_is_put_right_and_stays_so(
    driver: Any, splats: Path, photo: Path, tmp_path: Path
) -> None:
    driver.open(splats)
    window, viewport = driver.window, driver.window.parts.viewport
    assert window.bars.actions["up_plus_y"].isChecked()
    window.bars.actions["ground"].trigger()
    window.bars.actions["up_minus_y"].trigger()
    assert window.bars.actions["up_minus_y"].isChecked() and not window.bars.actions["up_plus_y"].isChecked()
    top, bottom = (viewport.camera().project(np.array([0, y, 0]))[0][1] for y in (0.5, -0.5))
    assert top > bottom
    turn = window.exporting._turn(driver.document.shown)  # so that a film turns about it too
    np.testing.assert_allclose(turn[:3, :3] @ navigate.UPS["-y"], navigate.UP, atol=1e-9)
    camera, low, high = viewport.ground(viewport.camera())
    under = camera.project(np.array([(low + high) / 2 * [1, 0, 1] + low * [0, 1, 0]]))[0][0]
    np.testing.assert_allclose(under, viewport.camera().project(np.array([0, 0.5, 0]))[0], atol=60)
    drag(window, Button.LeftButton)
    window.viewing.input_view()
    np.testing.assert_array_equal(viewport.view.up, navigate.UPS["-y"])
    driver.open(photo)
    assert not window.bars.actions["up_minus_y"].isEnabled()
    np.testing.assert_array_equal(viewport.view.up, navigate.UP)


def test_numbers_move_the_view_and_follow_it(driver: Any, splats: Path) -> None:
    driver.open(splats)
    window, viewport = driver.window, driver.window.parts.viewport
    window.bars.actions["camera_pose"].trigger()
    sheet = window.viewing._pose
    assert sheet.azimuth.value() == pytest.approx(25) and sheet.elevation.value() == pytest.approx(18)
    sheet.azimuth.setValue(-90)
    sheet.distance.setValue(2.0)
    now = navigate.pose(viewport.view)
    assert (now.azimuth_deg, now.distance) == pytest.approx((-90, 2.0))
    sheet.fov.setValue(60)
    assert viewport.view.camera.fov_y_deg == pytest.approx(60)
    sheet.target[1].setValue(0.5)
    assert viewport.view.target[1] == pytest.approx(0.5)
    drag(window, Button.LeftButton)
    assert sheet.azimuth.value() == pytest.approx(navigate.pose(viewport.view).azimuth_deg, abs=0.06)
    sheet.close()


def test_a_smooth_move_ends_there_and_a_press_interrupts_it(driver: Any, photo: Path) -> None:
    driver.open(photo)
    viewport = driver.window.parts.viewport
    home = viewport.view
    there = navigate.orbit(navigate.zoom(home, 2), 200, 30)
    viewport.steering.glide(there)
    driver.wait(lambda: viewport.view is there)
    viewport.steering.glide(home)
    driver.wait(lambda: viewport.view is not there)
    drag(driver.window, Button.LeftButton)
    taken = viewport.view
    driver.qtbot.wait(300)
    assert viewport.view is taken and not viewport.steering.gliding


def test_nothing_open_and_the_wheel_turns(driver: Any) -> None:
    wheel(driver.window, QPointF(*BACKGROUND), 1)
    assert driver.window.parts.viewport.view is None
