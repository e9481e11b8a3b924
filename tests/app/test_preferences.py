"""The preferences: what takes effect at once, what after a restart, and that all of it is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from partrm_viewer import app, theme, words
from partrm_viewer.panels.preferences import Preferences
from partrm_viewer.settings import Settings
from partrm_viewer.window import Window

pytestmark = pytest.mark.app


def page_of(window: Window) -> Preferences:
    window.bars.actions["preferences"].trigger()
    page = window.preferring.page
    assert page is not None and page.isVisible()
    return page


def choose(page: Preferences, name: str, text: str) -> None:
    box = page.boxes[name]
    box.setCurrentText(text)
    box.activated.emit(box.currentIndex())


def test_size_and_theme_take_effect_at_once_and_are_kept(make_window: Any) -> None:
    window = make_window()
    page = page_of(window)
    before = window.parts.start.open_button.sizeHint()
    choose(page, "scale", "150 %")
    choose(page, "theme", "Dark theme")
    after = window.parts.start.open_button.sizeHint()
    assert after.width() > 1.3 * before.width() and after.height() > 1.3 * before.height()
    assert window.settings.theme == "dark" and window.settings.scale == 150
    page.close()
    window.close()
    second = make_window()
    assert second.settings.scale == 150
    second.preferring.choose("scale", 100)


def test_what_needs_a_restart_says_so(driver: Any) -> None:
    page = page_of(driver.window)
    choose(page, "renderer", "Processor")
    assert driver.window.settings.renderer == "cpu" and "again" in page.notes["renderer"].text()
    choose(page, "renderer", "Automatic")
    assert "again" not in page.notes["renderer"].text()
    page.close()


def test_another_device_loads_the_network_again(
    qapp: QApplication, fake: Any, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return fake

    window = Window(lambda: fake, "cpu", tmp_path / "settings.json", make)
    qtbot.addWidget(window)
    window.show()
    page = page_of(window)
    choose(page, "device", "Processor")
    qtbot.waitUntil(lambda: made == ["embedded"])
    assert window.settings.device == "cpu"
    page.close()
    window.close()


def test_a_row_without_a_choice_is_not_shown(driver: Any) -> None:
    assert "language" not in page_of(driver.window).boxes


def test_copies_are_kept_as_often_as_is_preferred(driver: Any) -> None:
    driver.window.preferring.choose("copy_every_s", 10)
    driver.window.filing._copy()
    assert driver.window.filing._copy_soon.interval() == 10_000


def test_threads_are_told_to_the_libraries_before_they_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    app.prepare(Settings(threads=3))
    assert os.environ["NUMBA_NUM_THREADS"] == "3" and os.environ["OMP_NUM_THREADS"] == "1"  # what was set stays


def test_a_language_that_is_gone_or_damaged_leaves_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "LANGUAGES", tmp_path)
    (tmp_path / "xx.json").write_text("[1]")
    for name in ("xx", "yy"):
        app.prepare(Settings(language=name))
        assert words.tr("Close") == "Close"


def test_lengths_of_the_style_sheet_are_scaled_but_not_thin_lines() -> None:
    sheet = "font-size: 13px; border: 1px solid; padding: 0 6px; radius: 3px"
    assert theme.scaled(sheet, 200) == "font-size: 26px; border: 1px solid; padding: 0 12px; radius: 6px"
    assert theme.scaled(sheet, 100) == sheet


def test_the_dialog_fits_the_smallest_window(driver: Any) -> None:
    page = page_of(driver.window)
    page.resize(420, 260)
    driver.qtbot.wait(30)
    assert page.width() == 420 and page.height() == 260
    assert all(box.mapTo(page, box.rect().topRight()).x() < 420 for box in page.boxes.values())
    page.close()
