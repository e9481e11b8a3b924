"""Overlay: ground, arrow, box, brush, what is compared, badge and note over a picture; it never takes the mouse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from partrm_viewer.panels.compared import Compared, paint_pill, pill_font, pill_width
from partrm_viewer.theme import PULL

if TYPE_CHECKING:
    from renderer.overlay import Lines  # late: OpenCV takes its time

Segment = tuple[tuple[float, float], tuple[float, float]]  # widget pixels
Mark = tuple[tuple[float, float], bool]  # widget pixels, and whether it adds
HEAD_PX = 13.0
MARK_PX = 7.0


class Overlay(QWidget):
    """Ask for arrow, marks and ground at paint time, so that they follow every zoom and turn."""

    def __init__(
        self,
        parent: QWidget,
        arrow: Callable[[], Segment | None],
        marks: Callable[[], list[Mark]] = list,
        ground: Callable[[], list[Lines]] = list,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._arrow = arrow
        self._marks = marks
        self._ground = ground
        self._badge = ""
        self._note = ""
        self._details: tuple[str, ...] = ()
        self._hint: tuple[str, QPointF] | None = None
        self._box: QRectF | None = None
        self._brush: tuple[QPointF, float] | None = None
        self._compared: Compared | None = None
        self._faint = False

    def set_faint(self, faint: bool) -> None:
        """Draw the arrow half transparent."""
        self._faint = faint
        self.update()

    def set_badge(self, text: str) -> None:
        """Show a word in the upper left corner."""
        if text != self._badge:
            self._badge = text
            self.update()

    @property
    def badge(self) -> str:
        """Return the word in the corner."""
        return self._badge

    def set_details(self, lines: tuple[str, ...]) -> None:
        """Show small lines under the word in the corner."""
        if lines != self._details:
            self._details = lines
            self.update()

    @property
    def details(self) -> tuple[str, ...]:
        """Return the lines under the word in the corner."""
        return self._details

    def set_hint(self, text: str, at: QPointF | None) -> None:
        """Show a sentence beside the pointer, widget pixels."""
        hint = (text, QPointF(at)) if text and at is not None else None
        if hint != self._hint:
            self._hint = hint
            self.update()

    @property
    def hint(self) -> str:
        """Return the sentence beside the pointer."""
        return self._hint[0] if self._hint is not None else ""

    def set_note(self, text: str) -> None:
        """Show a line in the middle."""
        if text != self._note:
            self._note = text
            self.update()

    def set_box(self, box: QRectF | None) -> None:
        """Show a rectangle, widget pixels."""
        self._box = box
        self.update()

    def set_brush(self, at: QPointF | None, radius: float = 0.0) -> None:
        """Show a brush as a circle, widget pixels."""
        self._brush = None if at is None else (at, radius)
        self.update()

    def set_compared(self, compared: Compared | None) -> None:
        """Show what belongs to a picture of two states: their names, a line, a scale."""
        if compared != self._compared:
            self._compared = compared
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for lines in self._ground():
            _paint_lines(painter, lines, max(1.0, lines.width * min(self.width(), self.height())))
        for at, adds in self._marks():
            _paint_mark(painter, QPointF(*at), adds)
        if (arrow := self._arrow()) is not None:
            painter.setOpacity(0.5 if self._faint else 1.0)
            _paint_arrow(painter, QPointF(*arrow[0]), QPointF(*arrow[1]))
            painter.setOpacity(1.0)
        if self._box is not None:
            painter.setPen(QPen(Qt.GlobalColor.white, 3.5))
            painter.drawRect(self._box)
            painter.setPen(QPen(PULL, 1.5, Qt.PenStyle.DashLine))
            painter.drawRect(self._box)
        if self._brush is not None:
            for colour, width in ((QColor(255, 255, 255, 235), 3.0), (PULL, 1.4)):
                painter.setPen(QPen(colour, width))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(self._brush[0], self._brush[1], self._brush[1])
        if self._compared is not None:
            self._compared.paint(painter, self.width(), self.height(), self._badge)
        elif self._badge and pill_width(painter, self._badge) + 24 < self.width():
            paint_pill(painter, self._badge, 12, 12)
        if self._badge:
            left = 12.0 + (0.0 if self._compared is None else self._compared.shown_from(self.width()))
            for row, text in enumerate(self._details):
                _paint_line(painter, text, left, 44 + 20 * row, self.width() - left - 12)
        if self._hint is not None:
            text, tip = self._hint
            x = min(tip.x() + 14, self.width() - _line_width(painter, text) - 4)
            y = tip.y() + 20 if tip.y() + 44 < self.height() else tip.y() - 30
            _paint_line(painter, text, max(x, 4.0), y, self.width() - 8)
        if self._note:
            width = pill_width(painter, self._note)
            paint_pill(painter, self._note, (self.width() - width) / 2, self.height() / 2 - 13)
        painter.end()


def _paint_lines(painter: QPainter, lines: Lines, width: float) -> None:
    colour = QColor(*lines.colour)
    colour.setAlphaF(lines.opacity)
    painter.setPen(QPen(colour, width))
    for a, b in lines.segments:
        painter.drawLine(QPointF(*a), QPointF(*b))


def _paint_mark(painter: QPainter, at: QPointF, adds: bool) -> None:
    painter.setPen(QPen(Qt.GlobalColor.white, 1.6))
    painter.setBrush(PULL if adds else QColor(20, 23, 29, 225))
    painter.drawEllipse(at, MARK_PX, MARK_PX)
    painter.drawLine(at - QPointF(3.0, 0), at + QPointF(3.0, 0))
    if adds:
        painter.drawLine(at - QPointF(0, 3.0), at + QPointF(0, 3.0))


def _paint_arrow(painter: QPainter, start: QPointF, end: QPointF) -> None:
    dx, dy = end.x() - start.x(), end.y() - start.y()
    length = math.hypot(dx, dy)
    if length > 1.0:
        dx, dy = dx / length, dy / length
        head = min(HEAD_PX, length)
        neck = QPointF(end.x() - dx * head * 0.8, end.y() - dy * head * 0.8)
        back = QPointF(end.x() - dx * head, end.y() - dy * head)
        side = QPointF(-dy * head * 0.55, dx * head * 0.55)
        triangle = QPolygonF([end, back + side, back - side])
        for colour, width in ((QColor(255, 255, 255, 235), 6.0), (PULL, 2.6)):
            painter.setPen(
                QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            )
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawLine(start, neck)
            painter.setPen(
                QPen(colour, width - 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            )
            painter.setBrush(colour)
            painter.drawPolygon(triangle)
    painter.setPen(QPen(PULL, 2.2))
    painter.setBrush(Qt.GlobalColor.white)
    painter.drawEllipse(start, 4.6, 4.6)


def _line_width(painter: QPainter, text: str) -> float:
    painter.setFont(pill_font(painter, 11, QFont.Weight.Medium))
    return painter.fontMetrics().horizontalAdvance(text) + 16.0


def _paint_line(painter: QPainter, text: str, x: float, y: float, room: float) -> None:
    """Paint a small line of text on a dark ground, shortened to the room that there is."""
    width = min(_line_width(painter, text), room)
    if width < 40:
        return
    rect = QRectF(x, y, width, 18.0)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(20, 23, 29, 205))
    painter.drawRoundedRect(rect, 6.0, 6.0)
    painter.setPen(QColor(255, 255, 255))
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, round(width - 14))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, shown)
