"""Another language: every text of the window goes through tr(), which a made-up language shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QComboBox, QDialog, QLabel, QLineEdit, QTableWidget, QWidget

from partrm_viewer import words

pytestmark = pytest.mark.app
NO_WORDS = re.compile(r"[^\w]*|[\d\s%:·.,+]*")
NAMES = ("CPU renderer", "embedded", "OpenGL", "CUDA")  # the same in every language
NEVER_SHOWN = ("Export", "Export...")  # pyqtgraph's own actions
MARK = "¤"


class _Marked(dict[str, str]):
    """A language in which every text ends in a mark."""

    def get(self, text: str, default: Any = None) -> Any:
        return f"{text}{MARK}" if text else text


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_chosen", _Marked())


def texts(root: QWidget) -> Iterator[str]:
    """Return what can be read of a widget and what is in it."""
    for widget in (root, *root.findChildren(QWidget)):
        yield widget.toolTip()
        if isinstance(widget, QDialog):
            yield widget.windowTitle()
        if isinstance(widget, QLabel | QAbstractButton) and not isinstance(widget.parent(), QTableWidget):
            yield widget.text()
        elif isinstance(widget, QLineEdit):
            yield widget.placeholderText()
        elif isinstance(widget, QComboBox):
            yield from (widget.itemText(at) for at in range(widget.count()))
    for action in root.findChildren(QAction):
        yield from (action.text(), action.toolTip())


def unmarked(root: QWidget) -> list[str]:
    """Return the texts that another language would leave English."""
    return sorted(
        {t for t in texts(root) if MARK not in t and not NO_WORDS.fullmatch(t) and t not in (*NAMES, *NEVER_SHOWN)}
    )


def test_every_text_of_the_empty_window_can_be_in_another_language(marked: None, driver: Any) -> None:
    screen = driver.window.parts.viewport.screen_.why  # why a renderer was chosen is told by the renderers
    assert [text for text in unmarked(driver.window) if text != screen and not _of_a_file(driver, text)] == []


@pytest.mark.parametrize("name", ["help", "jobs_panel", "log_page", "preferences"])
def test_every_text_of_the_dialogs_too(marked: None, driver: Any, name: str) -> None:
    driver.window.bars.actions[name].trigger()
    (dialog,) = (dialog for dialog in driver.window.findChildren(QDialog) if dialog.isVisible())
    keys = {key for table in getattr(dialog, "tables", ()) for line in table.lines for key in line[1:2]}
    sizes = {f"{n} %" for n in range(80, 201)}
    found = [text for text in unmarked(dialog) if text not in keys | sizes and "log.txt" not in text]
    assert found == []
    dialog.close()


def _of_a_file(driver: Any, text: str) -> bool:
    """Tell whether a text is the name of a sample, which is in its file."""
    return any(text in (tile.text(), tile.toolTip()) for tile in driver.window.parts.start.tiles())
