"""Palette: type some letters of what you want to do, and press Enter."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from partrm_viewer.actions import ACTIONS, Action, keys, needs, plain
from partrm_viewer.finding import find
from partrm_viewer.theme import LIGHT, Theme
from partrm_viewer.words import tr

SPEC, USABLE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
WIDE, MOST = 560, 9  # px; lines that are seen at a time
MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -MOST, Qt.Key.Key_PageDown: MOST}
OURS = (*MOVES, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)


class Palette(QFrame):
    """Lies over the window; goes when it has run something, when Esc is pressed, or when the focus goes elsewhere."""

    def __init__(self, parent: QWidget, usable: Callable[[str], bool], run: Callable[[str], object]) -> None:
        """usable, run: given an action's name."""
        super().__init__(parent)
        self.setObjectName("palette")
        self._window, self._usable, self._run = parent, usable, run
        self.theme = LIGHT
        self.line = QLineEdit()
        self.line.setPlaceholderText(tr("What do you want to do?"))
        self.line.setAccessibleName(tr("What do you want to do?"))
        self.line.setClearButtonEnabled(False)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Commands"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemDelegate(_Row(self))
        self.list.itemClicked.connect(lambda _: self._chosen())
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.addWidget(self.line)
        column.addWidget(self.list)
        self.line.textChanged.connect(self._fill)
        self.line.installEventFilter(self)
        self.hide()

    def open(self, theme: Theme) -> None:
        """Show all commands, and take the keyboard."""
        self.theme = theme
        self.ensurePolished()  # the theme's font says how high a line is
        self.line.clear()
        self._fill()
        self._place()
        self.show()
        self.raise_()
        self.line.setFocus()

    def names(self) -> list[str]:
        """Return the names of the actions that are listed, in their order."""
        return [self.list.item(at).data(SPEC).name for at in range(self.list.count())]

    def _fill(self) -> None:
        self.list.clear()
        for spec in find(self.line.text(), ACTIONS, told):
            item = QListWidgetItem(plain(spec.text))
            item.setData(SPEC, spec)
            item.setData(USABLE, self._usable(spec.name))
            item.setToolTip(tr(spec.tip))
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _place(self) -> None:
        window = self._window
        wide = min(WIDE, window.width() - 40)
        high = 60 + MOST * self.list.sizeHintForRow(0)
        self.setGeometry((window.width() - wide) // 2, 60, wide, min(high, window.height() - 90))

    def _chosen(self) -> None:
        item = self.list.currentItem()
        if item is not None and item.data(USABLE):
            self._leave()
            self._run(item.data(SPEC).name)

    def _leave(self) -> None:
        self.hide()
        self._window.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keys that mean the list."""
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            self.hide()
        elif isinstance(event, QKeyEvent) and event.key() in OURS:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()  # before the window's own use of these keys
            elif event.type() == QEvent.Type.KeyPress:
                self._press(Qt.Key(event.key()))
            return True
        return False

    def _press(self, key: Qt.Key) -> None:
        if key == Qt.Key.Key_Escape:
            self._leave()
        elif key in MOVES:
            last = self.list.count() - 1
            self.list.setCurrentRow(min(max(self.list.currentRow() + MOVES[key], 0), last))
        else:
            self._chosen()


class _Row(QStyledItemDelegate):
    """Paints name and keys, and under them what it does, or what it needs first."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self._palette = palette

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(100, 2 * self._palette.fontMetrics().height() + 12)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        theme, spec, usable = self._palette.theme, index.data(SPEC), bool(index.data(USABLE))
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.hover))
            painter.drawRoundedRect(option.rect, 6, 6)
        high = self._palette.fontMetrics().height()
        line = QRect(option.rect.left() + 10, option.rect.top() + 6, option.rect.width() - 20, high)
        painter.setPen(QColor(theme.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, keys(spec))
        room = line.width() - painter.fontMetrics().horizontalAdvance(keys(spec)) - 12
        font = QFont(painter.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.text if usable else theme.muted))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, _cut(painter, plain(spec.text), room))
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(theme.muted))
        words = tr(spec.tip) if usable else f"{tr(spec.tip)} · {needs(spec)}"
        painter.drawText(line.translated(0, high), Qt.AlignmentFlag.AlignLeft, _cut(painter, words, line.width()))
        painter.restore()


def told(spec: Action) -> tuple[str, str]:
    """Return what an action is found by."""
    return plain(spec.text), f"{plain(spec.menu)} {tr(spec.tip)} {keys(spec)}"


def _cut(painter: QPainter, text: str, room: int) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
