"""Screens: the two ways in which the viewport puts Gaussians on the window, OpenGL and the CPU renderer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PySide6.QtCore import QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QOffscreenSurface, QOpenGLContext, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from model.camera import Camera
from model.errors import PartRMError, RendererError
from model.gaussians import SH_C0, Gaussians
from model.progress import Progress, silent
from partrm_viewer.jobs import Ended, Job, Jobs, Message
from partrm_viewer.mailbox import Mailbox
from partrm_viewer.pace import COARSEST, REFINE_AFTER_MS, Pace
from renderer.base import Renderer, choose, is_software, to_bytes

if TYPE_CHECKING:
    from renderer.gl import Seen

Colour = tuple[float, float, float]  # 0..1, display space
HIGHLIGHT: Colour = (0.18, 0.48, 1.0)
HIGHLIGHT_STRENGTH = 0.38
GL_RENDERER = 0x1F01  # glGetString's name for the device


class Screen(Protocol):
    """A widget that shows Gaussians; each call takes effect at the next frame, which comes by itself."""

    widget: QWidget
    name: str  # what the status bar calls it
    why: str  # why it is this one
    pace: Pace  # how long frames take

    def set_gaussians(self, gaussians: Gaussians | None) -> None:
        """Show these; part and motion are forgotten."""
        ...

    def set_part(self, splats: np.ndarray | None) -> None:
        """Tint the Gaussians at an (N,) bool mask."""
        ...

    def set_motion(self, T: np.ndarray | None) -> None:
        """Move the part by a rigid (4, 4) transform."""
        ...

    def compare(self, before: Gaussians | None, at: float) -> None:
        """Show other Gaussians in the left part of the picture, up to 0..1 of its width; None: nowhere."""
        ...

    def look(self, camera: Camera, background: Colour) -> None:
        """Use a camera of the widget's size in device pixels."""
        ...

    def picture(self) -> QImage:
        """Return what is on screen."""
        ...

    def close(self) -> None:
        """Let go of threads and graphics memory."""
        ...


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

        def render(progress: Progress) -> tuple[np.ndarray, int, float]:
            start = time.perf_counter()
            if gaussians is None:
                rgb = np.full((camera.height, camera.width, 3), to_bytes(np.array(background)), np.uint8)
            else:
                moved = gaussians.moved(T, splats) if T is not None and splats is not None else gaussians
                rgb = renderer.render(moved, camera).on(background)
                if before is not None:
                    rgb[:, :x] = renderer.render(before, camera).on(background)[:, :x]
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


def image_of(rgb: np.ndarray) -> QImage:
    """Make Qt's image of (H, W, 3) uint8."""
    h, w, _ = rgb.shape
    return QImage(rgb.tobytes(), w, h, 3 * w, QImage.Format.Format_RGB888).copy()


def timer(parent: QWidget, after_ms: int, does: Callable[[], None]) -> QTimer:
    """Make a timer that, each time it is started, does one thing after a while."""
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(after_ms)
    made.timeout.connect(does)
    return made


def _warm_up(renderer: Renderer) -> None:
    """Let a renderer compile and start its threads before the first photo is there."""
    one = np.ones((1, 3), np.float32)
    renderer.render(
        Gaussians.from_colours(0 * one, np.eye(1, 4), one, one[0, :1], one), Camera.orbit(0, 0, 9, 40, 32, 32)
    )


