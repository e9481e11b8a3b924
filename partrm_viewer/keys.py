"""Keys: a focused button takes Space and Enter before the window's shortcuts do."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QMainWindow

PRESS = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ButtonKeys(QObject):
    """Sees what no widget of the window has taken, for Qt asks them first."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Space and Enter press the button that has the focus."""
        if not isinstance(event, QKeyEvent) or event.key() not in PRESS or event.modifiers() & MODIFIERS:
            return False
        button = QApplication.focusWidget()
        if not isinstance(button, QAbstractButton):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if event.type() == QEvent.Type.KeyPress and event.key() != Qt.Key.Key_Space:  # Space is Qt's own
            button.click()
            return True
        return False


MODIFIERS = ~Qt.KeyboardModifier.KeypadModifier
