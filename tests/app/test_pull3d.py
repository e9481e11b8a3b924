"""Pulling on the splats, from any side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from model.camera import Camera
from partrm_viewer.tools.navigate import View

pytestmark = pytest.mark.app
LEFT, NONE, ALT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.AltModifier
FRONT, TOP = np.array([-0.25, 0.1, 0.5]), np.array([-0.25, 0.5, -0.2])  # on the part; the photo sees both
BACK, SIDE = np.array([-0.42, 0.0, -0.5]), np.array([0.25, 0.1, 0.5])  # on the part, unseen; on what does not move


@pytest.fixture
def ready(driver: Any, photo: Any) -> Any:
    """Return the driver with a photo open and its parts known."""
    driver.open(photo)
    state = driver.document.shown.state
    driver.wait(lambda: driver.window.bench.atlas(state) is not None)
    return driver


def look(ready: Any, azimuth: float, elevation: float = 25.0) -> None:
    """Look at the box from somewhere."""
    ready.window.parts.viewport.set_view(View(Camera.orbit(azimuth, elevation, 3.0, 40, 320, 240), np.zeros(3)))


def at(ready: Any, point: np.ndarray) -> QPoint:
    """Return where a world point is in the 3D view."""
    viewport = ready.window.parts.viewport
    x, y = viewport.camera().project(point)[0] / viewport.devicePixelRatioF()
    return QPoint(round(x), round(y))


def drag(ready: Any, start: np.ndarray, end: np.ndarray, keys: Any = NONE) -> None:
    """Press on a world point, pull to another, let go."""
    screen = ready.window.parts.viewport.screen_.widget
    QTest.mousePress(screen, LEFT, keys, at(ready, start))
    a, b = at(ready, start), at(ready, end)
    for k in (0.4, 1.0):
        QTest.mouseMove(screen, a + (b - a) * k)
    QTest.mouseRelease(screen, LEFT, keys, b)


@pytest.mark.parametrize(("azimuth", "start"), [(20, FRONT), (-60, FRONT), (70, TOP), (160, TOP), (180, BACK)])
def test_a_part_is_pulled_from_any_side(ready: Any, azimuth: float, start: np.ndarray) -> None:
    look(ready, azimuth, 40.0)
    drag(ready, start, start + np.array([0.0, 0.0, 0.3]))
    ready.wait(lambda: len(ready.document.snapshots) == 2)
    motion, pulled = ready.document.shown.motion, ready.document.shown.drags[0]
    assert motion.amount == pytest.approx(0.3, abs=0.03)  # towards its front, by what was asked
    grab = np.array(pulled.sight.grab)
    assert np.linalg.norm(grab - start) < 0.1
    camera = pulled.sight.camera  # the end lies on the plane through the grabbed point that faces the camera
    assert camera.project(grab)[1] == pytest.approx(camera.project(np.array(pulled.sight.target))[1])


@pytest.mark.parametrize("driver", ["gl"], indirect=True)
def test_a_part_is_pulled_from_behind_where_opengl_draws(ready: Any) -> None:
    look(ready, 160, 40.0)
    QTest.mouseMove(ready.window.parts.viewport.screen_.widget, at(ready, TOP))
    ready.wait(lambda: ready.window.parts.viewport.overlay.hint != "")
    drag(ready, TOP, TOP + np.array([0.0, 0.0, 0.3]))
    ready.wait(lambda: len(ready.document.snapshots) == 2)
    assert ready.document.shown.motion.amount == pytest.approx(0.3, abs=0.03)


def test_the_view_can_be_turned_while_a_pull_is_predicted(ready: Any, fake: Any) -> None:
    viewport = ready.window.parts.viewport
    look(ready, -40)
    screen = viewport.screen_.widget
    QTest.mousePress(screen, LEFT, NONE, at(ready, FRONT))
    ready.wait(lambda: ready.document.part is not None)
    fake.wait.clear()
    QTest.mouseMove(screen, at(ready, FRONT) + QPoint(30, 20))
    QTest.mouseRelease(screen, LEFT, NONE, at(ready, FRONT) + QPoint(30, 20))
    before = viewport.camera().T_world_camera
    drag(ready, FRONT, FRONT + np.array([0.0, 0.0, 0.3]))
    assert not np.allclose(viewport.camera().T_world_camera, before)
    fake.wait.set()
    ready.wait(lambda: len(ready.document.snapshots) == 2)


def test_the_predictor_gets_what_the_photo_would_see_of_a_pull(ready: Any) -> None:
    look(ready, -40)
    drag(ready, FRONT, FRONT + np.array([0.0, 0.0, 0.3]))
    ready.wait(lambda: len(ready.document.snapshots) == 2)
    pulled, camera = ready.document.shown.drags[0], ready.document.shown.state.camera
    grab = np.array(pulled.sight.grab)
    assert pulled.start_px == pytest.approx(tuple(camera.project(grab)[0]), abs=0.01)
    reached = grab + ready.document.shown.motion.T[:3, 3]  # the plane that faces the camera does not tell how deep
    assert pulled.end_px == pytest.approx(tuple(camera.project(reached)[0]), abs=1.5)
    flat = camera.project(np.array(pulled.sight.target))[0]
    assert np.hypot(*(flat - pulled.end_px)) > 10


def test_a_place_that_the_photo_does_not_show_is_taken_at_the_nearest_one_that_it_does(ready: Any) -> None:
    look(ready, 180)
    screen = ready.window.parts.viewport.screen_.widget
    QTest.mousePress(screen, LEFT, NONE, at(ready, BACK))
    ready.wait(lambda: ready.document.part is not None)
    x, y = (int(v) for v in ready.document.part.click_px)
    assert ready.document.part.mask[y, x]
    QTest.mouseRelease(screen, LEFT, NONE, at(ready, BACK))


@pytest.mark.parametrize(("start", "keys"), [(SIDE, NONE), (FRONT, ALT), (np.array([0.9, 0.6, 0.5]), NONE)])
def test_a_press_on_anything_else_turns_the_view(ready: Any, start: np.ndarray, keys: Any) -> None:
    viewport = ready.window.parts.viewport
    before = viewport.camera()
    drag(ready, start, start + np.array([0.1, 0.2, 0.0]), keys)
    assert not np.allclose(viewport.camera().T_world_camera, before.T_world_camera)
    assert ready.document.part is None and len(ready.document.snapshots) == 1


def test_a_press_on_a_part_does_not_turn_the_view(ready: Any) -> None:
    viewport = ready.window.parts.viewport
    look(ready, -40)
    before = viewport.camera().T_world_camera.copy()
    screen = viewport.screen_.widget
    QTest.mousePress(screen, LEFT, NONE, at(ready, FRONT))
    QTest.mouseMove(screen, at(ready, FRONT) + QPoint(3, 0))
    assert not ready.window.pull.gesture.pulling  # less than four pixels are a click
    QTest.mouseMove(screen, at(ready, FRONT) + QPoint(30, 20))
    ready.wait(lambda: viewport.motion is not None)
    assert viewport.overlay.badge == "Preview"
    assert np.array_equal(viewport.camera().T_world_camera, before)
    ready.window.cancel()
    assert viewport.motion is None
    QTest.mouseMove(screen, at(ready, FRONT) + QPoint(60, 20))
    QTest.mouseRelease(screen, LEFT, NONE, at(ready, FRONT) + QPoint(60, 20))
    assert viewport.motion is None and len(ready.document.snapshots) == 1


def test_a_short_press_selects_the_part_there(ready: Any) -> None:
    look(ready, -40)
    screen = ready.window.parts.viewport.screen_.widget
    QTest.mouseClick(screen, LEFT, NONE, at(ready, FRONT))
    ready.wait(lambda: ready.document.part is not None)
    assert len(ready.document.snapshots) == 1
    ready.window.session.select(ready.document.shown.key, None)
    QTest.mouseClick(screen, LEFT, NONE, at(ready, SIDE))  # also where nothing seems to move
    ready.wait(lambda: ready.document.part is not None)


def test_other_tools_leave_the_3d_view_to_the_camera(ready: Any) -> None:
    ready.window.use_box()
    before = ready.window.parts.viewport.camera()
    drag(ready, FRONT, FRONT + np.array([0.0, 0.0, 0.3]))
    assert not np.allclose(ready.window.parts.viewport.camera().T_world_camera, before.T_world_camera)


def test_the_part_under_the_pointer_lights_up_in_both_views(ready: Any) -> None:
    viewport, photo = ready.window.parts.viewport, ready.window.parts.photo
    look(ready, -40)
    QTest.mouseMove(viewport.screen_.widget, at(ready, FRONT))
    ready.wait(lambda: viewport.overlay.hint == "Press to take this part, and pull it")
    assert viewport.hovered is not None and viewport.hovered.any() and photo.hovered() is not None
    QTest.mouseMove(viewport.screen_.widget, at(ready, SIDE))
    ready.wait(lambda: viewport.overlay.hint == "Nothing that moves here · drag to turn")
    assert viewport.hovered is None and photo.hovered() is None


def test_the_photo_says_what_a_press_would_do(ready: Any) -> None:
    viewport, photo = ready.window.parts.viewport, ready.window.parts.photo
    ready.move((120.0, 130.0))
    ready.wait(lambda: photo.overlay.hint == "Press to take this part, and pull it")
    assert photo.hovered() is not None and viewport.hovered is not None
    ready.move((200.0, 130.0))
    ready.wait(lambda: photo.overlay.hint.startswith("Nothing that moves here"))
    assert photo.hovered() is None and viewport.hovered is None
    ready.move((4.0, 4.0))
    ready.wait(lambda: photo.overlay.hint == "")
    ready.press((120.0, 130.0))
    ready.wait(lambda: ready.document.part is not None)
    ready.release((120.0, 130.0))
    ready.move((121.0, 130.0))
    ready.wait(lambda: photo.overlay.hint == "Pull it")


def test_nothing_stays_lit_up_when_another_photo_is_opened(ready: Any, tmp_path: Any) -> None:
    from tests.app.conftest import write_photo

    viewport, photo = ready.window.parts.viewport, ready.window.parts.photo
    ready.move((120.0, 130.0))
    ready.wait(lambda: photo.hovered() is not None)
    ready.open(write_photo(tmp_path / "next.png"))
    assert photo.hovered() is None and viewport.hovered is None and photo.overlay.hint == ""
    assert viewport.overlay.badge == "" and viewport.overlay.details == ()
    assert photo.tint() is None and viewport.motion is None
