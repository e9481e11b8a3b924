"""Preferences: one row a choice; what cannot change while the program runs says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from partrm_viewer.words import tr


@dataclass(frozen=True)
class Choice:
    """One thing that can be chosen."""

    name: str  # of the settings' field
    group: str
    text: str
    tip: str
    offered: tuple[tuple[object, str], ...]  # value, words
    after_restart: bool = False
    more: str = ""  # words of a button beside it


class Preferences(QDialog):
    """Shows values and tells at once what the user chooses; there is nothing to confirm."""

    def __init__(
        self,
        parent: QWidget,
        choices: Sequence[Choice],
        at_start: Callable[[str], object],
        now: Callable[[str], object],
        choose: Callable[[str, object], object],
        more: Callable[[str], object],
    ) -> None:
        """at_start, now: a choice's value when the program began, and now; more: what the button beside it does."""
        super().__init__(parent)
        self.setObjectName("preferences")
        self.setWindowTitle(tr("Preferences"))
        self._choices, self._now, self._choose = choices, now, choose
        self._at_start = at_start
        self.boxes: dict[str, QComboBox] = {}
        self.notes: dict[str, QLabel] = {}
        inside = QWidget()
        inside.setObjectName("preferencesInside")
        grid = QGridLayout(inside)
        grid.setContentsMargins(20, 8, 20, 8)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        row = 0
        for group in dict.fromkeys(choice.group for choice in choices):
            head = QLabel(group)
            head.setObjectName("preferenceHead")
            head.setIndent(0)
            grid.addWidget(head, row, 0, 1, 3)
            row += 1
            for choice in choices:
                if choice.group == group:
                    self._add(grid, row, choice, more)
                    row += 2
        grid.setRowStretch(row, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        close = QPushButton(tr("Close"))
        close.setToolTip(tr("Close this page; what was chosen is kept already (Esc)"))
        close.clicked.connect(self.reject)
        below = QHBoxLayout()
        below.setContentsMargins(0, 8, 20, 0)
        below.addStretch()
        below.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 14)
        column.addWidget(scroll, 1)
        column.addLayout(below)
        wanted = inside.sizeHint()
        self.resize(max(wanted.width() + 40, 480), min(wanted.height() + 80, 620))
        self.setMinimumSize(420, 260)

    def refresh(self) -> None:
        """Show the values as they are now."""
        for choice in self._choices:
            box, value = self.boxes[choice.name], self._now(choice.name)
            at = next((k for k, (offered, _) in enumerate(choice.offered) if offered == value), -1)
            if at < 0 and box.count() == len(choice.offered):
                box.addItem(str(value))  # one of the user's own
            box.setCurrentIndex(at if at >= 0 else box.count() - 1)
            changed = choice.after_restart and value != self._at_start(choice.name)
            note = self.notes[choice.name]
            note.setText(tr("Takes effect when the program is started again") if changed else choice.tip)
            note.setProperty("after", changed)
            note.style().unpolish(note)
            note.style().polish(note)

    def _add(self, grid: QGridLayout, row: int, choice: Choice, more: Callable[[str], object]) -> None:
        box, label, note = QComboBox(), QLabel(choice.text), QLabel(choice.tip)
        box.addItems([words for _, words in choice.offered])
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(8)
        box.setToolTip(choice.tip)
        box.setAccessibleName(choice.text)
        box.activated.connect(lambda at: self._chosen(choice, at))
        label.setBuddy(box)
        label.setWordWrap(True)
        note.setObjectName("preferenceNote")
        note.setWordWrap(True)
        grid.addWidget(label, row, 0)
        grid.addWidget(box, row, 1, 1, 1 if choice.more else 2)
        grid.addWidget(note, row + 1, 1, 1, 2)
        if choice.more:
            button = QPushButton(choice.more)
            button.setAutoDefault(False)
            button.setToolTip(choice.more.rstrip("…"))
            button.clicked.connect(lambda: more(choice.name))
            grid.addWidget(button, row, 2)
        self.boxes[choice.name], self.notes[choice.name] = box, note

    def _chosen(self, choice: Choice, at: int) -> None:
        if at < len(choice.offered):
            self._choose(choice.name, choice.offered[at][0])
        self.refresh()
