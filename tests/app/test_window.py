"""Files, views, themes and what the window does when things go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from model.errors import RendererError, WeightsError
from model.formats import ply
from partrm_viewer import screens
from partrm_viewer.actions import ACTIONS
from partrm_viewer.window import Window

pytestmark = pytest.mark.app
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def drop(window: Window, path: Path) -> None:
    """Let a file go over the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    action, at = Qt.DropAction.CopyAction, QPoint(50, 50)
    QApplication.sendEvent(window, QDragEnterEvent(at, action, data, LEFT, NONE))
    QApplication.sendEvent(window, QDropEvent(QPointF(at), action, data, LEFT, NONE))


def test_starts_empty(driver: Any) -> None:
    assert driver.window.parts.pages.currentIndex() == 0
    assert not driver.window.actions_by_name["save_splat"].isEnabled()


def test_drop_opens_a_file(driver: Any, photo: Path) -> None:
    drop(driver.window, photo)
    driver.wait(lambda: driver.document.shown is not None)
    assert driver.document.name == "box.png" and driver.window.windowTitle().startswith("box.png")


def test_photo_is_shown_before_its_splats(driver: Any, photo: Path, fake: Any) -> None:
    fake.wait.clear()
    driver.window.open(photo)
    driver.wait(lambda: driver.document.image is not None)
    assert driver.document.shown is None and driver.window.parts.photo_pane.isVisible()
    fake.wait.set()
    driver.wait(lambda: driver.document.shown is not None)


def test_bad_image_keeps_the_document(driver: Any, photo: Path, tmp_path: Path) -> None:
    driver.open(photo)
    driver.pull_and_wait()
    document = driver.document
    bad = tmp_path / "not an image.png"
    bad.write_text("hello")
    driver.window.open(bad)
    driver.wait(lambda: driver.window.parts.messages.title != "")
    assert "not an image" in driver.window.parts.messages.title
    assert driver.document is document


def test_no_object_offers_a_box(driver: Any, nothing: Path, fake: Any) -> None:
    driver.window.open(nothing)
    driver.wait(lambda: driver.window.parts.messages.title == "No object found")
    assert driver.document.shown is None and driver.document.image is not None
    driver.window.use_box()
    driver.press((20.0, 20.0))
    driver.move((300.0, 220.0))
    driver.release((300.0, 220.0))
    driver.wait(lambda: driver.document.shown is not None)
    assert fake.calls == ["open", "open with a box"]
    assert driver.window.parts.messages.title == ""


def test_opening_another_photo_is_undone(driver: Any, photo: Path, tmp_path: Path) -> None:
    driver.open(photo)
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    driver.open(other)
    driver.window.undo()
    assert driver.document.name == "box.png" and driver.document.shown is not None


def test_save_and_open_a_splat(driver: Any, photo: Path, tmp_path: Path) -> None:
    driver.open(photo)
    path = tmp_path / "state.ply"
    driver.window.bench.save(path)
    driver.wait(lambda: "Saved" in driver.window.parts.status.whole())
    assert len(ply.read(path)) == len(driver.document.shown.gaussians)
    driver.window.open(path)
    driver.wait(lambda: driver.document.name == "state.ply")
    assert not driver.window.parts.photo_pane.isVisible()
    with driver.qtbot.waitSignal(driver.window.parts.viewport.drawn):
        driver.window.focus_part()


def test_a_splat_that_cannot_be_saved_tells_why(driver: Any, photo: Path, tmp_path: Path) -> None:
    driver.open(photo)
    driver.window.bench.save(tmp_path / "state.xyz")
    driver.wait(lambda: driver.window.parts.messages.title != "")


def test_weights_that_fail_leave_the_window_up(qtbot: QtBot, photo: Path, tmp_path: Path) -> None:
    def refuse() -> Any:
        raise WeightsError("The weights are damaged.", "Fetch them again.")

    window = Window(refuse, "cpu", tmp_path / "settings.json")
    window.show()
    window.open(photo)
    qtbot.waitUntil(lambda: window.parts.messages.title == "The weights are damaged.")
    assert window.session.document.image is not None
    window.close()


def test_a_mistake_of_ours_is_told_and_the_worker_lives(driver: Any, photo: Path, fake: Any, caplog: Any) -> None:
    driver.open(photo)
    right, fake.part = fake.part, lambda *_: 1 / 0
    driver.press((120.0, 130.0))
    driver.wait(lambda: "ZeroDivisionError" in driver.window.parts.messages.title)
    driver.release((120.0, 130.0))
    assert "ZeroDivisionError" in caplog.text
    fake.part = right
    driver.pull_and_wait()


