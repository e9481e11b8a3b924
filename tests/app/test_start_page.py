"""The start page: samples, recent files, what is dropped, and getting there and back by keyboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from partrm_viewer import settings
from partrm_viewer.panels.start import StartPage
from partrm_viewer.panels.tile import Tile
from partrm_viewer.starting import samples
from partrm_viewer.window import Window

pytestmark = pytest.mark.app


def page_of(window: Window) -> StartPage:
    return window.parts.start


def tile_of(window: Window, name: str) -> Tile:
    return next(tile for tile in page_of(window).tiles() if tile.path.name == name)


def activate(driver: Any) -> None:
    """Give the window the keyboard, as a window manager would."""
    driver.window.activateWindow()
    driver.wait(driver.window.isActiveWindow)


def drop(window: Window, data: QMimeData) -> None:
    action, at = Qt.DropAction.CopyAction, QPoint(50, 50)
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window, QDragEnterEvent(at, action, data, buttons, keys))
    QApplication.sendEvent(window, QDropEvent(QPointF(at), action, data, buttons, keys))


def test_samples_get_their_pictures_after_the_window_is_shown(driver: Any) -> None:
    tiles = page_of(driver.window).samples.tiles
    assert [tile.path for tile in tiles] == [entry.path for entry in samples()] and len(tiles) == 3
    assert all(tile._picture is None for tile in tiles)
    driver.wait(lambda: all(tile._picture is not None for tile in tiles))


def test_a_sample_opens_and_is_no_recent_file(driver: Any) -> None:
    tile_of(driver.window, "doors.png").click()
    driver.wait(lambda: driver.document.name == "doors.png")
    assert driver.window.settings.recent == () and not page_of(driver.window).isVisible()


def test_a_missing_recent_file_is_greyed_says_why_and_can_be_removed(
    make_window: Any, qtbot: Any, tmp_path: Path, photo: Path
) -> None:
    gone = tmp_path / "gone.png"
    settings.save(tmp_path / "settings.json", replace(settings.Settings(), recent=(str(gone), str(photo))))
    window = make_window()
    qtbot.waitUntil(lambda: tile_of(window, "gone.png").fault != "")
    tile = tile_of(window, "gone.png")
    assert "Not there" in tile.fault and tile.remove.isVisible() and tile.fault in tile.toolTip()
    qtbot.waitUntil(lambda: tile_of(window, "box.png")._picture is not None)
    tile.remove.click()
    assert [tile.path for tile in page_of(window).recent.tiles] == [photo]
    assert window.settings.recent == (str(photo),)


def test_a_recent_file_that_is_no_image_says_so(driver: Any, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("hello")
    driver.window.open(text)
    driver.wait(lambda: "not an image" in driver.window.parts.messages.title)
    driver.window.starting.fill()
    driver.wait(lambda: tile_of(driver.window, "text.png").fault != "")
    assert str(tmp_path) not in tile_of(driver.window, "text.png").fault


def test_a_project_and_a_splat_file_are_offered(driver: Any, photo: Path, tmp_path: Path) -> None:
    driver.open(photo)
    project, splats = tmp_path / "work.partrm", tmp_path / "state.ply"
    driver.window.filing.keeping.save(project)
    driver.window.bench.save(splats)
    driver.wait(lambda: project.exists() and splats.exists())
    for path in (project, splats):
        driver.window.settings = driver.window.settings.with_recent(path)
    driver.window.starting.start_page()
    driver.wait(lambda: tile_of(driver.window, "work.partrm")._picture is not None)
    driver.wait(lambda: tile_of(driver.window, "state.ply")._symbol == "splat")
    assert tile_of(driver.window, "state.ply").fault == ""


def test_there_and_back_keeps_what_is_open(driver: Any, photo: Path) -> None:
    driver.open(photo)
    document = driver.document
    driver.window.bars.actions["start_page"].trigger()
    assert page_of(driver.window).isVisible() and page_of(driver.window).back_button.isVisible()
    assert "box.png" in page_of(driver.window).back_button.text()
    assert not driver.window.bars.actions["rename_state"].isEnabled()  # nobody would see what it does
    activate(driver)
    QTest.keyClick(driver.window, Qt.Key.Key_Escape)
    assert not page_of(driver.window).isVisible() and driver.document is document
    assert driver.window.bars.actions["rename_state"].isEnabled()


def test_a_job_that_ends_does_not_leave_the_start_page(driver: Any, photo: Path, fake: Any) -> None:
    fake.wait.clear()
    driver.window.open(photo)
    driver.wait(lambda: driver.document.image is not None)
    driver.window.starting.start_page()
    fake.wait.set()
    driver.wait(lambda: driver.document.shown is not None)
    assert page_of(driver.window).isVisible()


def test_arrows_and_enter_reach_every_file_even_while_several_states_are_open(driver: Any, photo: Path) -> None:
    driver.open(photo)
    driver.pull_and_wait()
    window, page = driver.window, page_of(driver.window)
    window.starting.start_page()
    activate(driver)
    tiles = page.tiles()
    tiles[0].setFocus()
    for tile in tiles[1:]:
        QTest.keyClick(tiles[tiles.index(tile) - 1], Qt.Key.Key_Right)
        assert QApplication.focusWidget() is tile
    QTest.keyClick(tiles[-1], Qt.Key.Key_Up)
    assert QApplication.focusWidget() in page.samples.tiles
    QTest.keyClick(tiles[-1], Qt.Key.Key_Home)
    assert QApplication.focusWidget() is tiles[0]
    assert driver.document.active == 1  # the arrows have stepped through no states
    QTest.keyClick(tiles[0], Qt.Key.Key_Return)
    driver.wait(lambda: driver.document.name == "cabinet.png")


def test_delete_takes_a_recent_file_out_of_the_list(driver: Any, photo: Path) -> None:
    driver.open(photo)
    driver.window.starting.start_page()
    tile = tile_of(driver.window, "box.png")
    tile.setFocus()
    QTest.keyClick(tile, Qt.Key.Key_Delete)
    assert driver.window.settings.recent == () and page_of(driver.window).recent.tiles == []


def test_enter_presses_the_focused_button(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("partrm_viewer.dialogs.ask_which", lambda *_: asked.append(1))
    button = page_of(driver.window).open_button
    activate(driver)
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Return)
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert len(asked) == 2


@pytest.mark.parametrize(("what", "word"), [("text", "text"), ("address", "web")])
def test_what_is_dropped_and_is_no_file_is_explained(driver: Any, photo: Path, what: str, word: str) -> None:
    driver.open(photo)
    document, data = driver.document, QMimeData()
    if what == "text":
        data.setText("hello")
    else:
        data.setUrls([QUrl("https://example.org/cabinet.png")])
    drop(driver.window, data)
    assert word in driver.window.parts.messages.title and driver.document is document


def test_of_several_dropped_files_the_first_is_opened(driver: Any, photo: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(photo)), QUrl.fromLocalFile("/else.png")])
    drop(driver.window, data)
    assert "first of 2" in driver.window.parts.status.whole()
    driver.wait(lambda: driver.document.shown is not None)


def test_the_page_fits_the_smallest_window(driver: Any) -> None:
    window = driver.window
    window.resize(640, 460)
    driver.qtbot.wait(50)
    assert (window.width(), window.height()) == (640, 460)
    page = page_of(window)
    inside = page.open_button.mapTo(window, page.open_button.rect().bottomRight())
    assert inside.x() < 640 and inside.y() < 460
    assert all(tile.mapTo(page, tile.rect().topRight()).x() < page.width() for tile in page.tiles())
