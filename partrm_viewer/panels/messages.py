"""Messages: a bar that says what went wrong and what helps; it stays until it is closed, and stops nothing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout

from model.errors import PartRMError
from partrm_viewer import details
from partrm_viewer.words import tr

OFFER = "recovery"  # what such a message is about is no failure


class MessageBar(QFrame):
    """Shows the newest PartRMError: title, hint, and at most one button that helps."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("message")
        self._about = ""
        self.trace = ""  # where the error came from
        self.on_copy: Callable[[], object] = lambda: None
        self.on_log: Callable[[], object] = lambda: None
        self._icon = QLabel()
        self._title, self._hint = QLabel(), QLabel()
        self._title.setObjectName("messageTitle")
        self._hint.setObjectName("messageHint")
        for label in (self._title, self._hint):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._help = QPushButton()
        self._help_does: Callable[[], object] | None = None
        self._help.clicked.connect(self._do_help)
        self._copy, self._log = QPushButton(tr("Copy details")), QPushButton(tr("Log"))
        self._copy.setToolTip(tr("Copy what is needed to mend this: where it happened, versions, the end of the log"))
        self._log.setToolTip(tr("Show the log (Ctrl+L)"))
        self._copy.clicked.connect(lambda: self.on_copy())
        self._log.clicked.connect(lambda: self.on_log())
        self._close = QToolButton()
        self._close.setToolTip(tr("Close this message (Esc)"))
        self._close.setAccessibleName(tr("Close this message"))
        self._close.clicked.connect(self.dismiss)
        text = QVBoxLayout()
        text.setSpacing(1)
        text.addWidget(self._title)
        text.addWidget(self._hint)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(text, 1)
        for button in (self._help, self._copy, self._log):
            row.addWidget(button)
        row.addWidget(self._close)
        self.hide()

    def set_icons(self, warning: QIcon, close: QIcon) -> None:
        """Use icons of the theme."""
        self._icon.setPixmap(warning.pixmap(18, 18))
        self._close.setIcon(close)

    def show_error(
        self, error: PartRMError, about: str = "", button: str = "", does: Callable[[], object] | None = None
    ) -> None:
        """Show an error; about says what it belongs to, so that dismiss can be choosy."""
        self._about, self.trace = about, details.trace(error)
        for more in (self._copy, self._log):
            more.setVisible(about != OFFER)
        self._title.setText(error.title)
        self._hint.setText(error.hint)
        self._help.setText(button)
        self._help.setVisible(does is not None)
        self._help_does = does
        self.show()

    def dismiss(self, about: object = None) -> None:
        """Close the message; given a word, only where the message is about that."""
        if not isinstance(about, str) or about == self._about:
            self.hide()

    @property
    def title(self) -> str:
        """Return the title on screen, or nothing."""
        return self._title.text() if self.isVisible() else ""

    @property
    def hint(self) -> str:
        """Return the hint on screen, or nothing."""
        return self._hint.text() if self.isVisible() else ""

    def _do_help(self) -> None:
        self.hide()
        if self._help_does is not None:
            self._help_does()