class GlScreen:
    """Frames drawn by OpenGL in a vispy canvas inside the window. Raises RendererError where there is no OpenGL 3.3."""

    name = "OpenGL"

    def __init__(self, drawn: Callable[[], None], failed: Callable[[PartRMError], None]) -> None:
        self.why = f"Drawn by {opengl_device()}"
        import vispy  # late, as the next two: a computer without OpenGL must get a window all the same

        vispy.use(app="pyside6", gl="gl+")
        from vispy.app import Canvas

        from renderer.gl import CoarseTarget, SplatLayer

        self._drawn = drawn
        self._failed = failed
        self._canvas = Canvas(show=False, size=(64, 64), config={"samples": 0, "depth_size": 0, "stencil_size": 0})
        self.widget: QWidget = self._canvas.native
        self._mailbox = Mailbox(self._receive)
        self._jobs = Jobs(self._mailbox.post, "sorter")
        self._layer = SplatLayer(later=self._later)
        self._coarse_target = CoarseTarget()
        self.pace = Pace()
        self._whole = False  # the next frame is to be sharp
        self._refine = timer(self.widget, REFINE_AFTER_MS, self._sharpen)
        self._layer_before: SplatLayer | None = None  # while comparing
        self._split = 0.5
        self._part: np.ndarray | None = None  # (N,) uint8, 1 in the part
        self._shows = False
        self._camera: Camera | None = None
        self._background: Colour = (1.0, 1.0, 1.0)
        self._broken = False
        self._canvas.events.draw.connect(self._draw)

    def set_gaussians(self, gaussians: Gaussians | None) -> None:
        self._layer.set_parts(None)
        self._layer.set_highlight(None)
        self._part = None
        self._shows = gaussians is not None
        if gaussians is not None:
            self._layer.set_gaussians(gaussians)
        self._canvas.update()

    def set_part(self, splats: np.ndarray | None) -> None:
        self._part = None if splats is None else splats.astype(np.uint8)
        self._layer.set_parts(self._part)
        self._layer.set_highlight(None if splats is None else 1, HIGHLIGHT, HIGHLIGHT_STRENGTH)
        self._canvas.update()

    def set_motion(self, T: np.ndarray | None) -> None:
        if self._part is not None:
            self._layer.set_parts(self._part, None if T is None else np.stack([np.eye(4), T]))
        self._canvas.update()

    def compare(self, before: Gaussians | None, at: float) -> None:
        from renderer.gl import SplatLayer

        self._split = at
        if before is None:
            self._layer_before = None
        else:
            self._layer_before = self._layer_before or SplatLayer(later=self._later)
            self._layer_before.set_gaussians(before)
        self._canvas.update()

    def look(self, camera: Camera, background: Colour) -> None:
        self._camera, self._background = camera, background
        self._canvas.update()

    def picture(self) -> QImage:
        self._whole = True
        image: QImage = self._canvas.native.grabFramebuffer()
        return image

    def close(self) -> None:
        self._refine.stop()
        self._mailbox.close()
        self._jobs.close()
        self._canvas.events.draw.disconnect(self._draw)
        self._canvas.close()

    def _sharpen(self) -> None:
        self._whole = True
        self._canvas.update()

    def _later(self, work: Callable[[], Seen], take: Callable[[Seen], None]) -> None:
        def done(seen: Seen) -> None:
            take(seen)
            self._whole = self._whole or not self._refine.isActive()  # at rest: the picture stays sharp
            self._canvas.update()

        self._jobs.submit(Job("Sorting", lambda progress: work(), done, self._failed))

    def _receive(self, message: Message) -> None:
        if isinstance(message, Ended):
            message.deliver()

    def _draw(self, event: object) -> None:
        if self._broken or self._camera is None:
            return
        try:
            from vispy import gloo

            start = time.perf_counter()
            coarseness = 1 if self._whole else self.pace.next()
            self._whole = False
            gloo.set_viewport(0, 0, self._camera.width, self._camera.height)
            if not self._shows:
                gloo.clear(color=(*self._background, 1.0), depth=False)
            elif coarseness == 1:
                self._paint(self._camera)
            else:
                self._coarse_target.draw(self._paint, self._camera, coarseness)
                self._refine.start()
            gloo.gl.glFinish()
            self.pace.took(coarseness, time.perf_counter() - start)
        except (RendererError, RuntimeError) as error:  # a driver that accepts the context and refuses the program
            self._broken = True
            hint = "The CPU renderer takes over; it shows the same, more slowly."
            self._failed(RendererError(f"OpenGL failed: {str(error).splitlines()[0]}", hint))
            return
        self._drawn()

    def _paint(self, camera: Camera) -> None:
        from vispy import gloo

        if self._layer_before is None:
            self._layer.draw(camera, self._background)
            return
        x = round(self._split * camera.width)
        for layer, left, width in ((self._layer_before, 0, x), (self._layer, x, camera.width - x)):
            gloo.set_state(preset=None, scissor_test=True)
            gloo.set_scissor(left, 0, width, camera.height)
            layer.draw(camera, self._background)
        gloo.set_state(preset=None, scissor_test=False)


def opengl_device() -> str:
    """Return what draws OpenGL here, as it calls itself. Raises RendererError where there is no OpenGL 3.3."""
    hint = "The CPU renderer takes over; it shows the same."
    context, surface = QOpenGLContext(), QOffscreenSurface()
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        raise RendererError("This computer gives no OpenGL context.", hint)
    version = context.format().version()
    device = str(context.functions().glGetString(GL_RENDERER))
    context.doneCurrent()
    if tuple(version) < (3, 3):
        raise RendererError(f"OpenGL {version[0]}.{version[1]} is too old; 3.3 is needed.", hint)
    return device


def open_screen(
    wish: str, drawn: Callable[[], None], failed: Callable[[PartRMError], None]
) -> tuple[Screen, PartRMError | None]:
    """Return the screen for a renderer's name (auto, gl, cpu, cuda), and why it is not the one that was wished for."""
    refused: PartRMError | None = None
    why = "Asked for"
    if wish in ("auto", "gl"):
        try:
            # OpenGL that is emulated on the processor is three times slower than the renderer written for it.
            device = opengl_device()
            if wish == "gl" or not is_software(device):
                return GlScreen(drawn, failed), None
            why = f"OpenGL is emulated on the processor here ({device}); this is faster"
        except RendererError as error:
            refused, why = error, error.title
        wish = "cpu"
    renderer, _ = choose(wish)
    screen = CpuScreen(renderer, drawn, failed)
    screen.why = why
    if renderer.name != "cpu":
        screen.name = f"{renderer.name} renderer"
    return screen, refused
