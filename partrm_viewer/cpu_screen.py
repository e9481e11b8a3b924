"""CpuScreen: pictures of a renderer that gives arrays, made on a thread of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
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
from partrm_viewer.screen import HIGHLIGHT, HIGHLIGHT_STRENGTH, Colour, image_of, timer
from renderer.base import Renderer, to_bytes
from renderer.thin import thinned


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
        self._before: Gaussians | None = None
        self._split = 0.5
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
            sh[splats, 0] += HIGHLIGHT_STRENGTH * ((np.array(HIGHLIGHT, np.float32) - 0.5) / SH_C0)
            self._tinted = replace(self._gaussians, sh=sh)
        self._request()

    def set_motion(self, T: np.ndarray | None) -> None:
        self._T = T
        self._request()

    def compare(self, before: Gaussians | None, at: float) -> None:
        self._before, self._split = before, at
        self._request()

    def look(self, camera: Camera, background: Colour) -> None:
        self._camera, self._background = camera, background
        self._canvas.background = QColor.fromRgbF(*background)
        self._request()

    def picture(self) -> QImage:
        late = self._drawing or self._stale or self._coarse  # what is on screen is not yet what was asked for
        if late and self._camera is not None:
            rgb, _, _ = self._render(1)(silent)
            return image_of(rgb)
        return self._canvas.image.copy()

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

    def _render(self, coarseness: int) -> Callable[[Progress], tuple[np.ndarray, int, float]]:
        gaussians, splats, T = self._tinted, self._splats, self._T
        camera, background, renderer = self._camera, self._background, self._renderer
        before = self._before
        assert camera is not None
        camera = camera.resized(max(camera.width // coarseness, 1), max(camera.height // coarseness, 1))
        x = round(self._split * camera.width)

        def shown(g: Gaussians, part: np.ndarray | None) -> Gaussians:
            if coarseness > 1 and len(g) > FLUENT_SPLATS:
                if g not in self._thin:
                    self._thin[g] = thinned(g, FLUENT_SPLATS)
                g, kept = self._thin[g]
                part = part[kept] if part is not None else None
            return g.moved(T, part) if T is not None and part is not None else g

        def render(progress: Progress) -> tuple[np.ndarray, int, float]:
            start = time.perf_counter()
            if gaussians is None:
                rgb = np.full((camera.height, camera.width, 3), to_bytes(np.array(background)), np.uint8)
            else:
                rgb = renderer.render(shown(gaussians, splats), camera).on(background)
                if before is not None:
                    rgb[:, :x] = renderer.render(shown(before, None), camera).on(background)[:, :x]
            return rgb, coarseness, time.perf_counter() - start

        return render

    def _receive(self, message: Message) -> None:
        if isinstance(message, Ended):
            message.deliver()

    def _show(self, value: tuple[np.ndarray, int, float]) -> None:
        rgb, coarseness, seconds = value
        self._coarse = coarseness > 1
        self._canvas.image = image_of(rgb)
        self._canvas.update()
        self._drawing = False
        self.pace.took(coarseness, seconds)
        self._drawn()
        if self._stale:
            self._begin()
        elif coarseness > 1:
            self._refine.start()

    def _fail(self, error: PartRMError) -> None:
        self._drawing = False
        self._failed(error)


class _Canvas(QWidget):
    """Shows one image over its whole area."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
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
        painter.end()


def _warm_up(renderer: Renderer) -> None:
    """Let a renderer compile and start its threads before the first photo is there."""
    one = np.ones((1, 3), np.float32)
    renderer.render(
        Gaussians.from_colours(0 * one, np.eye(1, 4), one, one[0, :1], one), Camera.orbit(0, 0, 9, 40, 32, 32)
    )
