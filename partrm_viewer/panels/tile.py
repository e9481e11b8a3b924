"""Tile: one file of the start page: its picture, its name, where it lies, or why it cannot be opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QToolButton

from partrm_viewer import theme as themes
from partrm_viewer.theme import LIGHT, Theme
from partrm_viewer.thumbnails import Thumbnail
from partrm_viewer.words import tr

PAD = 6  # px around the picture
KEYS = (
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_Return,
    Qt.Key.Key_Enter,
    Qt.Key.Key_Space,
    Qt.Key.Key_Delete,
)


class Tile(QAbstractButton):
    """A button with a picture; arrows go to its neighbours, Enter opens it, Delete takes it out of the list."""

    def __init__(self, path: Path, name: str, about: str, forget: Callable[[Path], object] | None) -> None:
        """about: a line under the name; forget: None for what cannot be removed."""
        super().__init__()
        self.path, self._about = path, about
        self._symbol = "image"  # stands for the picture where there is none
        self._picture: QPixmap | None = None
        self._fault = ""
        self.theme = LIGHT
        self.walk: Callable[[Tile, int], None] = lambda *_: None  # to the neighbour of a key
        self._forget = forget
        self.remove = QToolButton(self)
        self.remove.setObjectName("tileRemove")
        self.remove.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Delete does the same
        self.remove.setToolTip(tr("Remove from this list (Delete)"))
        self.remove.setAccessibleName(tr("Remove {name} from this list").format(name=name))
        self.remove.hide()
        if forget is not None:
            self.remove.clicked.connect(lambda: forget(path))
        self.setText(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._tell()

    def set_thumbnail(self, seen: Thumbnail) -> None:
        """Show what was found of the file."""
        self._fault, self._symbol = seen.fault, seen.symbol
        self._picture = None
        if seen.picture is not None:
            h, w, _ = seen.picture.shape
            image = QImage(seen.picture.tobytes(), w, h, 4 * w, QImage.Format.Format_RGBA8888)
            self._picture = QPixmap.fromImage(image)
        self._tell()
        self._show_remove()
        self.update()

    @property
    def fault(self) -> str:
        """Return why the file cannot be opened, or nothing."""
        return self._fault

    def set_theme(self, theme: Theme) -> None:
        """Paint in a theme's colours."""
        self.theme = theme
        if self._forget is not None:
            self.remove.setIcon(themes.icon("close", theme))
        self.update()

    def sizeHint(self) -> QSize:
        wide = 11 * self._line()
        return QSize(wide, PAD + self._high() + 2 * self._line() + PAD + 4)

    def _line(self) -> int:
        return self.fontMetrics().height()

    def _high(self) -> int:
        return 3 * (11 * self._line() - 2 * PAD) // 4

    def _tell(self) -> None:
        self.setAccessibleName(self.text())
        self.setAccessibleDescription(self._fault or self._about)
        lines = [str(self.path) if self._forget is not None else self.text(), self._fault or tr("Open it (Enter)")]
        self.setToolTip("\n".join(lines))

    def _show_remove(self) -> None:
        looked_at = self.underMouse() or self.hasFocus() or bool(self._fault)
        self.remove.setVisible(self._forget is not None and looked_at)

    # ---- events

    def event(self, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in KEYS:
            event.accept()  # before the window's own use of these keys
            return True
        if kind in (QEvent.Type.HoverEnter, QEvent.Type.HoverLeave, QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._show_remove()
            self.update()
        elif kind == QEvent.Type.FontChange:
            self.updateGeometry()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        elif key == Qt.Key.Key_Delete and self._forget is not None:
            self._forget(self.path)
        elif key in KEYS[:6]:
            self.walk(self, key)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        size = self.remove.sizeHint()
        self.remove.setGeometry(self.width() - size.width() - PAD - 3, PAD + 3, size.width(), size.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, grey = self.theme, bool(self._fault)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        body = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        focused = self.hasFocus()
        if self.underMouse() or focused:
            painter.setPen(QPen(QColor(theme.accent), 2) if focused else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.pressed if self.isDown() else theme.hover))
            painter.drawRoundedRect(body, 8, 8)
        frame = QRectF(PAD, PAD, self.width() - 2 * PAD, self._high())
        self._paint_picture(painter, frame, grey)
        left, wide = frame.left() + 2, int(frame.width()) - 4
        name = QRectF(left, frame.bottom() + 4, wide, self._line())
        painter.setPen(QColor(theme.muted if grey else theme.text))
        metrics = self.fontMetrics()
        painter.drawText(name, _LEFT, metrics.elidedText(self.text(), Qt.TextElideMode.ElideMiddle, wide))
        painter.setPen(QColor(theme.warning_text if grey else theme.muted))
        below = name.translated(0, self._line())
        elide = Qt.TextElideMode.ElideRight if grey else Qt.TextElideMode.ElideLeft  # of a folder its end says most
        painter.drawText(below, _LEFT, metrics.elidedText(self._fault or self._about, elide, wide))

    def _paint_picture(self, painter: QPainter, frame: QRectF, grey: bool) -> None:
        path = QPainterPath()
        path.addRoundedRect(frame, 6, 6)
        shown = self._picture is not None
        painter.fillPath(path, QColor("white" if shown and not grey else self.theme.sunken))
        if self._picture is not None:
            painter.save()
            painter.setClipPath(path)
            size = self._picture.size().toSizeF().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRectF(frame.center().x() - size.width() / 2, frame.center().y() - size.height() / 2, 0, 0)
            place.setSize(size)
            painter.drawPixmap(place, self._picture, QRectF(self._picture.rect()))
            painter.restore()
        else:
            side = 2 * self._line()
            icon = themes.icon("warning" if grey else self._symbol, self.theme)
            icon.paint(
                painter,
                QRectF(0, 0, side, side)
                .translated(frame.center().x() - side / 2, frame.center().y() - side / 2)
                .toRect(),
            )
        painter.setPen(QPen(QColor(self.theme.line), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
