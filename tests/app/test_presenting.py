"""Presentation: the 3D view alone on the screen, and everything back afterwards."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from partrm_viewer import dialogs, presenting, settings
from partrm_viewer.tools import navigate

pytestmark = pytest.mark.app


@pytest.fixture
def shown(driver: Any, photo: Path) -> Any:
    """Open a photo, pull once, and present it."""
    driver.open(photo)
    driver.pull_and_wait()
    driver.window.activateWindow()
    driver.wait(driver.window.isActiveWindow)
    driver.before = driver.window.geometry()
    QTest.keyClick(driver.window, Qt.Key.Key_F5)
    driver.wait(lambda: driver.window.parts.viewport.size() == driver.window.screen().size())
    return driver


def around(window: Any) -> list[bool]:
    """Tell which of the things around the 3D view are seen."""
    parts = window.parts
    return [w.isVisible() for w in (window.menuBar(), window.statusBar(), parts.photo_pane, parts.states)]


def test_nothing_but_the_3d_view_fills_the_screen_and_esc_brings_all_back(shown: Any) -> None:
    window, before = shown.window, shown.before
    assert not any(around(window)) and window.presenting.caption.isVisible()
    assert window.presenting.caption.size() == window.screen().size()
    QTest.keyClick(window, Qt.Key.Key_F5)
    assert all(around(window)) and not window.presenting.on and not window.presenting.caption.isVisible()
    shown.wait(lambda: window.geometry() == before and window.parts.viewport.width() < 700)
    QTest.keyClick(window, Qt.Key.Key_F5)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert all(around(window)) and window.geometry() == before


def test_arrow_keys_step_through_states_with_captions(shown: Any) -> None:
    window, caption = shown.window, shown.window.presenting.caption
    assert (caption.title, caption.note) == ("Pull 1", "After  ·  2 / 2")
    QTest.keyClick(window, Qt.Key.Key_Left)
    assert (caption.title, caption.note) == ("Photo", "Before  ·  1 / 2")
    assert not any(around(window))
    QTest.keyClick(window, Qt.Key.Key_Space)
    assert window.playing.on


def test_page_keys_step_through_viewpoints_and_name_them(shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    window, viewport = shown.window, shown.window.parts.viewport
    names = iter(["Front", "Side"])
    monkeypatch.setattr(dialogs, "ask_name", lambda *_: next(names))
    window.viewpoints.add_viewpoint()
    viewport.set_view(navigate.orbit(viewport.view, 100, 0))
    window.viewpoints.add_viewpoint()
    QTest.keyClick(window, Qt.Key.Key_PageDown)
    shown.wait(lambda: window.presenting.caption.note.endswith("Front"))
    QTest.keyClick(window, Qt.Key.Key_PageUp)
    shown.wait(lambda: window.presenting.caption.note.endswith("Side"))


def test_the_pointer_hides_and_comes_back(shown: Any) -> None:
    screen = shown.window.parts.viewport.screen_.widget
    shown.window.presenting._hide_soon.timeout.emit()
    assert screen.cursor().shape() == Qt.CursorShape.BlankCursor
    QTest.mouseMove(screen, QPoint(300, 300))
    shown.wait(lambda: screen.cursor().shape() != Qt.CursorShape.BlankCursor)
    assert shown.window.presenting._hide_soon.isActive()


def test_captions_are_as_large_as_the_screen_and_readable(shown: Any) -> None:
    caption = shown.window.presenting.caption
    image = caption.grab().toImage()
    title_px = presenting.TITLE * image.height()
    assert title_px > 35
    x, y = round(presenting.GAP * image.height() * 1.5), round(image.height() * (1 - 1.3 * presenting.GAP))
    behind = image.pixelColor(x, y)
    assert np.mean([behind.red(), behind.green(), behind.blue()]) < 60


def test_closing_while_presenting_keeps_the_windows_own_size(shown: Any) -> None:
    window = shown.window
    window.filing.give_up()
    window.resize(700, 500)
    window.restoreGeometry(b64decode(settings.load(window._settings_path).geometry))
    assert not window.presenting.on and window.width() > 1200  # less the frame
