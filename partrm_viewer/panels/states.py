"""States: a film strip of the object's states; click to show one, double click or F2 to rename it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from partrm_viewer.document import Document, Snapshot
from partrm_viewer.theme import LIGHT, Theme
from partrm_viewer.tools import navigate

THUMB = QSize(104, 78)
CELL = QSize(THUMB.width() + 12, THUMB.height() + 28)
KEY, DETAIL, PICTURE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1, Qt.ItemDataRole.UserRole + 2


class StatesPanel(QListWidget):
    """One cell a state; the shown one has a frame."""

    compare_with = Signal(object)  # the key of the state whose cell was clicked with Ctrl

    def __init__(self, show: Callable[[int], None], rename: Callable[[int, str], None]) -> None:
        super().__init__()
        self.setObjectName("states")
        self._show = show
        self._rename = rename
        self._filling = False
        self.theme = LIGHT
        self.setFlow(QListWidget.Flow.LeftToRight)
        self.setWrapping(False)
        self.setSpacing(2)
        self.setFixedHeight(CELL.height() + 6)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setItemDelegate(_Cell(self))
        self.setMouseTracking(True)
        self.currentRowChanged.connect(self._chosen)
        self.itemChanged.connect(self._edited)

    def show_document(self, document: Document) -> None:
        """Show a Document's states; thumbnails of states already there are kept."""
        self._filling = True
        old = {self.item(i).data(KEY): self.item(i).data(PICTURE) for i in range(self.count())}
        if list(old) == [snapshot.key for snapshot in document.snapshots]:  # an editor in a cell must outlive its edit
            for i, snapshot in enumerate(document.snapshots):
                self.item(i).setText(snapshot.name)
                self.item(i).setToolTip(snapshot.name)
        else:
            self._refill(document, old)
        self.setCurrentRow(document.active if document.snapshots else -1)
        self._filling = False

    def _refill(self, document: Document, old: dict[int, QPixmap]) -> None:
        self.clear()
        for snapshot in document.snapshots:
            item = QListWidgetItem(snapshot.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setSizeHint(CELL)
            item.setData(KEY, snapshot.key)
            item.setData(PICTURE, old.get(snapshot.key) or thumbnail(snapshot))
            item.setData(DETAIL, "" if snapshot.seconds is None else f"{snapshot.seconds:.2f} s")
            item.setToolTip(snapshot.name)
            self.addItem(item)

    def set_theme(self, theme: Theme) -> None:
        """Paint the cells in a theme's colours."""
        self.theme = theme
        self.viewport().update()

    def edit_current(self) -> None:
        """Let the user type another name for the shown state."""
        if self.currentItem() is not None:
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


class _Cell(QStyledItemDelegate):
    """Paints picture, name and time of one state."""

    def __init__(self, panel: StatesPanel) -> None:
        super().__init__(panel)
        self._panel = panel

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return CELL

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        editor.setGeometry(option.rect.adjusted(5, THUMB.height() + 7, -5, -3))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        theme = self._panel.theme
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        cell = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(cell.x() + 6, cell.y() + 5, THUMB.width(), THUMB.height())
        path = QPainterPath()
        path.addRoundedRect(frame, 6, 6)
        painter.fillPath(path, QColor("white"))
        picture: QPixmap = index.data(PICTURE)
        painter.setClipPath(path)
        painter.drawPixmap(frame, picture, QRectF(picture.rect()))
        painter.setClipping(False)
        colour = theme.accent if chosen else theme.muted if hovered else theme.line
        painter.setPen(QPen(QColor(colour), 2.0 if chosen else 1.0))
        painter.drawPath(path)
        font = QFont(painter.font())
        font.setPixelSize(12)
        font.setWeight(QFont.Weight.DemiBold if chosen else QFont.Weight.Normal)
        painter.setFont(font)
        line = QRectF(cell.x() + 7, frame.bottom() + 3, THUMB.width() - 2, 20)
        detail = str(index.data(DETAIL))
        room = line.width()
        if detail:
            room -= painter.fontMetrics().horizontalAdvance(detail) + 6
            painter.setPen(QColor(theme.muted))
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, detail)
        name = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, int(room))
        painter.setPen(QColor(theme.text))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        painter.restore()


def thumbnail(snapshot: Snapshot) -> QPixmap:
    """Draw a small picture of a state: its image around the object, or its splat centres."""
    rgb = _cropped(snapshot) if snapshot.state is not None else _dotted(snapshot)
    h, w, _ = rgb.shape
    image = QImage(np.ascontiguousarray(rgb).data, w, h, 3 * w, QImage.Format.Format_RGB888)
    scaled = QPixmap.fromImage(image).scaled(
        THUMB * 2, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    result = QPixmap(THUMB * 2)
    result.fill(QColor("white"))
    painter = QPainter(result)
    painter.drawPixmap((result.width() - scaled.width()) // 2, (result.height() - scaled.height()) // 2, scaled)
    painter.end()
    return result


def _cropped(snapshot: Snapshot) -> np.ndarray:
    assert snapshot.state is not None
    image, mask = snapshot.state.image[..., :3], snapshot.state.mask
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return image
    margin = max(len(rows), len(columns)) // 12
    y0, x0 = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    return image[y0 : rows[-1] + margin + 1, x0 : columns[-1] + margin + 1]


def _dotted(snapshot: Snapshot) -> np.ndarray:
    size = (THUMB.height() * 2, THUMB.width() * 2)
    rgb = np.full((*size, 3), 255, np.uint8)
    camera = navigate.home(snapshot.gaussians, None).camera.fitted(size[1], size[0])
    pixels, depth = camera.project(snapshot.gaussians.positions)
    order = np.argsort(-depth)  # nearest last, so that it is on top
    order = order[(depth[order] > 1e-3) & (snapshot.gaussians.opacities[order] > 0.2)]
    x, y = np.clip(np.floor(pixels[order]), -9, 99999).astype(int).T
    colours = (snapshot.gaussians.colours[order] * 255).astype(np.uint8)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        inside = (x + dx >= 0) & (x + dx < size[1]) & (y + dy >= 0) & (y + dy < size[0])
        rgb[y[inside] + dy, x[inside] + dx] = colours[inside]
    return rgb
