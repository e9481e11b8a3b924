"""Start: what the window shows while nothing is open."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget


class StartPage(QWidget):
    """Say what to do, and offer the two ways to do it."""

    def __init__(self, picture: QPixmap, open_image: Callable[[], object], open_sample: Callable[[], object]) -> None:
        super().__init__()
        self._card = QFrame()
        self._card.setObjectName("start")
        self._card.setMaximumSize(640, 380)
        logo = QLabel()
        logo.setPixmap(picture)
        logo.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = QLabel("Open a photo of something with moving parts")
        title.setObjectName("startTitle")
        text = QLabel(
            "A cabinet, a laptop, a microwave… Drop it here, press on a part, pull it, "
            "and look at the state it would be in, from any side."
        )
        text.setObjectName("startText")
        for label in (title, text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        primary, second = QPushButton("Open image…"), QPushButton("Open sample")
        primary.setObjectName("primary")
        primary.clicked.connect(lambda: open_image())
        second.clicked.connect(lambda: open_sample())
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        buttons.addStretch()
        buttons.addWidget(primary)
        buttons.addWidget(second)
        buttons.addStretch()
        inner = QVBoxLayout(self._card)
        inner.setContentsMargins(40, 36, 40, 36)
        inner.setSpacing(14)
        inner.addStretch()
        for widget in (logo, title, text):
            inner.addWidget(widget)
        inner.addSpacing(10)
        inner.addLayout(buttons)
        inner.addStretch()
        outer = QVBoxLayout(self)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._card, 8)
        row.addStretch(1)
        outer.addStretch(1)
        outer.addLayout(row, 8)
        outer.addStretch(1)

    def set_dropping(self, dropping: bool) -> None:
        """Show that a file may be let go here."""
        self._card.setProperty("dropping", dropping)
        self._card.style().unpolish(self._card)
        self._card.style().polish(self._card)
