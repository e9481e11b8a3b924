"""GlScreen: the live view drawn by OpenGL."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QImage, QOffscreenSurface, QOpenGLContext
from PySide6.QtWidgets import QWidget

from model.camera import Camera
from model.errors import PartRMError, RendererError
from model.gaussians import Gaussians
from partrm_viewer.jobs import Ended, Job, Jobs, Message
from partrm_viewer.mailbox import Mailbox
from partrm_viewer.pace import FLUENT_SPLATS, REFINE_AFTER_MS, Pace
from partrm_viewer.screen import HIGHLIGHT_STRENGTH, HIGHLIGHTS, Beside, Colour, highlight_on, timer
from renderer.thin import thinned

if TYPE_CHECKING:
    from renderer.splat_layer import Later, Seen
    from renderer.targets import Target

GL_RENDERER = 0x1F01  # glGetString's name for the device


class GlScreen:
    """Frames drawn by OpenGL in a vispy canvas inside the window. Raises RendererError where there is no OpenGL 3.3."""

    name = "OpenGL"

    def __init__(self, drawn: Callable[[], None], failed: Callable[[PartRMError], None]) -> None:
        self.why = f"Drawn by {opengl_device()}"
        import vispy  # late, as the next two: a computer without OpenGL must get a window all the same

        vispy.use(app="pyside6", gl="gl+")
        from vispy.app import Canvas

        from renderer.targets import coarse_target

        self._drawn = drawn
        self._failed = failed
        self._canvas = Canvas(show=False, size=(64, 64), config={"samples": 0, "depth_size": 0, "stencil_size": 0})
        self.widget: QWidget = self._canvas.native
        self._mailbox = Mailbox(self._receive)
        self._jobs = Jobs(self._mailbox.post, "sorter")
        self._shown = _Shown(self._jobs, self._later, self._failed)
        self._coarse_target = coarse_target()
        self._difference_target: Target | None = None  # not needed yet
        self.pace = Pace()
        self._whole = False  # the next frame is to be sharp
        self._refine = timer(self.widget, REFINE_AFTER_MS, self._sharpen)
        self._beside: Beside | None = None
        self._other: _Shown | None = None  # while comparing
        self._late = False  # the last frame was not yet what was asked for
        self._camera: Camera | None = None
        self._background: Colour = (1.0, 1.0, 1.0)
        self._broken = False
        self._canvas.events.draw.connect(self._draw)

    def set_gaussians(self, gaussians: Gaussians | None) -> None:
        self._shown.set_gaussians(gaussians)
        self._canvas.update()

    def set_part(self, splats: np.ndarray | None) -> None:
        self._shown.set_part(splats)
        self._canvas.update()

    def set_motion(self, T: np.ndarray | None) -> None:
        self._shown.set_motion(T)
        self._canvas.update()

    def compare(self, beside: Beside | None) -> None:
        old, self._beside = self._beside, beside
        if beside is None:
            self._other = None
        elif self._other is None or old is None or old.gaussians is not beside.gaussians:
            self._other = self._other or _Shown(self._jobs, self._later, self._failed)
            self._other.set_gaussians(beside.gaussians)
        elif not beside.another_picture(old):  # the line alone was moved: the picture stays as sharp as it is
            self._whole = self._whole or not self._refine.isActive()
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
            if self._shown.gaussians is None:
                gloo.clear(color=(*self._background, 1.0), depth=False)
            elif self._beside is not None and self._beside.how == "difference":
                self._draw_difference(self._camera, coarseness)
            elif coarseness == 1:
                self._paint(self._camera)
            else:
                self._coarse_target.draw([self._paint], self._camera, coarseness)
            if coarseness > 1:
                self._refine.start()
            gloo.gl.glFinish()
            if not self._late:
                self.pace.took(coarseness, time.perf_counter() - start)
        except (RendererError, RuntimeError) as error:  # a driver that accepts the context and refuses the program
            self._broken = True
            hint = "The CPU renderer takes over; it shows the same, more slowly."
            self._failed(RendererError(f"OpenGL failed: {str(error).splitlines()[0]}", hint))
            return
        self._drawn()

    def _paint(self, camera: Camera) -> None:
        if self._beside is None or self._other is None:
            self._late = not self._paint_one(self._shown, camera)
            return
        from vispy import gloo

        x = camera.width // 2 if self._beside.halved else round(self._beside.at * camera.width)
        left = camera.cropped(x, 0, camera.width, camera.height) if self._beside.halved else camera
        self._late = False
        for shown, seen, start, end in ((self._other, left, 0, x), (self._shown, camera, x, camera.width)):
            if start < end:
                gloo.set_state(preset=None, scissor_test=True)
                gloo.set_scissor(start, 0, end - start, camera.height)
                self._late = not self._paint_one(shown, seen) or self._late
        gloo.set_state(preset=None, scissor_test=False)

    def _paint_one(self, shown: _Shown, camera: Camera) -> bool:
        assert self._camera is not None
        return shown.draw(camera, self._background, camera.width < self._camera.width)

    def _draw_difference(self, camera: Camera, coarseness: int) -> None:
        from renderer.targets import difference_target

        self._difference_target = self._difference_target or difference_target()
        self._late = False

        def paint(shown: _Shown) -> Callable[[Camera], None]:
            def draw(small: Camera) -> None:
                self._late = not self._paint_one(shown, small) or self._late

            return draw

        assert self._other is not None
        self._difference_target.draw([paint(self._shown), paint(self._other)], camera, coarseness)


class _Shown:
    """One set of Gaussians: a layer of them all and, where they are many, one of a few for coarse frames."""

    def __init__(self, jobs: Jobs, later: Later, failed: Callable[[PartRMError], None]) -> None:
        from renderer.splat_layer import SplatLayer

        self._jobs, self._failed = jobs, failed
        self._all, self._few = SplatLayer(later=later), SplatLayer(later=later)
        self._kept: np.ndarray | None = None  # (n,) int, which of all the few are; None: not known yet
        self._asked = False  # which they are is being worked out
        self._drew_few = False
        self._splats: np.ndarray | None = None  # (N,) bool, the part
        self._tint = HIGHLIGHTS[0]
        self._parts: list[np.ndarray | None] = [None, None]  # uint8, 1 in the part: all's, few's
        self._T: np.ndarray | None = None
        self.gaussians: Gaussians | None = None

    def set_gaussians(self, gaussians: Gaussians | None) -> None:
        """Show these; part and motion are forgotten."""
        self.gaussians = gaussians
        self._kept, self._asked, self._drew_few = None, False, False
        self.set_part(None)
        if gaussians is not None:
            self._all.set_gaussians(gaussians)

    def set_part(self, splats: np.ndarray | None) -> None:
        """Tint the Gaussians at an (N,) bool mask."""
        self._splats, self._T = splats, None
        if splats is not None and self.gaussians is not None:
            self._tint = highlight_on(self.gaussians, splats)
        self._divide()

    def set_motion(self, T: np.ndarray | None) -> None:
        """Move the part by a rigid (4, 4) transform."""
        self._T = T
        for layer, part in zip((self._all, self._few), self._parts):
            if part is not None:
                layer.set_parts(part, None if T is None else np.stack([np.eye(4), T]))

    def draw(self, camera: Camera, background: Colour, coarse: bool) -> bool:
        """Draw what the pace allows; returns whether that was what was asked for, and not the few once more."""
        assert self.gaussians is not None
        if coarse and len(self.gaussians) > FLUENT_SPLATS:
            self._drew_few = self._find_few(self.gaussians)
            late = False
        else:
            # After the few, all in the order of long ago would flash up: they wait for theirs.
            late = self._drew_few = self._drew_few and not self._all.ready(camera)
        (self._few if self._drew_few else self._all).draw(camera, background)
        return not late

    def _find_few(self, gaussians: Gaussians) -> bool:
        """Say whether it is known which Gaussians are the few, and have it found out where not."""
        if self._kept is None and not self._asked:
            self._asked = True

            def take(few: tuple[Gaussians, np.ndarray]) -> None:
                if self.gaussians is gaussians:
                    self._few.set_gaussians(few[0])
                    self._kept = few[1]
                    self._divide()

            self._jobs.submit(Job("Thinning", lambda _: thinned(gaussians, FLUENT_SPLATS), take, self._failed))
        return self._kept is not None

    def _divide(self) -> None:
        """Tell both layers which of their splats are the part."""
        splats, kept = self._splats, self._kept
        few = splats[kept] if splats is not None and kept is not None else None
        self._parts = [None if part is None else part.astype(np.uint8) for part in (splats, few)]
        for layer, part in zip((self._all, self._few), self._parts):
            layer.set_parts(part)
            layer.set_highlight(None if part is None else 1, self._tint, HIGHLIGHT_STRENGTH)
        self.set_motion(self._T)


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