def test_no_opengl_falls_back_to_cpu(qtbot: QtBot, fake: Any, photo: Path, tmp_path: Path, monkeypatch: Any) -> None:
    def refuse() -> str:
        raise RendererError("This computer gives no OpenGL context.", "The CPU renderer takes over.")

    monkeypatch.setattr(screens, "opengl_device", refuse)
    window = Window(lambda: fake, "auto", tmp_path / "settings.json")
    window.show()
    qtbot.waitUntil(lambda: window.parts.messages.title != "")
    assert window.parts.renderer.text() == "CPU renderer"
    window.open(photo)
    qtbot.waitUntil(lambda: window.session.document.shown is not None)
    qtbot.waitSignal(window.parts.viewport.drawn)
    window.close()


@pytest.mark.parametrize("renderer", ["gl", "cpu"])
def test_the_part_moves_on_screen(qtbot: QtBot, fake: Any, photo: Path, tmp_path: Path, renderer: str) -> None:
    fake.splats = 3000
    window = Window(lambda: fake, renderer, tmp_path / "settings.json")
    window.show()
    qtbot.waitExposed(window)
    window.open(photo)
    qtbot.waitUntil(lambda: window.session.document.shown is not None)
    viewport = window.parts.viewport
    pictures = []
    shown = window.session.document.shown
    assert shown is not None
    part = shown.gaussians.positions[:, 0] < 0
    T = np.eye(4)
    T[2, 3] = 0.4
    for change in (lambda: None, lambda: viewport.set_part(part), lambda: viewport.set_pull(np.zeros(3), T)):
        with qtbot.waitSignal(viewport.drawn, timeout=20_000):
            change()
            viewport.set_background("white")
        qtbot.wait(150)
        image = viewport.picture().convertToFormat(viewport.picture().Format.Format_RGB888)
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        pictures.append(pixels.astype(int))
    assert (pictures[0] < 250).mean() > 0.05
    assert abs(pictures[1] - pictures[0]).mean() > 0.3
    assert abs(pictures[2] - pictures[1]).mean() > 0.3
    window.close()


def test_mouse_turns_and_key_returns(driver: Any, photo: Path) -> None:
    driver.open(photo)
    viewport = driver.window.parts.viewport
    screen = viewport.screen_.widget
    assert viewport.at_home
    QTest.mousePress(screen, LEFT, NONE, QPoint(40, 40))
    QTest.mouseMove(screen, QPoint(90, 60))
    QTest.mouseRelease(screen, LEFT, NONE, QPoint(90, 60))
    assert not viewport.at_home
    driver.window.input_view()
    assert viewport.at_home


def test_orbit_survives_a_prediction(driver: Any, photo: Path) -> None:
    driver.open(photo)
    viewport = driver.window.parts.viewport
    screen = viewport.screen_.widget
    QTest.mousePress(screen, LEFT, NONE, QPoint(40, 40))
    QTest.mouseMove(screen, QPoint(90, 60))
    QTest.mouseRelease(screen, LEFT, NONE, QPoint(90, 60))
    before = viewport.camera().T_world_camera
    driver.pull_and_wait()
    assert np.array_equal(viewport.camera().T_world_camera, before)


def test_states_are_shown_renamed_and_removed(driver: Any, photo: Path) -> None:
    driver.open(photo)
    driver.pull_and_wait()
    states = driver.window.parts.states
    states.setCurrentRow(0)
    assert driver.document.active == 0
    states.item(0).setText("Closed")
    assert driver.document.snapshots[0].name == "Closed"
    driver.window.next_state()
    driver.window.remove_state()
    assert [s.name for s in driver.document.snapshots] == ["Closed"]
    driver.window.undo()
    assert states.count() == 2


def test_every_action_has_its_method_and_keys_are_unique(driver: Any) -> None:
    keys = [key for action in ACTIONS for key in action.shortcuts]
    assert len(set(keys)) == len(keys)
    for action in ACTIONS:
        assert callable(getattr(driver.window, action.name)), action.name


def test_themes_and_help_open_without_warnings(driver: Any, photo: Path) -> None:
    driver.open(photo)
    for choose in (driver.window.theme_dark, driver.window.theme_light, driver.window.theme_system):
        choose()
        driver.qtbot.wait(10)
    driver.window.help()
    driver.qtbot.wait(30)
    driver.window._help.close()


def test_geometry_and_settings_are_kept(qtbot: QtBot, fake: Any, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    first = Window(lambda: fake, "cpu", path)
    first.show()
    first.resize(900, 640)
    first.theme_dark()
    first.background()
    qtbot.wait(50)
    first.close()
    second = Window(lambda: fake, "cpu", path)
    assert (second.width(), second.height()) == (900, 640)
    assert second.settings.theme == "dark" and second.settings.background == "black"
    second.show()
    second.close()
