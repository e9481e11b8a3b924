"""CpuScreen: pictures of a renderer that gives arrays, made on a thread of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from model.camera import Camera
from model.errors import PartRMError
from model.gaussians import SH_C0, Gaussians
from model.progress import Progress, silent
from partrm_viewer.jobs import Ended, Job, Jobs, Message
from partrm_viewer.mailbox import Mailbox
from partrm_viewer.pace import COARSEST, FLUENT_SPLATS, REFINE_AFTER_MS, Pace
from partrm_viewer.screen import HIGHLIGHT_STRENGTH, Beside, Colour, highlight_on, image_of, timer
from renderer.base import Renderer, to_bytes
from renderer.thin import thinned


@dataclass(frozen=True, eq=False)
class _Drawn:
    """One frame."""

    rgb: np.ndarray  # (H, W, 3) uint8
    other: np.ndarray | None  # (H, W, 3) uint8, what lies left of the line
    coarseness: int
    seconds: float


class CpuScreen:
    """Frames from a renderer that gives arrays, made on a thread of their own; the newest wish is drawn next."""

    def __init__(self, renderer: Renderer, drawn: Callable[[], None], failed: Callable[[PartRMError], None]) -> None:
        self.name = "CPU renderer"
        self.why = ""
        self._renderer = renderer
        self._drawn = drawn
        self._failed = failed
        self._canvas = _Canvas()
        self.widget: QWidget = self._canvas
        self._mailbox = Mailbox(self._receive)
        self._jobs = Jobs(self._mailbox.post, "cpu-renderer")
        self._gaussians: Gaussians | None = None
        self._tinted: Gaussians | None = None
        self._splats: np.ndarray | None = None
        self._T: np.ndarray | None = None
        self._beside: Beside | None = None
        self._camera: Camera | None = None
        self._background: Colour = (1.0, 1.0, 1.0)
        self._drawing = False
        self._stale = False
        self._coarse = False  # what is on screen
        self._thin: WeakKeyDictionary[Gaussians, tuple[Gaussians, np.ndarray]] = WeakKeyDictionary()  # the worker's
        self.pace = Pace()
        self._soon = timer(self._canvas, 0, self._begin)  # wishes of one moment become one frame
        self._refine = timer(self._canvas, REFINE_AFTER_MS, lambda: self._begin(whole=True))
        self._jobs.submit(Job("Drawing", lambda progress: _warm_up(renderer), lambda _: None, failed))

    def set_gaussians(self, gaussians: Gaussians | None) -> None:
        self._gaussians = self._tinted = gaussians
        self._splats = self._T = None
        self._request()

    def set_part(self, splats: np.ndarray | None) -> None:
        self._splats = splats
        self._tinted = self._gaussians
        if splats is None:
            self._T = None
        elif self._gaussians is not None:
            sh = self._gaussians.sh.copy()
            sh[splats] *= 1 - HIGHLIGHT_STRENGTH
            colour = np.array(highlight_on(self._gaussians, splats), np.float32)
            sh[splats, 0] += HIGHLIGHT_STRENGTH * ((colour - 0.5) / SH_C0)
            self._tinted = replace(self._gaussians, sh=sh)
        self._request()

    def set_motion(self, T: np.ndarray | None) -> None:
        self._T = T
        self._request()

    def compare(self, beside: Beside | None) -> None:
        old, self._beside = self._beside, beside
        if beside is None:
            self._canvas.other = None
        else:
            self._canvas.at = beside.at
        if beside is not old and (beside is None or beside.another_picture(old)):
            self._request()
        self._canvas.update()

    def look(self, camera: Camera, background: Colour) -> None:
        self._camera, self._background = camera, background
        self._canvas.background = QColor.fromRgbF(*background)
        self._request()

    @property
    def late(self) -> bool:
        """Tell whether what is on screen is not yet what was asked for."""
        return self._drawing or self._stale or self._coarse

    def picture(self) -> QImage:
        if self.late and self._camera is not None:
            drawn = self._render(1)(silent)
            return joined(image_of(drawn.rgb), None if drawn.other is None else image_of(drawn.other), self._canvas.at)
        return joined(self._canvas.image.copy(), self._canvas.other, self._canvas.at)

    def close(self) -> None:
        self._soon.stop()
        self._refine.stop()
        self._mailbox.close()
        self._jobs.close()

    def _request(self) -> None:
        self._stale = True
        if not self._drawing:
            self._soon.start()

    def _begin(self, whole: bool = False) -> None:
        if self._drawing or self._camera is None:
            return
        coarseness = 1 if whole else self.pace.next()
        self._drawing, self._stale = True, False
        self._jobs.submit(Job("Drawing", self._render(coarseness), self._show, self._fail))

    def _render(self, coarseness: int) -> Callable[[Progress], _Drawn]:
        gaussians, splats, T, beside = self._tinted, self._splats, self._T, self._beside
        camera, background, renderer = self._camera, self._background, self._renderer
        assert camera is not None
        camera = camera.resized(max(camera.width // coarseness, 1), max(camera.height // coarseness, 1))

        def shown(g: Gaussians, part: np.ndarray | None) -> Gaussians:
            if coarseness > 1 and len(g) > FLUENT_SPLATS:
                if g not in self._thin:
                    self._thin[g] = thinned(g, FLUENT_SPLATS)
                g, kept = self._thin[g]
                part = part[kept] if part is not None else None
            return g.moved(T, part) if T is not None and part is not None else g

        def draw(g: Gaussians, part: np.ndarray | None, camera: Camera) -> np.ndarray:
            return renderer.render(shown(g, part), camera).on(background)

        def render(progress: Progress) -> _Drawn:
            start = time.perf_counter()
            other = None
            if gaussians is None:
                rgb = np.full((camera.height, camera.width, 3), to_bytes(np.array(background)), np.uint8)
            elif beside is None:
                rgb = draw(gaussians, splats, camera)
            elif beside.halved:
                x = camera.width // 2
                rgb = np.empty((camera.height, camera.width, 3), np.uint8)
                half = camera.cropped(x, 0, camera.width - x, camera.height)
                rgb[:, x:] = draw(gaussians, splats, half)
                rgb[:, :x] = draw(beside.gaussians, None, half)[:, :x]
            else:
                rgb, other = draw(gaussians, splats, camera), draw(beside.gaussians, None, camera)
                if beside.how == "difference":
                    from renderer.difference import draw_difference  # late: OpenCV takes its time

                    rgb, other = draw_difference(rgb, other), None
            return _Drawn(rgb, other, coarseness, time.perf_counter() - start)

        return render

    def _receive(self, message: Message) -> None:
        if isinstance(message, Ended):
            message.deliver()

    def _show(self, drawn: _Drawn) -> None:
        self._coarse = drawn.coarseness > 1
        self._canvas.image = image_of(drawn.rgb)
        self._canvas.other = None if drawn.other is None or self._beside is None else image_of(drawn.other)
        self._canvas.update()
        self._drawing = False
        self.pace.took(drawn.coarseness, drawn.seconds)
        self._drawn()
        if self._stale:
            self._begin()
        elif self._coarse:
            self._refine.start()

    def _fail(self, error: PartRMError) -> None:
        self._drawing = False
        self._failed(error)


class _Canvas(QWidget):
    """Shows one image over its whole area, and another one left of a line."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
        self.other: QImage | None = None
        self.at = 0.5  # 0..1 of the width, where the line is
        self.background = QColor("white")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        target = QRect(QPoint(0, 0), self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio))
        target.moveCenter(self.rect().center())
        if self.image.isNull():
            painter.fillRect(self.rect(), self.background)
        elif abs(target.width() - self.width()) <= COARSEST and abs(target.height() - self.height()) <= COARSEST:
            target = self.rect()  # half a frame may be rounded
        else:
            painter.fillRect(self.rect(), self.background)
        coarse = self.image.width() < self.width() * self.devicePixelRatioF() - 1
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, coarse)
        painter.drawImage(target, self.image)
        _paint_other(painter, target, self.other, self.at)
        painter.end()


def joined(image: QImage, other: QImage | None, at: float) -> QImage:
    """Return one image with the other left of a line at 0..1 of the width."""
    painter = QPainter(image)
    _paint_other(painter, image.rect(), other, at)
    painter.end()
    return image


def _paint_other(painter: QPainter, target: QRect, other: QImage | None, at: float) -> None:
    if other is not None:
        painter.setClipRect(QRect(target.left(), target.top(), round(at * target.width()), target.height()))
        painter.drawImage(target, other)


def _warm_up(renderer: Renderer) -> None:
    """Let a renderer compile and start its threads before the first photo is there."""
    one = np.ones((1, 3), np.float32)
    renderer.render(
        Gaussians.from_colours(0 * one, np.eye(1, 4), one, one[0, :1], one), Camera.orbit(0, 0, 9, 40, 32, 32)
    )
