"""Compared: the names of two states in one picture, the line between them, and the scale of their difference."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QLinearGradient, QPainter, QPen, QPolygonF

from partrm_viewer.theme import PULL
from partrm_viewer.words import tr

EDGE, PILL = 12.0, 26.0  # px from the picture's edge, height of a name
SCALE = (180.0, 12.0)  # px, length and height of the scale's colours
DARK = QColor(20, 23, 29, 205)  # under white text


@dataclass(frozen=True)
class Compared:
    """What is told of two states in one picture."""

    other: str  # name of the state on the left
    shown: str
    how: str  # "line", "halves" or "difference"
    at: float  # 0..1 of the width, where the line is; at the ends one state fills the picture

    def shown_from(self, width: int) -> float:
        """Return where the shown state begins on a widget of some width, px."""
        return 0.0 if self.how == "difference" else self.at * width

    def paint(self, painter: QPainter, width: int, height: int, badge: str) -> None:
        """Paint on a widget of some size; badge: what else is to be said of the shown state."""
        if self.how == "difference":
            words = tr("Difference: {shown} – {other}").format(shown=self.shown, other=self.other)
            _paint_name(painter, f"{words} · {badge}" if badge.startswith("Preview") else words, 0, width)
            paint_scale(painter, width, height)
            return
        x = self.at * width
        if self.how == "halves":
            _paint_line(painter, x, height)
        elif 0 < self.at < 1:
            _paint_line(painter, x, height)
            _paint_handle(painter, QPointF(x, height / 2))
        _paint_name(painter, self.other, 0, x)
        whole = f"{self.shown} · {badge}" if badge else self.shown
        fits = pill_width(painter, whole) <= width - x - 2 * EDGE
        _paint_name(painter, whole if fits or badge.startswith("Preview") else self.shown, x, width)


def paint_scale(painter: QPainter, width: int, height: int) -> None:
    """Paint which colour stands for which difference, in the lower left corner."""
    from renderer.difference import MOST, heat_colours  # late: OpenCV takes its time

    across = min(SCALE[0], width - 4 * EDGE)
    painter.setFont(pill_font(painter))
    box = QRectF(EDGE, height - EDGE - SCALE[1] - 34, across + 2 * EDGE, SCALE[1] + 34)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(DARK)
    painter.drawRoundedRect(box, 8, 8)
    bar = QRectF(box.x() + EDGE, box.y() + 9, across, SCALE[1])
    colours = QLinearGradient(bar.topLeft(), bar.topRight())
    for k in range(0, 256, 15):
        colours.setColorAt(k / 255, QColor(*(int(c) for c in heat_colours()[k])))
    painter.setBrush(colours)
    painter.drawRect(bar)
    painter.setPen(QColor("white"))
    line = QRectF(bar.x(), bar.bottom() + 2, across, 20)
    most = tr("{percent:.0f} % or more").format(percent=100 * MOST)
    for words, where in (("0", Qt.AlignmentFlag.AlignLeft), (most, Qt.AlignmentFlag.AlignRight)):
        painter.drawText(line, where | Qt.AlignmentFlag.AlignVCenter, words)


def pill_width(painter: QPainter, text: str) -> float:
    """Return how wide a pill is."""
    painter.setFont(pill_font(painter))
    return painter.fontMetrics().horizontalAdvance(text) + 22.0


def paint_pill(painter: QPainter, text: str, x: float, y: float) -> None:
    """Paint a few words on a dark pill, legible on any picture."""
    rect = QRectF(x, y, pill_width(painter, text), PILL)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(DARK)
    painter.drawRoundedRect(rect, PILL / 2, PILL / 2)
    painter.setPen(QColor("white"))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


def _paint_name(painter: QPainter, name: str, x0: float, x1: float) -> None:
    """Paint a name in a part of the picture, shortened; nothing where there is no room for a few letters of it."""
    painter.setFont(pill_font(painter))
    room = x1 - x0 - 2 * EDGE - 22.0
    short = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, int(max(room, 0)))
    if name and (room > 40 or short == name):
        paint_pill(painter, short, x0 + EDGE, EDGE)


def _paint_line(painter: QPainter, x: float, height: int) -> None:
    for colour, width in ((QColor(255, 255, 255, 235), 4.0), (PULL, 1.6)):
        painter.setPen(QPen(colour, width))
        painter.drawLine(QPointF(x, 0), QPointF(x, height))


def _paint_handle(painter: QPainter, middle: QPointF) -> None:
    painter.setPen(QPen(PULL, 1.6))
    painter.setBrush(Qt.GlobalColor.white)
    painter.drawEllipse(middle, 10.0, 10.0)
    painter.setBrush(PULL)
    for side in (-1, 1):  # two small heads: it can be moved either way
        tip, back = middle + QPointF(side * 7.0, 0), side * 3.0
        painter.drawPolygon(QPolygonF([tip, middle + QPointF(back, -3.0), middle + QPointF(back, 3.0)]))


def pill_font(painter: QPainter, size_px: int = 12, weight: QFont.Weight = QFont.Weight.DemiBold) -> QFont:
    """Return the font of words on pictures."""
    font = QFont(painter.font())
    font.setPixelSize(size_px)
    font.setWeight(weight)
    return font
