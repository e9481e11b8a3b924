"""States: a film strip of the object's states, with lines that tell which was made from which.

Click to show one, double click or F2 to rename it, the right button for what else can be done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QFont, QMouseEvent, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from partrm_viewer.branches import Cell, Line, cells, way_to
from partrm_viewer.document import Document, Snapshot
from partrm_viewer.panels.thumbnail import THUMB, thumbnail
from partrm_viewer.screen import timer
from partrm_viewer.steps import how_far
from partrm_viewer.theme import LIGHT, Theme
from partrm_viewer.words import tr

LANE = 11  # px from one lane to the next
MARGIN = 8  # px on both sides of a picture
OF_A_STATE = ("rename_state", "remove_state", "state_before", "state_after", "compare", "list_pulls", "export_state")
KEY, DETAIL, PICTURE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1, Qt.ItemDataRole.UserRole + 2


class StatesPanel(QListWidget):
    """One cell a state; the shown one has a frame, and so have the lines that lead to it."""

    compare_with = Signal(object)  # the key of the state whose cell was clicked with Ctrl

    def __init__(self, show: Callable[[int], None], rename: Callable[[int, str], None]) -> None:
        super().__init__()
        self.setObjectName("states")
        self._show = show
        self._rename = rename
        self._filling = False
        self._document = Document()
        self._draw_soon = timer(self, 0, self._draw_one)
        self.theme = LIGHT
        self.cells: list[Cell] = []
        self.way: set[int] = set()  # the shown state and all that it was made from
        self.setFlow(QListWidget.Flow.LeftToRight)
        self.setWrapping(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setItemDelegate(_Painter(self))
        self.setMouseTracking(True)
        self.currentRowChanged.connect(self._chosen)
        self.itemChanged.connect(self._edited)

    @property
    def cell(self) -> QSize:
        """Return the size of a cell."""
        return QSize(THUMB.width() + 2 * MARGIN, self.band + THUMB.height() + 26)

    @property
    def band(self) -> int:
        """Return how high the lines above the pictures are, px."""
        return LANE * (1 + max((cell.lane for cell in self.cells), default=0)) + 8

    def offer(self, actions: Sequence[QAction]) -> None:
        """Offer actions in the menu of a cell; the right button shows its state first."""
        self.addActions(actions)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def show_document(self, document: Document) -> None:
        """Show a Document's states; thumbnails of states already there are kept."""
        self._filling, before, self._document = True, self._document, document
        parents = [document.find(snapshot.parent) for snapshot in document.snapshots]
        self.way = way_to(parents, document.active) if parents else set()
        if before.snapshots is not document.snapshots:
            size, self.cells = self.cell, cells(parents)
            keys = [snapshot.key for snapshot in document.snapshots]
            if [self.item(i).data(KEY) for i in range(self.count())] != keys:  # else an editor must outlive its edit
                self._refill()
            for i, snapshot in enumerate(document.snapshots):
                self.item(i).setText(snapshot.name)
                self.item(i).setToolTip(self._told(snapshot))
            if self.cell != size:
                self.scheduleDelayedItemsLayout()
            self.setFixedHeight(self.cell.height() + 10)
        if self.currentRow() != document.active or before.snapshots is not document.snapshots:
            self.setCurrentRow(document.active if document.snapshots else -1)
            self.scrollToItem(self.currentItem(), QAbstractItemView.ScrollHint.PositionAtCenter)
        self.viewport().update()
        self._filling = False

    def _refill(self) -> None:
        old = {self.item(i).data(KEY): self.item(i).data(PICTURE) for i in range(self.count())}
        scrolled = self.horizontalScrollBar().value()
        self.clear()
        for snapshot in self._document.snapshots:
            item = QListWidgetItem(snapshot.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setData(KEY, snapshot.key)
            item.setData(PICTURE, old.get(snapshot.key))
            item.setData(DETAIL, "" if snapshot.seconds is None else f"{snapshot.seconds:.2f} s")
            self.addItem(item)
        self.executeDelayedItemsLayout()
        self.horizontalScrollBar().setValue(scrolled)
        self._draw_soon.start()

    def _told(self, snapshot: Snapshot) -> str:
        """Tell of a state in its tool tip: the whole name, and where it comes from."""
        lines, at = [snapshot.name], self._document.find(snapshot.parent)
        if at is not None:
            lines.append(tr("Made from {name}").format(name=self._document.snapshots[at].name))
        return "\n".join([*lines, *([how_far(snapshot.motion)] if snapshot.motion is not None else [])])

    def _draw_one(self) -> None:
        """Draw one missing thumbnail, the nearest to the shown state first; the others follow at once."""
        missing = [i for i in range(self.count()) if self.item(i).data(PICTURE) is None]
        if not missing:
            return
        at = min(missing, key=lambda i: abs(i - self._document.active))
        self._filling = True
        self.item(at).setData(PICTURE, thumbnail(self._document.snapshots[at]))
        self._filling = False
        self._draw_soon.start()

    def set_theme(self, theme: Theme) -> None:
        """Paint the cells in a theme's colours."""
        self.theme = theme
        self.viewport().update()

    def edit_current(self) -> None:
        """Let the user type another name for the shown state."""
        if self.currentItem() is not None and self.state() != QAbstractItemView.State.EditingState:
            self.editItem(self.currentItem())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        item = self.itemAt(event.position().toPoint())
        if item is not None and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.compare_with.emit(item.data(KEY))
        else:
            super().mousePressEvent(event)

    def _chosen(self, row: int) -> None:
        if not self._filling and row >= 0:
            self._show(row)

    def _edited(self, item: QListWidgetItem) -> None:
        if not self._filling:
            self._rename(self.row(item), item.text())


class _Painter(QStyledItemDelegate):
    """Paints lines, picture, name and time of one state."""

    def __init__(self, panel: StatesPanel) -> None:
        super().__init__(panel)
        self._panel = panel

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return self._panel.cell

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        editor.setGeometry(option.rect.adjusted(MARGIN - 1, self._panel.cell.height() - 23, 1 - MARGIN, 0))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        theme, cell = self._panel.theme, QRectF(option.rect)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._panel.count() > 1 and index.row() < len(self._panel.cells):
            self._paint_lines(painter, cell, index.row())
        frame = QRectF(cell.x() + MARGIN, cell.y() + self._panel.band, THUMB.width(), THUMB.height())
        path = QPainterPath()
        path.addRoundedRect(frame, 6, 6)
        picture: QPixmap | None = index.data(PICTURE)
        painter.fillPath(path, QColor(theme.sunken if picture is None else "white"))
        if picture is not None:
            painter.setClipPath(path)
            painter.drawPixmap(frame, picture, QRectF(picture.rect()))
            painter.setClipping(False)
        colour = theme.accent if chosen else theme.muted if hovered else theme.line
        painter.setPen(QPen(QColor(colour), 2.0 if chosen else 1.0))
        painter.drawPath(path)
        self._paint_words(painter, QRectF(frame.x() + 1, frame.bottom() + 3, THUMB.width() - 2, 20), chosen, index)
        painter.restore()

    def _paint_lines(self, painter: QPainter, cell: QRectF, row: int) -> None:
        theme, (own, way) = self._panel.theme, (self._panel.cells[row], self._panel.way)

        def height(lane: int) -> float:
            return cell.y() + 4 + (lane + 0.5) * LANE

        def path_of(line: Line) -> QPainterPath:
            dot = QPointF(cell.center().x(), height(own.lane))
            left, right = line.start, line.end
            a = dot if left is None else QPointF(cell.left(), height(left))
            b = dot if right is None else QPointF(cell.right(), height(right))
            path, half = QPainterPath(a), (a.x() + b.x()) / 2
            path.cubicTo(QPointF(half, a.y()), QPointF(half, b.y()), b)
            return path

        for line in sorted(own.lines, key=lambda line: line.child in way):  # those that lead to the shown state on top
            on = line.child in way
            pen = QPen(QColor(theme.accent if on else theme.muted), 2.2 if on else 1.4)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawPath(path_of(line))
        painter.setPen(QPen(QColor(theme.window), 1.5))
        painter.setBrush(QColor(theme.accent if row in way else theme.muted))
        size = 5.0 if row == self._panel.currentRow() else 4.0
        painter.drawEllipse(QPointF(cell.center().x(), height(own.lane)), size, size)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_words(
        self, painter: QPainter, line: QRectF, chosen: bool, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        theme, font = self._panel.theme, QFont(painter.font())
        font.setPixelSize(12)
        font.setWeight(QFont.Weight.DemiBold if chosen else QFont.Weight.Normal)
        painter.setFont(font)
        detail, wanted = str(index.data(DETAIL)), painter.fontMetrics().horizontalAdvance(str(index.data()))
        room = line.width()
        aside = painter.fontMetrics().horizontalAdvance(detail) + 6
        if detail and wanted + aside <= room:  # the name comes first
            room -= aside
            painter.setPen(QColor(theme.muted))
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, detail)
        name = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, int(room))
        painter.setPen(QColor(theme.text))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
