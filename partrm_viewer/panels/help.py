"""Help: keys and mouse on one sheet, made from the table of actions; what is typed filters it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from partrm_viewer.actions import ACTIONS, MOUSE, keys, plain
from partrm_viewer.finding import find
from partrm_viewer.words import tr

NARROW = 760  # px, under which the mouse comes below the keys
Line = tuple[str, str, str, str]  # group, keys or gesture, what it does, its name


class HelpSheet(QDialog):
    """All actions with their keys on the left, the mouse on the right."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("help")
        self.setWindowTitle(tr("Keys and mouse"))
        self.line = QLineEdit()
        self.line.setPlaceholderText(tr("Search"))
        self.line.setAccessibleName(tr("Search"))
        self.line.textChanged.connect(self._filter)
        actions = [(plain(a.menu), keys(a) or "–", tr(a.tip), plain(a.text)) for a in ACTIONS]
        mouse = [(tr(where), tr(what), tr(does), "") for where, what, does in MOUSE]
        self.tables = (Table(actions), Table(mouse))
        self.nothing = QLabel(tr("Nothing fits."))
        self.nothing.setObjectName("helpText")
        self.nothing.hide()
        inside = QWidget()
        inside.setObjectName("helpInside")
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, inside)
        self._columns.setContentsMargins(28, 0, 28, 20)
        self._columns.setSpacing(24)
        for table in self.tables:
            self._columns.addWidget(table, 0, Qt.AlignmentFlag.AlignTop)
        self._columns.addWidget(self.nothing, 0, Qt.AlignmentFlag.AlignTop)
        self._columns.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 16, 0, 0)
        top = QVBoxLayout()
        top.setContentsMargins(28, 0, 28, 0)
        top.addWidget(self.line)
        column.addLayout(top)
        column.addWidget(scroll, 1)
        self.setMinimumSize(360, 260)
        self.resize(min(inside.sizeHint().width() + 40, 1160), 640)

    def showEvent(self, event: QShowEvent) -> None:
        self.line.setFocus()
        self.line.selectAll()

    def resizeEvent(self, event: QResizeEvent) -> None:
        narrow = self.width() < NARROW
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        self._columns.setDirection(way)

    def _filter(self, query: str) -> None:
        found = [table.show_only(query) for table in self.tables]
        self.nothing.setVisible(not any(found))


class Table(QWidget):
    """Lines under the headings of their groups."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self.lines = lines
        self._rows: dict[Line, tuple[QLabel, QLabel]] = {}
        self._heads: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(1, 1)
        row = 0
        for group in dict.fromkeys(line[0] for line in lines):
            self._heads[group] = _label(group, "helpHead")
            grid.addWidget(self._heads[group], row, 0, 1, 2)
            row += 1
            for line in (line for line in lines if line[0] == group):
                self._rows[line] = (_label(line[1], "helpKey"), _label(line[2], "helpText"))
                grid.addWidget(self._rows[line][0], row, 0, Qt.AlignmentFlag.AlignTop)
                grid.addWidget(self._rows[line][1], row, 1, Qt.AlignmentFlag.AlignTop)
                row += 1

    def show_only(self, query: str) -> int:
        """Hide the lines that do not fit; returns how many do."""
        fitting = set(find(query, self.lines, lambda line: (f"{line[3]} {line[2]}", f"{line[0]} {line[1]}")))
        for line, labels in self._rows.items():
            for label in labels:
                label.setVisible(line in fitting)
        for group, head in self._heads.items():
            head.setVisible(any(line[0] == group for line in fitting))
        self.setVisible(bool(fitting))
        return len(fitting)


def _label(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setIndent(0)
    label.setWordWrap(name != "helpHead")
    if name == "helpKey":
        label.setMinimumWidth(120)
    return label
