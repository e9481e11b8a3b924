"""Help: keys and mouse on one sheet, made from the table of actions."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from partrm_viewer.actions import ACTIONS, MOUSE


class HelpSheet(QDialog):
    """All keys on the left, the mouse on the right."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("help")
        self.setWindowTitle("Keys and mouse")
        keys: dict[str, list[tuple[str, str]]] = {}
        for action in ACTIONS:
            if action.shortcuts:
                native = " · ".join(
                    QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts
                )
                keys.setdefault(action.menu.rpartition("/")[2], []).append((native, action.tip))
        mouse: dict[str, list[tuple[str, str]]] = {}
        for where, what, does in MOUSE:
            mouse.setdefault(where, []).append((what, does))
        columns = QHBoxLayout(self)
        columns.setContentsMargins(28, 18, 28, 26)
        columns.setSpacing(44)
        for groups in (keys, mouse):
            column = QVBoxLayout()
            column.addWidget(_table(groups))
            column.addStretch()
            columns.addLayout(column)


def _table(groups: dict[str, list[tuple[str, str]]]) -> QWidget:
    table = QWidget()
    grid = QGridLayout(table)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(18)
    grid.setVerticalSpacing(5)
    row = 0
    for head, lines in groups.items():
        grid.addWidget(_label(head, "helpHead"), row, 0, 1, 2)
        row += 1
        for key, text in lines:
            grid.addWidget(_label(key, "helpKey"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(_label(text, "helpText"), row, 1)
            row += 1
    return table


def _label(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setIndent(0)
    return label
