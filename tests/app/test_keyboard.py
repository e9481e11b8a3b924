"""Everything is reached by keyboard, has a tool tip, and can be named by a screen reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHeaderView,
    QLineEdit,
    QMenu,
    QScrollBar,
    QToolButton,
    QWidget,
)

from model.errors import ImageError
from partrm_viewer.actions import ACTIONS
from partrm_viewer.panels.tile import Tile

pytestmark = pytest.mark.app
CONTROLS = (QAbstractButton, QAbstractItemView, QComboBox, QLineEdit)


def controls(root: QWidget) -> Iterator[QWidget]:
    for widget in root.findChildren(QWidget):
        if isinstance(widget, CONTROLS) and not isinstance(widget, QHeaderView) and widget.isVisible():
            yield widget


def faults(root: QWidget) -> list[str]:
    """Return what is missing of the visible controls."""
    found = []
    for widget in controls(root):
        name = f"{type(widget).__name__} {widget.objectName()} {getattr(widget, 'text', str)()}"
        if isinstance(widget, QAbstractButton):
            if not widget.toolTip():
                found.append(f"{name}: no tool tip")
            if not (widget.accessibleName() or widget.text()):
                found.append(f"{name}: no name")
        elif not widget.accessibleName() and not (isinstance(widget, QLineEdit) and widget.placeholderText()):
            found.append(f"{name}: no name")
        by_action = isinstance(widget, QToolButton) and widget.defaultAction() is not None
        by_tile = isinstance(widget.parentWidget(), Tile)  # its Delete key
        if not (widget.focusPolicy() & Qt.FocusPolicy.TabFocus or by_action or by_tile):
            found.append(f"{name}: not reached by Tab")
    return found


def test_every_visible_control_has_a_tip_a_name_and_the_keyboard(driver: Any, photo: Path) -> None:
    window = driver.window
    assert faults(window) == []
    driver.open(photo)
    driver.pull_and_wait()
    window.tell(ImageError("No", "Yes"))
    window.parts.show_progress(0.5, "Working")
    driver.qtbot.wait(20)
    assert faults(window) == []
    window.parts.show_progress(None)


@pytest.mark.parametrize("name", ["help", "jobs_panel", "log_page", "preferences", "weights"])
def test_every_control_of_the_dialogs_too(driver: Any, name: str) -> None:
    driver.window.bars.actions[name].trigger()
    dialogs = [dialog for dialog in driver.window.findChildren(QDialog) if dialog.isVisible()]
    assert len(dialogs) == 1 and faults(dialogs[0]) == []
    dialogs[0].close()


def test_every_action_has_a_tip_with_its_keys_and_is_in_a_menu(driver: Any) -> None:
    in_menus = {action for menu in driver.window.menuBar().findChildren(QMenu) for action in menu.actions()}
    for spec in ACTIONS:
        action = driver.window.bars.actions[spec.name]
        assert spec.tip and action.toolTip().startswith(spec.tip) and action in in_menus, spec.name
        assert not spec.shortcuts or action.shortcut().toString() in action.toolTip()


def test_no_two_actions_share_keys_or_a_menus_letter(driver: Any) -> None:
    window = driver.window
    keys = Counter(key.toString() for action in window.findChildren(QAction) for key in action.shortcuts())
    assert [key for key, count in keys.items() if count > 1] == []
    for menu in (window.menuBar(), *window.menuBar().findChildren(QMenu)):
        texts = [action.text() for action in menu.actions() if action.text()]
        letters = Counter(text[text.index("&") + 1].casefold() for text in texts if "&" in text)
        assert [letter for letter, count in letters.items() if count > 1] == [], texts


def test_tab_goes_through_the_whole_window_and_comes_back(driver: Any, photo: Path) -> None:
    driver.open(photo)
    window = driver.window
    start = widget = window.nextInFocusChain()
    reached = set()
    for _ in range(2000):
        widget = widget.nextInFocusChain()
        if widget is start:
            break
        reached.add(widget)
    assert widget is start
    wanted = {w for w in controls(window) if w.focusPolicy() & Qt.FocusPolicy.TabFocus}
    assert wanted <= reached | {start} and not any(isinstance(w, QScrollBar) for w in wanted)
