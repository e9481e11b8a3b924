"""Viewport: the live 3D view; its own camera, turned with the mouse, over whichever screen this computer can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from model.camera import Camera
from model.errors import PartRMError
from model.gaussians import Gaussians
from partrm_viewer.panels.compared import Compared, paint_scale
from partrm_viewer.panels.overlay import Overlay, Segment
from partrm_viewer.screen import Beside, Colour, Screen, image_of
from partrm_viewer.screens import open_screen
from partrm_viewer.steering import Steering
from partrm_viewer.tools import navigate
from renderer.pick import pick

if TYPE_CHECKING:
    from renderer.overlay import Lines

BACKGROUNDS: dict[str, Colour] = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0)}
LINE_PX = 7.0  # to either side of the split line, where it can be taken hold of


@dataclass(frozen=True, eq=False)
class Pull3D:
    """A pull as the 3D view shows it."""

    grab: np.ndarray  # (3,) world
    T: np.ndarray | None  # (4, 4) the part's motion
    target: np.ndarray | None = None  # (3,) where the pointer is, if it pulls here


@dataclass(frozen=True, eq=False)
class Live:
    """A prediction on screen that nobody keeps."""

    gaussians: Gaussians
    splats: np.ndarray | None  # (N,) bool, the part in it, where that is known
    T: np.ndarray | None  # (4, 4) how it has moved the part


class Viewport(QWidget):
    """Shows Gaussians, the selected part, and how a pull moves it."""

    drawn = Signal()  # a frame is on screen
    looked = Signal()  # from somewhere else, or at something else
    screen_changed = Signal(object)  # the PartRMError that made us change it

    def __init__(self, renderer: str = "auto", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gaussians: Gaussians | None = None
        self._traced: Gaussians | None = None
        self._on_screen: Gaussians | None = None  # one of the two
        self._splats: np.ndarray | None = None
        self._hovered: np.ndarray | None = None
        self._live: Live | None = None
        self._pull: Pull3D | None = None
        self._input: Camera | None = None
        self._view: navigate.View | None = None
        self._background = "white"
        self.steering = Steering(self)
        self._up = navigate.UP  # of a splat file
        self._beside: Beside | None = None
        self._names = ("", "")  # of the other state, of the shown one
        self._split = 0.5  # of the width
        self._splitting = False  # the line is being moved
        self.setMinimumSize(160, 120)
        self.screen_error: PartRMError | None = None
        screen, self.screen_error = open_screen(renderer, self.drawn.emit, self._fall_back_later)
        self.screen_: Screen = screen
        self.watchers: list[QObject] = []  # event filters that see the mouse before the view does
        self._grounded = False
        self._upright = True
        self._boxed: tuple[Gaussians, np.ndarray] | None = None  # whose corners the next are, with which way up
        self._box = (np.zeros(3), np.zeros(3))
        self.overlay = Overlay(self, self._arrow, ground=self._ground)
        self._adopt_screen()

    # ---- what is shown

    def set_gaussians(self, gaussians: Gaussians | None, camera: Camera | None, keep_view: bool = False) -> None:
        """Show Gaussians; camera is the input camera, where there is one. Looks from there unless keep_view."""
        keep_view = keep_view and not self.at_home  # the input view stays the input view
        self._gaussians, self._input = gaussians, camera
        self._splats = self._hovered = self._pull = self._traced = self._live = None
        self._on_screen = gaussians
        self.screen_.set_gaussians(gaussians)
        if gaussians is None:
            self._view = None
            self.screen_.look(
                Camera.orbit(0, 0, 3, 40, max(1, self.width()), max(1, self.height())), BACKGROUNDS[self._background]
            )
        elif self._view is None or not keep_view:
            self._up = navigate.UP
            self._view = self._on_axis(navigate.home(gaussians, camera))
        self._look()

    def set_part(self, splats: np.ndarray | None) -> None:
        """Light up a part: splats (N,) bool."""
        self._splats = splats
        if splats is not None:
            self._hovered = None
        self._tint()

    def set_hovered(self, splats: np.ndarray | None) -> None:
        """Light up, instead of the part, what a press would take: (N,) bool; None: the part again."""
        if splats is not self._hovered:
            self._hovered = splats
            self._tint()

    def set_trace(self, traced: Gaussians | None) -> None:
        """Show these in the place of the Gaussians: the same ones tinted, then some more; None: themselves.

        Everything but the picture goes by the Gaussians themselves; so does a difference.
        """
        self._traced = traced
        self._put_on_screen()

    def set_pull(self, grab: np.ndarray | None, T: np.ndarray | None, target: np.ndarray | None = None) -> None:
        """Move the part by T (4, 4) and draw the arrow of its grabbed point (3,); None, None lets it snap back.

        target (3,): where the arrow ends; else where the part takes the point.
        """
        self._pull = Pull3D(grab, T, target) if grab is not None else None
        if T is not None:
            self.set_hovered(None)
        self._move_part()
        self._look()

    def set_live(
        self, gaussians: Gaussians | None, splats: np.ndarray | None = None, T: np.ndarray | None = None
    ) -> None:
        """Put a prediction that is not kept on screen, in the place of what is shown; None takes it away.

        splats (N,) bool: the part in it, where that is known; the prediction has moved it by T (4, 4) already.
        """
        if gaussians is None and self._live is None:
            return
        self._live = None if gaussians is None else Live(gaussians, splats, T)
        self._put_on_screen()
        self._look()

    def compare(self, beside: Beside | None, names: tuple[str, str] = ("", "")) -> None:
        """Show another state in the same picture; names: the other's, the shown one's. None: no longer.

        A line that stands between 0 and 1 can be moved, and stands where the user has left it.
        """
        halved = (self._beside is not None and self._beside.halved) != (beside is not None and beside.halved)
        if beside is not None and beside.how == "line" and 0 < beside.at < 1:
            beside = replace(beside, at=self._split)
        self._beside, self._names = beside, names
        self._put_on_screen()
        self._place_beside()
        if halved:
            self._look()

    def set_background(self, name: str) -> None:
        """Choose white or black."""
        self._background = name
        self._look()

    def set_ground(self, shown: bool) -> None:
        """Show a grid under the object, with the world's axes."""
        self._grounded = shown
        self.overlay.update()

    def set_upright(self, upright: bool) -> None:
        """Turn about the object's vertical, or about that of the photo, where there is one."""
        self._upright = upright
        if self._view is not None:
            self._view = self._on_axis(self._view)

    @property
    def view(self) -> navigate.View | None:
        """Return where the user looks from."""
        return self._view

    def set_view(self, view: navigate.View) -> None:
        """Look from somewhere."""
        self._view = view
        self._up = self._up if self._input is not None else view.up
        self._look()

    def go_home(self) -> None:
        """Look from the input camera again."""
        if self._gaussians is not None:
            self._view = self._on_axis(navigate.home(self._gaussians, self._input, self._up))
            self._look()

    def focus_part(self) -> None:
        """Turn around the selected part, or around everything."""
        if self._gaussians is None or self._view is None:
            return
        chosen = self._gaussians if self._splats is None else self._gaussians.select(self._splats)
        if len(chosen):
            self._view = navigate.focus(self._view, np.median(chosen.positions, axis=0))
            self._look()

    @property
    def gaussians(self) -> Gaussians | None:
        """Return the Gaussians of the shown state."""
        return self._gaussians

    @property
    def part(self) -> np.ndarray | None:
        """Return which Gaussians are lit up, (N,) bool."""
        return self._splats

    @property
    def hovered(self) -> np.ndarray | None:
        """Return which Gaussians a press would take, (N,) bool, where that is shown."""
        return self._hovered

    @property
    def motion(self) -> np.ndarray | None:
        """Return how the part is moved by the preview, (4, 4)."""
        return self._pull.T if self._pull is not None else None

    @property
    def at_home(self) -> bool:
        """Tell whether the view is the input view."""
        view = self._view
        return view is not None and self._input is not None and view.seen is self._input

    def camera(self) -> Camera | None:
        """Return the camera on screen, at the widget's size in device pixels; of halves, that of the shown state's."""
        if self._view is None:
            return None
        ratio = self.devicePixelRatioF()
        width, height = max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))
        return self._cameras(width, height)[-1][0]

    @property
    def px_of_view(self) -> float:
        """Return how many pixels of the view's own camera a widget pixel is."""
        camera = self.camera()
        assert self._view is not None and camera is not None
        return self.devicePixelRatioF() * self._view.seen.fx / camera.fx

    def from_middle(self, position: QPointF) -> tuple[float, float]:
        """Return how far a widget's point is from the middle of the view's lens, px of the view's own camera."""
        camera = self.camera()
        assert self._view is not None and camera is not None
        at, own, scale = position * self.devicePixelRatioF(), self._view.camera, self._view.seen.fx / camera.fx
        x, y = (at.x() - camera.cx) * scale + self._view.seen.cx, (at.y() - camera.cy) * scale + self._view.seen.cy
        return x - own.cx, y - own.cy

    def ground(self, camera: Camera) -> tuple[Camera, np.ndarray, np.ndarray] | None:
        """Return camera and box, lower and upper corner (3,), turned so that up is y; None where no ground is shown."""
        if not self._grounded or self._gaussians is None:
            return None
        up = navigate.UP if self._input is not None else self._up
        turn = np.eye(4)
        turn[:3, :3] = navigate.standing(up).T
        if self._boxed is None or self._boxed[0] is not self._gaussians or self._boxed[1] is not up:
            whole = self._gaussians
            self._boxed = whole, up
            self._box = replace(whole, positions=whole.positions @ turn[:3, :3].T.astype(np.float32)).box(0.1)
        return replace(camera, T_world_camera=turn @ camera.T_world_camera), *self._box

    def picture(self) -> QImage:
        """Return what the 3D view shows, without arrow, badge and names; ground, line and scale are in it."""
        image = self.screen_.picture()
        if self._gaussians is None or (self._beside is None and not self._grounded):
            return image
        from renderer.overlay import draw_ground, draw_split  # late: OpenCV takes its time

        image = image.convertToFormat(QImage.Format.Format_RGB888)
        width, height = image.width(), image.height()
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())
        pixels = rows[:, : 3 * width].reshape(height, width, 3).copy()
        for camera, (x0, x1) in self._cameras(width, height):
            if (ground := self.ground(camera.cropped(x0, 0, x1 - x0, height))) is not None:
                pixels[:, x0:x1] = draw_ground(pixels[:, x0:x1], *ground)
        if self._beside is not None and self._beside.how != "difference" and 0 < self._beside.at < 1:
            pixels = draw_split(pixels, self._beside.at)
        image = image_of(pixels)
        if self._beside is not None and self._beside.how == "difference":
            painter = QPainter(image)
            painter.scale(self.devicePixelRatioF(), self.devicePixelRatioF())
            paint_scale(painter, self.width(), self.height())
            painter.end()
        return image

    def watch(self, watcher: QObject) -> None:
        """Let an event filter see the mouse before the view does; what it takes, the view does not."""
        self.watchers.append(watcher)
        self.screen_.widget.installEventFilter(watcher)

    def shows_present(self, position: QPointF) -> bool:
        """Tell whether the shown state is at a place of the widget, and not what it is compared with, or the line."""
        return not self._on_split(position) and not self._on_other(position)

    def close_screen(self) -> None:
        """Let go of threads and graphics memory."""
        self.screen_.close()

    # ---- screen

    def _adopt_screen(self) -> None:
        widget = self.screen_.widget
        widget.setParent(self)
        widget.setMouseTracking(True)
        widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        widget.setAcceptDrops(False)
        for watcher in (self, *self.watchers):  # the last one is asked first
            widget.installEventFilter(watcher)
        widget.setGeometry(self.rect())
        widget.show()
        self.overlay.raise_()
        self._look()

    def _fall_back_later(self, error: PartRMError) -> None:
        # Called inside a paint: the widget that paints must live on until it is done.
        from PySide6.QtCore import QTimer

        QTimer.singleShot(0, self, lambda: self._fall_back(error))

    def _fall_back(self, error: PartRMError) -> None:
        if self.screen_.name == "OpenGL":
            old = self.screen_
            self.screen_, _ = open_screen("cpu", self.drawn.emit, self._fall_back_later)
            for watcher in (self, *self.watchers):
                old.widget.removeEventFilter(watcher)
            old.widget.hide()
            old.close()
            self.screen_.set_gaussians(self._on_screen)
            self._light_part()
            self._place_beside()
            self._adopt_screen()
        self.screen_error = error
        self.screen_changed.emit(error)

    def _put_on_screen(self) -> None:
        plain = self._traced is None or (self._beside is not None and self._beside.how == "difference")
        wanted = self._live.gaussians if self._live is not None else self._gaussians if plain else self._traced
        if wanted is not self._on_screen:
            self._on_screen = wanted
            self.screen_.set_gaussians(wanted)
            self._light_part()

    def _light_part(self) -> None:
        splats, shown = self._splats if self._hovered is None else self._hovered, self._on_screen
        if self._live is not None:
            splats = self._live.splats
        if splats is not None and shown is not None and len(splats) < len(shown):
            splats = np.pad(splats, (0, len(shown) - len(splats)))
        self.screen_.set_part(splats)
        self._move_part()

    def _on_axis(self, view: navigate.View) -> navigate.View:
        if self._input is None:
            return replace(view, up=self._up)
        return replace(view, up=navigate.UP if self._upright else self._input.T_world_camera[:3, 1])

    def _move_part(self) -> None:
        """Move the part to where the pull has it; between two live predictions, on from where the last has it."""
        T, live = self.motion, self._live
        if live is not None and T is not None:
            T = T @ np.linalg.inv(live.T) if live.T is not None and live.splats is not None else None
        self.screen_.set_motion(T)

    def _tint(self) -> None:
        if self._live is None:
            self._light_part()
            self._look()

    def _look(self) -> None:
        camera = self.camera()
        if camera is not None:
            self.screen_.look(camera, BACKGROUNDS[self._background])
        self.overlay.update()
        self.looked.emit()

    def _cameras(self, width: int, height: int) -> list[tuple[Camera, tuple[int, int]]]:
        """Return each camera of a picture of some size, and from where to where it is seen; the shown state's last."""
        assert self._view is not None
        if self._beside is None or not self._beside.halved:
            return [(self._view.seen.fitted(width, height), (0, width))]
        x = width // 2
        half = self._view.seen.fitted(max(width - x, 1), height)
        cameras = (half.cropped(0, 0, width, height), half.cropped(-x, 0, width, height))
        return [(cameras[0], (0, x)), (cameras[1], (x, width))]

    def _place_beside(self) -> None:
        self.screen_.compare(self._beside)
        beside = self._beside
        self.overlay.set_compared(None if beside is None else Compared(*self._names, beside.how, beside.at))

    def _on_split(self, position: QPointF) -> bool:
        beside = self._beside
        if beside is None or beside.how != "line" or not 0 < beside.at < 1:
            return False
        return abs(position.x() - beside.at * self.width()) < LINE_PX

    def _on_other(self, position: QPointF) -> bool:
        """Tell whether the other state is seen at a point."""
        beside = self._beside
        return beside is not None and beside.how != "difference" and position.x() < beside.at * self.width()

    def _arrow(self) -> Segment | None:
        camera = self.camera()
        if self._pull is None or camera is None:
            return None
        T = np.eye(4) if self._pull.T is None else self._pull.T
        moved = T[:3, :3] @ self._pull.grab + T[:3, 3]
        end = moved if self._pull.target is None else self._pull.target
        pixels, depth = camera.project(np.stack([self._pull.grab, end]))
        if (depth <= 0).any():
            return None
        a, b = pixels / self.devicePixelRatioF()
        return (float(a[0]), float(a[1])), (float(b[0]), float(b[1]))

    def _ground(self) -> list[Lines]:
        if not self._grounded or self._view is None or self._gaussians is None:
            return []
        from renderer.overlay import between, ground  # late: OpenCV takes its time

        lines = []
        for camera, (x0, x1) in self._cameras(max(1, self.width()), max(1, self.height())):
            if (under := self.ground(camera)) is not None:
                lines += [replace(line, segments=between(line.segments, x0, x1)) for line in ground(*under)]
        return lines

    # ---- mouse

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the screen's mouse before its widget sees it."""
        handle: dict[QEvent.Type, Callable[..., None]] = {
            QEvent.Type.MouseButtonPress: self._press,
            QEvent.Type.MouseMove: self._move,
            QEvent.Type.MouseButtonRelease: self._release,
            QEvent.Type.MouseButtonDblClick: self._double_click,
            QEvent.Type.Wheel: self._wheel,
        }
        if watched is self.screen_.widget and event.type() in handle:
            handle[event.type()](event)
            return True
        return super().eventFilter(watched, event)

    def _press(self, event: QMouseEvent) -> None:
        self.setFocus()
        keys = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier  # those that hold the view
        left = event.button() == Qt.MouseButton.LeftButton and not event.modifiers() & keys
        if left and self._on_split(event.position()):
            self._splitting = True
        else:
            self.steering.press(event)

    def _move(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._splitting and self._beside is not None:
            self._split = min(max(at.x() / max(self.width(), 1), 0.02), 0.98)  # it can always be taken hold of again
            self.compare(self._beside, self._names)
        elif not self.steering.move(event):
            shape = Qt.CursorShape.SplitHCursor if self._on_split(at) else Qt.CursorShape.ArrowCursor
            self.screen_.widget.setCursor(shape)

    def _release(self, event: QMouseEvent) -> None:
        self.steering.release(event)
        self._splitting = False

    def _double_click(self, event: QMouseEvent) -> None:
        camera = self.camera()
        if self._gaussians is None or self._view is None or camera is None or self._on_split(event.position()):
            return
        at = event.position() * self.devicePixelRatioF()
        there = self._gaussians
        if self._beside is not None and self._on_other(event.position()):
            there = self._beside.gaussians
            camera = self._cameras(camera.width, camera.height)[0][0]
        picked = pick(there, camera, (at.x(), at.y()))
        if picked is not None:
            self._view = navigate.focus(self._view, picked.point)
            self._look()

    def _wheel(self, event: QWheelEvent) -> None:
        self.steering.wheel(event)

    # ---- keys, while flying

    def event(self, event: QEvent) -> bool:
        """Keep the keys of flying from being shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self.steering.wants(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.steering.key(event, True):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if not self.steering.key(event, False):
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.steering.fly(False)
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.screen_.widget.setGeometry(self.rect())
        self.overlay.setGeometry(self.rect())
        self._look()
