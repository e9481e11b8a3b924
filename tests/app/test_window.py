"""Files, views, themes and what the window does when things go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from model.errors import RendererError, WeightsError
from model.formats import ply
from partrm_viewer import dialogs, screens
from partrm_viewer.actions import ACTIONS
from partrm_viewer.panels.help import HelpSheet
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
    assert not driver.window.bars.actions["export_state"].isEnabled()


def test_drop_opens_a_file(driver: Any, photo: Path) -> None:
    drop(driver.window, photo)
    driver.wait(lambda: driver.document.shown is not None)
    assert driver.document.name == "box.png" and driver.window.windowTitle().startswith("box.png")


def test_nothing_of_the_start_page_shines_through_before_the_first_frame(driver: Any) -> None:
    driver.window.parts.viewport.screen_.close()  # no frame will come
    driver.window.parts.pages.setCurrentIndex(1)
    driver.qtbot.wait(50)
    screen = driver.window.parts.viewport.screen_.widget
    picture = driver.window.grab(QRect(screen.mapTo(driver.window, QPoint(5, 5)), screen.size() / 2)).toImage()
    assert picture.pixelColor(3, 3) == QColor("white") and picture.pixelColor(60, 60) == QColor("white")


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
        driver.window.viewing.focus_part()


def test_a_splat_that_cannot_be_saved_tells_why(driver: Any, photo: Path, tmp_path: Path) -> None:
    driver.open(photo)
    driver.window.bench.save(tmp_path / "state.xyz")
    driver.wait(lambda: driver.window.parts.messages.title != "")


def test_a_film_of_the_shown_state_can_be_cancelled_and_is_written_whole(
    driver: Any, photo: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("partrm_viewer.exporting.FILM_SIZE", (64, 48))
    monkeypatch.setattr("partrm_viewer.export.TURNTABLE_FRAMES", 6)
    driver.open(photo)
    window, path = driver.window, tmp_path / "turn.gif"
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: path)
    window.exporting.film()
    window.exporting.jobs.cancel_all()
    driver.wait(lambda: not window.parts.progress.isVisible())
    assert not path.exists()
    window.exporting.film()
    driver.wait(path.exists)
    driver.wait(lambda: window.parts.status.text() == f"Saved {path}")
    with Image.open(path) as film:
        assert getattr(film, "n_frames", 1) == 6 and film.size == (64, 48)
    assert sorted(p.suffix for p in tmp_path.iterdir() if p.name.startswith("turn")) == [".gif"]


def test_weights_that_fail_leave_the_window_up(make_window: Any, qtbot: QtBot, photo: Path) -> None:
    def refuse() -> Any:
        raise WeightsError("The weights are damaged.", "Fetch them again.")

    window = make_window(make_predictor=refuse)
    window.open(photo)
    qtbot.waitUntil(lambda: window.parts.messages.title == "The weights are damaged.")
    assert window.session.document.image is not None


def test_a_mistake_of_ours_is_told_and_the_worker_lives(driver: Any, photo: Path, fake: Any, caplog: Any) -> None:
    driver.open(photo)
    right, fake.part = fake.part, lambda *_: 1 / 0
    driver.press((120.0, 130.0))
    driver.wait(lambda: "ZeroDivisionError" in driver.window.parts.messages.title)
    driver.release((120.0, 130.0))
    assert "ZeroDivisionError" in caplog.text
    fake.part = right
    driver.pull_and_wait()


def test_no_opengl_falls_back_to_cpu(make_window: Any, qtbot: QtBot, photo: Path, monkeypatch: Any) -> None:
    def refuse() -> str:
        raise RendererError("This computer gives no OpenGL context.", "The CPU renderer takes over.")

    monkeypatch.setattr(screens, "opengl_device", refuse)
    window = make_window("auto")
    assert window.parts.messages.title == "This computer gives no OpenGL context."
    assert window.parts.renderer.text() == "CPU renderer"
    window.open(photo)
    qtbot.waitUntil(lambda: window.session.document.shown is not None)
    with qtbot.waitSignal(window.parts.viewport.drawn):
        window.viewing.focus_part()


def test_opengl_that_breaks_while_drawing_falls_back_to_cpu(
    make_window: Any, qtbot: QtBot, photo: Path, monkeypatch: Any
) -> None:
    window = make_window("gl")
    window.open(photo)
    qtbot.waitUntil(lambda: window.session.document.shown is not None)

    def refuse(*_: object) -> None:
        raise RuntimeError("the shader did not compile\nline 1")

    monkeypatch.setattr("renderer.splat_layer.SplatLayer.draw", refuse)
    window.viewing.focus_part()
    qtbot.waitUntil(lambda: window.parts.renderer.text() == "CPU renderer")
    assert window.parts.messages.title == "OpenGL failed: the shader did not compile"
    with qtbot.waitSignal(window.parts.viewport.drawn):
        window.viewing.input_view()


def pixels(window: Window) -> np.ndarray:
    """Return the 3D view, (H, W, 3)."""
    image = window.parts.viewport.picture().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


@pytest.mark.parametrize("renderer", ["gl", "cpu"])
def test_the_part_moves_on_screen(make_window: Any, qtbot: QtBot, fake: Any, photo: Path, renderer: str) -> None:
    fake.splats = 3000
    window = make_window(renderer)
    window.open(photo)
    qtbot.waitUntil(lambda: window.session.document.shown is not None)
    viewport = window.parts.viewport
    part = window.session.document.shown.gaussians.positions[:, 0] < 0
    T = np.eye(4)
    T[2, 3] = 0.4

    def differs(before: np.ndarray) -> bool:
        now = pixels(window)
        return now.shape == before.shape and bool(abs(now - before).mean() > 0.3)

    qtbot.waitUntil(lambda: pixels(window).size > 0 and (pixels(window) < 250).mean() > 0.05, timeout=20_000)
    qtbot.wait(300)  # the frame after the last layout
    still = pixels(window)
    viewport.set_part(part)
    qtbot.waitUntil(lambda: differs(still))
    qtbot.wait(300)
    lit = pixels(window)
    viewport.set_pull(np.zeros(3), T)
    qtbot.waitUntil(lambda: differs(lit))


def test_mouse_turns_and_key_returns(driver: Any, photo: Path) -> None:
    driver.open(photo)
    viewport = driver.window.parts.viewport
    screen = viewport.screen_.widget
    assert viewport.at_home
    QTest.mousePress(screen, LEFT, NONE, QPoint(40, 40))
    QTest.mouseMove(screen, QPoint(90, 60))
    QTest.mouseRelease(screen, LEFT, NONE, QPoint(90, 60))
    assert not viewport.at_home
    driver.window.viewing.input_view()
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


@pytest.mark.parametrize("driver", ["gl", "cpu"], indirect=True)
def test_before_and_after_on_two_sides_of_a_line_that_can_be_moved(driver: Any, photo: Path) -> None:
    driver.open(photo)
    window = driver.window
    assert not window.bars.actions["compare"].isEnabled()
    driver.pull_and_wait()
    viewport, screen = window.parts.viewport, window.parts.viewport.screen_.widget

    def settled() -> np.ndarray:
        driver.qtbot.wait(50)  # the layout
        return pixels(window)

    after = settled()
    window.session.show(0)
    before = settled()
    window.session.show(1)
    window.bars.actions["compare"].trigger()
    both = settled()
    line = both.shape[1] // 2
    assert abs(both[:, : line - 5] - before[:, : line - 5]).mean() < 0.1
    assert abs(both[:, line + 5 :] - after[:, line + 5 :]).mean() < 0.1
    middle = QPoint(screen.width() // 2, 30)
    QTest.mousePress(screen, LEFT, NONE, middle)
    QTest.mouseMove(screen, middle - QPoint(2 * screen.width(), 0))
    QTest.mouseRelease(screen, LEFT, NONE, middle)
    assert viewport.at_home  # the line was moved, not the view
    assert abs(settled()[:, 30:] - after[:, 30:]).mean() < 0.1
    window.session.show(0)  # was pulled from none: compared with its neighbour
    assert abs(settled()[:, 30:] - before[:, 30:]).mean() < 0.1
    window.session.show(1)
    window.bars.actions["compare"].trigger()
    assert abs(settled() - after).mean() < 0.1


def test_states_are_shown_renamed_and_removed(driver: Any, photo: Path) -> None:
    driver.open(photo)
    driver.pull_and_wait()
    states = driver.window.parts.states
    states.setCurrentRow(0)
    assert driver.document.active == 0
    states.item(0).setText("Closed")
    assert driver.document.snapshots[0].name == "Closed"
    driver.window.playing.next_state()
    driver.window.remove_state()
    assert [s.name for s in driver.document.snapshots] == ["Closed"]
    driver.window.undo()
    assert states.count() == 2


def test_every_action_has_its_method_and_keys_are_unique(driver: Any) -> None:
    keys = [key for action in ACTIONS for key in action.shortcuts]
    assert len(set(keys)) == len(keys)
    for action in ACTIONS:
        callables = [callable(getattr(doer, action.name, None)) for doer in driver.window.bars.doers]
        assert callables.count(True) == 1, action.name


def test_themes_and_help_open_without_warnings(driver: Any, photo: Path) -> None:
    driver.open(photo)
    for choose in (driver.window.theme_dark, driver.window.theme_light, driver.window.theme_system):
        choose()
        driver.qtbot.wait(10)
    driver.window.helping.help()
    driver.qtbot.wait(30)
    driver.window.helping.sheet(HelpSheet).close()


def test_geometry_and_settings_are_kept(make_window: Any, qtbot: QtBot) -> None:
    first = make_window()
    first.resize(900, 640)
    first.theme_dark()
    first.viewing.background()
    qtbot.wait(50)
    first.close()
    second = make_window()
    assert (second.width(), second.height()) == (900, 640)
    assert second.settings.theme == "dark" and second.settings.background == "black"


@pytest.mark.parametrize("driver", ["gl", "cpu"], indirect=True)
def test_upright_is_a_choice_that_turning_saving_and_the_status_bar_follow(
    driver: Any, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.open(photo)
    window, viewport = driver.window, driver.window.parts.viewport
    crop = driver.document.shown.state.crop
    window.bars.actions["upright"].trigger()
    assert not window.bars.actions["upright"].isChecked() and "photo" in window.parts.status.whole()
    np.testing.assert_array_equal(viewport._view.up, crop.T_world_camera[:3, 1])
    saved = tmp_path / "tilted.ply"
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: saved)
    window.filing.export_state()
    driver.wait(saved.exists)
    expected = driver.document.shown.gaussians.positions @ crop.T_world_camera[:3, :3]
    np.testing.assert_allclose(ply.read(saved).positions, expected, atol=1e-5)
    window.bars.actions["upright"].trigger()
    np.testing.assert_array_equal(viewport._view.up, [0, 1, 0])


def test_the_ground_shows_in_the_view_and_in_screenshots_and_goes_again(driver: Any, photo: Path) -> None:
    driver.open(photo)
    window, viewport = driver.window, driver.window.parts.viewport
    driver.qtbot.wait(300)
    plain = viewport.picture()
    window.bars.actions["ground"].trigger()
    assert viewport.overlay.grab().toImage() != QImage(viewport.size(), QImage.Format.Format_RGB32)
    lines = viewport.picture()
    assert lines.size() == plain.size() and lines != plain.convertToFormat(lines.format())
    window.bars.actions["ground"].trigger()
    assert viewport.picture() == plain
