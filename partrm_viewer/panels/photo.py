"""Photo: the image with the part's tint and the pull's arrow; sends the left and right button to the chosen tool."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from model.drag import Drag
from model.stages.state import Click
from partrm_viewer.panels.overlay import Mark, Overlay, Segment
from partrm_viewer.theme import PULL
from partrm_viewer.tools.base import Hand, Point, Tool
from partrm_viewer.tools.box import Box

CLICK_PX = 4.0  # how far the pointer may stray in a click, screen pixels
TINT_ALPHA = 95
HOVER_ALPHA = 45
SHOWN_PX = 2048  # a larger image is thinned for the screen
MARGIN = 0.03  # of the image's size, left around it
BRUSH_PX = (2.0, 14.0, 120.0)  # smallest radius of the brush, the first, the largest; screen pixels
BRUSH_PER_NOTCH = 1.18


class PhotoPanel(pg.GraphicsView):
    """An image with pixels square, y down and no axes."""

    pointed = Signal(object)  # image pixel under the pointer while no button is down; None: it has left

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = pg.ViewBox(lockAspect=True, invertY=True, enableMenu=False, enableMouse=False)
        self._view.setMouseEnabled(False, False)
        self.setCentralItem(self._view)
        self._image = pg.ImageItem(axisOrder="row-major")
        self._tint = pg.ImageItem(axisOrder="row-major")
        self._view.addItem(self._image)
        self._hovered = pg.ImageItem(axisOrder="row-major")
        self._view.addItem(self._hovered)
        self._view.addItem(self._tint)
        self.pointer = QPointF()  # where it was last, widget pixels
        self._shape: tuple[int, int] | None = None
        self._drag: Drag | None = None
        self._clicks: tuple[Click, ...] = ()
        self._tool: Tool | None = None
        self._brush_px = BRUSH_PX[1]
        self._pressed_at: QPointF | None = None
        self._button = Qt.MouseButton.NoButton
        self._far = False
        self._panned_from: QPointF | None = None
        self.overlay = Overlay(self, self._arrow, self._marks)
        self._view.sigRangeChanged.connect(self.overlay.update)

    def set_tool(self, tool: Tool) -> None:
        """Send the left button to a tool from now on."""
        if self._tool is not None:
            self._tool.cancel()
        self._tool = tool
        pointing = tool.name == "pull"
        self.setCursor(Qt.CursorShape.PointingHandCursor if pointing else Qt.CursorShape.CrossCursor)
        self.viewport().setMouseTracking(True)  # what a press would do is shown before it
        self.pointed.emit(None)
        self.overlay.set_brush(None)

    def set_image(self, image: np.ndarray | None) -> None:
        """Show an (H, W, 3 or 4) uint8 image, on white; another size than before is fitted to the panel."""
        shape = None if image is None else (image.shape[0], image.shape[1])
        if image is None:
            self._image.clear()
        else:
            _put(self._image, _on_white(_thinned(image)), image.shape)
        if shape != self._shape:
            self._shape = shape
            self.fit()

    def set_part(self, mask: np.ndarray | None) -> None:
        """Tint the pixels of an (H, W) bool mask and draw its border."""
        if mask is None:
            self._tint.clear()
            return
        whole, mask = mask.shape, _thinned(mask)
        tint = np.zeros((*mask.shape, 4), np.uint8)
        tint[mask] = (PULL.red(), PULL.green(), PULL.blue(), TINT_ALPHA)
        width = max(1, round(max(mask.shape) / 500))
        border = mask & ~_eroded(mask, width)
        tint[border] = (PULL.red(), PULL.green(), PULL.blue(), 255)
        tint[_grown(mask, width) & ~mask] = (255, 255, 255, 235)  # a light rim: seen on dark and on blue things, too
        _put(self._tint, tint, whole)

    def set_hovered(self, mask: np.ndarray | None, window: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> None:
        """Light up, faintly, a square mask (S, S) bool that lies in a window of the image: left, top, side."""
        if mask is None:
            self._hovered.clear()
            return
        tint = np.zeros((*mask.shape, 4), np.uint8)
        tint[mask] = (PULL.red(), PULL.green(), PULL.blue(), HOVER_ALPHA)
        tint[mask & ~_eroded(mask, 2)] = (PULL.red(), PULL.green(), PULL.blue(), 200)
        self._hovered.setImage(tint, autoLevels=False, levels=(0, 255))
        left, top, side = window
        self._hovered.setRect(QRectF(left, top, side, side))

    def set_clicks(self, clicks: Sequence[Click]) -> None:
        """Mark the places that the part was asked with, as soon as there are more than the press that found it."""
        self._clicks = tuple(clicks) if len(clicks) > 1 else ()
        self.overlay.update()

    @property
    def tool(self) -> Tool | None:
        """Return the tool in hand."""
        return self._tool

    def tint(self) -> np.ndarray | None:
        """Return the tint on screen, RGBA."""
        tint: np.ndarray | None = self._tint.image
        return tint

    def hovered(self) -> np.ndarray | None:
        """Return what is lit up under the pointer, RGBA."""
        tint: np.ndarray | None = self._hovered.image
        return tint

    def set_drag(self, drag: Drag | None, faint: bool = False) -> None:
        """Show a pull as an arrow; faint for one that has been."""
        self._drag = drag
        self.overlay.set_faint(faint)
        self.overlay.update()

    def set_box(self, box: Box | None) -> None:
        """Show a rectangle, image pixels."""
        if box is None:
            self.overlay.set_box(None)
            return
        corners = [self.widget_from_image(p) for p in (box[:2], box[2:])]
        self.overlay.set_box(QRectF(QPointF(*corners[0]), QPointF(*corners[1])))

    @property
    def brush_px(self) -> float:
        """Return the brush's radius, image pixels: on screen it stays the same, so that zooming in makes it finer."""
        (x0, _), (x1, _) = (self.widget_from_image((x, 0.0)) for x in (0.0, 1000.0))
        return self._brush_px * 1000 / max(x1 - x0, 1.0)

    def fit(self) -> None:
        """Show the whole image."""
        if self._shape is not None:
            h, w = self._shape
            self._view.setRange(QRectF(0, 0, w, h), padding=MARGIN)
        self.overlay.update()

    def image_from_widget(self, position: QPointF | QPoint) -> Point:
        """Return the image pixel under a point of the widget."""
        at = self._view.mapSceneToView(self.mapToScene(QPointF(position).toPoint()))
        return (at.x(), at.y())

    def widget_from_image(self, at_px: Point) -> Point:
        """Return where an image pixel lies in the widget."""
        at = self.mapFromScene(self._view.mapViewToScene(QPointF(*at_px)))
        return (float(at.x()), float(at.y()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()
        if self._shape is None:
            return
        buttons = (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton)
        if event.button() in buttons and self._tool is not None and self._pressed_at is None:
            self._pressed_at, self._far, self._button = event.position(), False, event.button()
            self._tool.press(self.image_from_widget(event.position()), _hand(event))
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._panned_from = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        event.accept()
        position = event.position()
        self.pointer = position
        if self._brushing:
            self.overlay.set_brush(position, self._brush_px)
        if self._pressed_at is not None and self._tool is not None:
            step = position - self._pressed_at
            self._far = self._far or math.hypot(step.x(), step.y()) > CLICK_PX
            self._tool.move(self.image_from_widget(position), self._far)
        elif self._panned_from is not None:
            old, new = self.image_from_widget(self._panned_from), self.image_from_widget(position)
            self._view.translateBy(x=old[0] - new[0], y=old[1] - new[1])
            self._panned_from = position
        elif self._shape is not None:
            self.pointed.emit(self.image_from_widget(position))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()
        if event.button() == self._button and self._pressed_at is not None and self._tool is not None:
            self._pressed_at = None
            self._tool.release(self.image_from_widget(event.position()))
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._panned_from = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.accept()
        if self._shape is not None:
            notches = event.angleDelta().y() / 120
            if self._brushing and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                smallest, _, largest = BRUSH_PX
                self._brush_px = min(max(self._brush_px * BRUSH_PER_NOTCH**notches, smallest), largest)
                self.overlay.set_brush(event.position(), self._brush_px)
                return
            scale = 0.88**notches
            self._view.scaleBy((scale, scale), center=QPointF(*self.image_from_widget(event.position())))

    def leaveEvent(self, event: QEvent) -> None:
        self.overlay.set_brush(None)
        self.pointed.emit(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if hasattr(self, "overlay"):  # the base class resizes itself while it is being made
            self.overlay.setGeometry(self.rect())
            self.fit()

    @property
    def _brushing(self) -> bool:
        return self._tool is not None and self._tool.name == "brush"

    def _marks(self) -> list[Mark]:
        return [(self.widget_from_image(click.at_px), click.adds) for click in self._clicks]

    def _arrow(self) -> Segment | None:
        if self._drag is None:
            return None
        return self.widget_from_image(self._drag.start_px), self.widget_from_image(self._drag.end_px)


def _hand(event: QMouseEvent) -> Hand:
    keys = event.modifiers()
    if event.button() == Qt.MouseButton.RightButton:
        return Hand.TAKE
    if keys & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier):
        return Hand.TAKE
    return Hand.ADD if keys & Qt.KeyboardModifier.ControlModifier else Hand.PLAIN


def _thinned(image: np.ndarray) -> np.ndarray:
    """Leave out pixels that the screen has no room for."""
    step = max(1, -(-max(image.shape[:2]) // SHOWN_PX))
    return np.ascontiguousarray(image[::step, ::step])


def _on_white(image: np.ndarray) -> np.ndarray:
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3:].astype(np.uint16)
    return ((image[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _put(item: pg.ImageItem, image: np.ndarray, shape: tuple[int, ...]) -> None:
    """Show a thinned image where the whole one, of some (H, W, ...), lies."""
    item.setImage(image, autoLevels=False, levels=(0, 255))
    item.setRect(QRectF(0, 0, shape[1], shape[0]))


def _eroded(mask: np.ndarray, steps: int) -> np.ndarray:
    return np.logical_and.reduce(_shifted(mask, steps))


def _grown(mask: np.ndarray, steps: int) -> np.ndarray:
    return np.logical_or.reduce(_shifted(mask, steps))


def _shifted(mask: np.ndarray, steps: int) -> list[np.ndarray]:
    """Return the mask, and it moved by up to so many pixels to each of the four sides."""
    padded = np.pad(mask, steps)
    h, w = mask.shape
    offsets = [o for step in range(1, steps + 1) for o in ((step, 0), (-step, 0), (0, step), (0, -step))]
    return [mask, *(padded[steps + dy : steps + dy + h, steps + dx : steps + dx + w] for dy, dx in offsets)]
