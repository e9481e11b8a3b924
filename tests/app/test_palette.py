"""The command palette and the sheet of keys, both made from the table of actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from partrm_viewer.actions import ACTIONS, MOUSE
from partrm_viewer.panels.help import HelpSheet
from partrm_viewer.panels.palette import MOST, SPEC, USABLE, Palette

pytestmark = pytest.mark.app


def opened(driver: Any) -> Palette:
    driver.window.activateWindow()
    driver.wait(driver.window.isActiveWindow)
    driver.window.bars.actions["find_command"].trigger()
    palette = driver.window.helping.commands
    assert palette is not None and palette.isVisible()
    driver.wait(lambda: QApplication.focusWidget() is palette.line)
    return palette


def test_no_line_is_cut_at_the_first_opening(driver: Any) -> None:
    seen = opened(driver).list
    assert seen.viewport().height() >= MOST * seen.visualItemRect(seen.item(0)).height()


def test_what_is_typed_filters_and_enter_runs_it(driver: Any, photo: Path) -> None:
    driver.open(photo)
    palette = opened(driver)
    assert sorted(palette.names()) == sorted(action.name for action in ACTIONS)
    QTest.keyClicks(palette.line, "black back")
    assert palette.names()[0] == "background"
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    driver.wait(lambda: driver.window.settings.background == "black")
    assert not palette.isVisible()


def test_what_cannot_be_done_is_greyed_and_says_what_it_needs(driver: Any) -> None:
    palette = opened(driver)
    QTest.keyClicks(palette.line, "brush")
    item = palette.list.currentItem()
    assert item.data(SPEC).name == "use_brush" and not item.data(USABLE)
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.grab()  # painting the reason
    QTest.keyClick(palette.line, Qt.Key.Key_Escape)
    assert not palette.isVisible()


def test_arrows_go_through_the_list_and_not_through_the_states(driver: Any, photo: Path) -> None:
    driver.open(photo)
    driver.pull_and_wait()
    palette = opened(driver)
    QTest.keyClick(palette.line, Qt.Key.Key_Down)
    QTest.keyClick(palette.line, Qt.Key.Key_Down)
    QTest.keyClick(palette.line, Qt.Key.Key_Up)
    assert palette.list.currentRow() == 1 and driver.document.active == 1
    QTest.keyClicks(palette.line, "zzzz")
    assert palette.names() == []
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    QTest.keyClick(palette.line, Qt.Key.Key_Escape)


def test_letters_are_typed_and_are_no_shortcuts(driver: Any, photo: Path) -> None:
    driver.open(photo)
    palette = opened(driver)
    QTest.keyClicks(palette.line, "bgc")
    assert palette.line.text() == "bgc" and driver.window.settings.background == "white"
    QTest.keyClick(palette.line, Qt.Key.Key_Escape)


def test_the_palette_fits_the_smallest_window(driver: Any) -> None:
    driver.window.resize(640, 460)
    palette = opened(driver)
    assert driver.window.rect().contains(palette.geometry())
    palette.hide()


def test_the_sheet_lists_every_action_and_gesture_and_can_be_searched(driver: Any) -> None:
    driver.window.helping.help()
    sheet = driver.window.helping.sheet(HelpSheet)
    assert isinstance(sheet, HelpSheet)
    keys, mouse = sheet.tables
    assert len(keys.lines) == len(ACTIONS) and len(mouse.lines) == len(MOUSE)
    sheet.line.setText("brush size")
    visible = [line for line, labels in mouse._rows.items() if labels[0].isVisible()]
    assert visible == [("With the brush", "Wheel · Ctrl + wheel", "Size of the brush · zoom", "")]
    sheet.line.setText("zzzz")
    assert sheet.nothing.isVisible()
    sheet.line.setText("")
    sheet.resize(400, 300)
    driver.qtbot.wait(30)
    assert sheet.width() == 400 and sheet.height() == 300
    sheet.close()
