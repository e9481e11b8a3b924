"""Presenting: the 3D view alone on the whole screen, with captions that can be read from the last row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMargins, QObject, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolBar, QWidget

from partrm_viewer.feature import Feature
from partrm_viewer.screen import timer
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

POINTER_MS = 2000  # it hides when it has rested for so long
BEHIND = QColor(12, 14, 18, 225)  # of captions: white on it is readable over any picture
TITLE, NOTE, GAP = 0.050, 0.028, 0.030  # of the screen's height


class Presenting(QObject, Feature):
    """Hides all but the 3D view, and brings it back. GUI thread only."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self._state = Qt.WindowState.WindowNoState  # the window's, before
        self._geometry = QRect()
        self._margins = QMargins()
        self.on = False
        self.caption = Caption(window.parts.viewport)
        self._hide_soon = timer(window, POINTER_MS, self._hide_pointer)
        window.parts.viewport.looked.connect(self._tell)
        window.parts.viewport.watch(self)

    def checked(self) -> dict[str, bool]:
        """Tell whether the view is presented."""
        return {"present": self.on}

    def present(self) -> None:
        """Begin, or end."""
        window, body = self._window, self._window.centralWidget()
        layout = body.layout() if body is not None else None
        assert layout is not None
        self.on = not self.on
        if self.on:
            self._state, self._margins = window.windowState(), layout.contentsMargins()
            self._geometry = window.geometry()
            layout.setContentsMargins(0, 0, 0, 0)
            self._hide_soon.start()
        else:
            layout.setContentsMargins(self._margins)
            self._hide_soon.stop()
            window.parts.viewport.screen_.widget.unsetCursor()
        for bar in (window.menuBar(), window.statusBar(), *window.findChildren(QToolBar)):
            bar.setVisible(not self.on)
        window.parts.splat_pane.set_bare(self.on)
        document = window.session.document
        window.parts.photo_pane.setVisible(not self.on and document.image is not None)
        window.parts.states.setVisible(not self.on and bool(document.snapshots))
        self.caption.setVisible(self.on)
        window.setWindowState(self._state | Qt.WindowState.WindowFullScreen if self.on else self._state)
        if self._state == Qt.WindowState.WindowNoState:  # there may be no window manager that does it
            window.setGeometry(window.screen().geometry() if self.on else self._geometry)
        window.parts.viewport.setFocus()
        window.work_changed()

    def leave(self) -> None:
        """End, where it is on."""
        if self.on:
            self.present()

    def refresh(self) -> None:
        """Hide what has come back with another state, and caption what is shown."""
        if self.on:
            self._window.parts.photo_pane.hide()
            self._window.parts.states.hide()
            if self._window.pull.gesture is None:
                self._window.parts.viewport.overlay.set_badge("")  # the caption says it, and larger
            self._tell()

    def _tell(self) -> None:
        if not self.on:
            return
        window = self._window
        document, shown = window.session.document, window.session.document.shown
        if shown is None:
            self.caption.show_texts("", "")
            return
        several = len(document.snapshots) > 1
        notes = [tr("After") if shown.predicted else tr("Before")] if several else []
        notes += [f"{document.active + 1} / {len(document.snapshots)}"] if several else []
        view = window.parts.viewport.view
        notes += [point.name for point in window.viewpoints.all if point.view is view][:1]
        self.caption.show_texts(shown.name, "  ·  ".join(notes))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Show the pointer again when it moves."""
        if self.on and event.type() == QEvent.Type.MouseMove:
            screen = self._window.parts.viewport.screen_.widget
            if screen.cursor().shape() == Qt.CursorShape.BlankCursor:
                screen.unsetCursor()
            self._hide_soon.start()
        return False

    def _hide_pointer(self) -> None:
        self._window.parts.viewport.screen_.widget.setCursor(Qt.CursorShape.BlankCursor)


class Caption(QWidget):
    """A title and a note in the lower left corner of a picture; as large as the picture is high."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.title = self.note = ""
        self.hide()
        over.installEventFilter(self)

    def show_texts(self, title: str, note: str) -> None:
        """Say what is seen."""
        if (title, note) != (self.title, self.note):
            self.title, self.note = title, note
            self.update()

    def showEvent(self, event: object) -> None:
        self._cover()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Lie over the whole picture."""
        if event.type() == QEvent.Type.Resize:
            self._cover()
        return False

    def _cover(self) -> None:
        over = self.parentWidget()
        assert isinstance(over, QWidget)
        self.setGeometry(over.rect())
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.title:
            return
        height = self.height()
        gap, fonts = GAP * height, [_font(TITLE * height, bold=True), _font(NOTE * height)]
        widest = self.width() - 4 * gap
        lines = [(text, font) for text, font in zip((self.title, self.note), fonts, strict=True) if text]
        metrics = [QFontMetricsF(font) for _, font in lines]
        texts = [m.elidedText(text, Qt.TextElideMode.ElideRight, widest) for (text, _), m in zip(lines, metrics)]
        width = max(m.horizontalAdvance(text) for m, text in zip(metrics, texts, strict=True)) + 2 * gap
        tall = sum(m.height() for m in metrics) + gap
        box = QRectF(gap, height - gap - tall, width, tall)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(BEHIND)
        painter.drawRoundedRect(box, gap / 2, gap / 2)
        top = box.top() + gap / 2
        for k, ((_, font), m, text) in enumerate(zip(lines, metrics, texts, strict=True)):
            painter.setFont(font)
            painter.setPen(QColor(255, 255, 255, 255 if k == 0 else 205))
            painter.drawText(QRectF(box.left() + gap, top, widest, m.height()), Qt.AlignmentFlag.AlignVCenter, text)
            top += m.height()
        painter.end()


def _font(size_px: float, bold: bool = False) -> QFont:
    font = QFont()
    font.setPixelSize(max(12, round(size_px)))
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font
