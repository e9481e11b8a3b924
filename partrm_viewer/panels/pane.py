"""Pane: a card with a title line and a picture under it."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

MARGINS = (1, 0, 1, 9)  # px, within the border: left, top, right, bottom


class Elided(QLabel):
    """A label that shortens what does not fit, and shows the whole as a tool tip."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_text(self, text: str) -> None:
        """Show a text of any length."""
        self._whole = text
        self._elide()

    def whole(self) -> str:
        """Return the text before shortening."""
        return self._whole

    def resizeEvent(self, event: object) -> None:
        self._elide()

    def _elide(self) -> None:
        from PySide6.QtCore import Qt

        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, max(self.width() - 2, 0))
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


class Pane(QFrame):
    """A title, a shortened detail beside it, room for small buttons, and a body."""

    def __init__(self, title: str, body: QWidget) -> None:
        super().__init__()
        self.setObjectName("pane")
        self._title = QLabel(title)
        self._title.setObjectName("paneTitle")
        self.detail = Elided("paneDetail")
        self._head = QHBoxLayout()
        self._head.setContentsMargins(12, 0, 6, 0)
        self._head.setSpacing(10)
        self._head.addWidget(self._title)
        self._head.addWidget(self.detail, 1)
        self._title_row = QWidget()
        self._title_row.setObjectName("paneHead")
        self._title_row.setLayout(self._head)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(0)
        self._column.addWidget(self._title_row)
        self._column.addWidget(body, 1)
        self._column.setContentsMargins(*MARGINS)

    def set_bare(self, bare: bool) -> None:
        """Show the body alone, from border to border, or with its title again."""
        self._title_row.setVisible(not bare)
        self._column.setContentsMargins(*((0, 0, 0, 0) if bare else MARGINS))
        self.setProperty("bare", bare)
        self.style().unpolish(self)
        self.style().polish(self)
        self.setFrameShape(QFrame.Shape.NoFrame if bare else QFrame.Shape.StyledPanel)  # else the old width stays

    def add_button(self, button: QToolButton) -> None:
        """Put a small button at the right end of the title line."""
        self._head.addWidget(button)
