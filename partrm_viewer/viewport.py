"""Viewport: the live 3D view; its own camera, turned with the mouse, over whichever screen this computer can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from model.camera import Camera
from model.errors import PartRMError
from model.gaussians import Gaussians
from partrm_viewer.panels.overlay import Overlay, Segment
from partrm_viewer.screen import Colour, Screen, image_of
from partrm_viewer.screens import open_screen
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


class Viewport(QWidget):
    """Shows Gaussians, the selected part, and how a pull moves it."""

    drawn = Signal()  # a frame is on screen
    screen_changed = Signal(object)  # the PartRMError that made us change it

    def __init__(self, renderer: str = "auto", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gaussians: Gaussians | None = None
        self._splats: np.ndarray | None = None
        self._hovered: np.ndarray | None = None
        self._live = False  # what is on screen is a prediction that nobody keeps
        self._live_T: np.ndarray | None = None  # (4, 4) how it has moved the part
        self._pull: Pull3D | None = None
        self._input: Camera | None = None
        self._view: navigate.View | None = None
        self._background = "white"
        self._drag_from: QPointF | None = None
        self._before: Gaussians | None = None
        self._split = 0.5  # of the width
        self._splitting = False  # the line is being moved
        self.setMinimumSize(160, 160)
        self.screen_error: PartRMError | None = None
        screen, self.screen_error = open_screen(renderer, self.drawn.emit, self._fall_back_later)
        self.screen_: Screen = screen
        self.watchers: list[QObject] = []  # event filters that see the mouse before the view does
        self._grounded = False
        self._upright = True
        self._boxed: Gaussians | None = None  # whose corners the next are
        self._box = (np.zeros(3), np.zeros(3))
        self.overlay = Overlay(self, self._arrow, ground=self._ground)
        self._adopt_screen()

    # ---- what is shown

    def set_gaussians(self, gaussians: Gaussians | None, camera: Camera | None, keep_view: bool = False) -> None:
        """Show Gaussians; camera is the input camera, where there is one. Looks from there unless keep_view."""
        keep_view = keep_view and not self.at_home  # the input view stays the input view
        self._gaussians, self._input = gaussians, camera
        self._splats = self._hovered = self._pull = None
        self._live = False
        self.screen_.set_gaussians(gaussians)
        if gaussians is None:
            self._view = None
            self.screen_.look(
                Camera.orbit(0, 0, 3, 40, max(1, self.width()), max(1, self.height())), BACKGROUNDS[self._background]
            )
        elif self._view is None or not keep_view:
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
        if gaussians is None and not self._live:
            return
        self._live, self._live_T = gaussians is not None, T if splats is not None else None
        self.screen_.set_gaussians(self._gaussians if gaussians is None else gaussians)
        self.screen_.set_part(self._splats if gaussians is None else splats)
        self._move_part()
        self._look()

    def compare(self, before: Gaussians | None) -> None:
        """Show the state before on the left of a line that can be moved; None: take the line away."""
        self._before = before
        self._place_split()

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
        """Look from where a project was looked at."""
        self._view = view
        self._look()

    def go_home(self) -> None:
        """Look from the input camera again."""
        if self._gaussians is not None:
            self._view = self._on_axis(navigate.home(self._gaussians, self._input))
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
        return self._view is not None and self._input is not None and self._view.camera is self._input

    def camera(self) -> Camera | None:
        """Return the camera on screen, at the widget's size in device pixels."""
        if self._view is None:
            return None
        ratio = self.devicePixelRatioF()
        width, height = max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))
        return self._view.camera.fitted(width, height)

    def picture(self) -> QImage:
        """Return what the 3D view shows, without arrow and badge; ground and split line are in it."""
        image = self.screen_.picture()
        camera = self.camera()
        if camera is None or self._gaussians is None or (self._before is None and not self._grounded):
            return image
        from renderer.overlay import draw_ground, draw_split  # late: OpenCV takes its time

        image = image.convertToFormat(QImage.Format.Format_RGB888)
        width, height = image.width(), image.height()
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())
        pixels = rows[:, : 3 * width].reshape(height, width, 3)
        if self._grounded:
            pixels = draw_ground(pixels, camera.fitted(width, height), *self._corners(self._gaussians))
        if self._before is not None:
            pixels = draw_split(pixels, self._split)
        return image_of(pixels)

    def watch(self, watcher: QObject) -> None:
        """Let an event filter see the mouse before the view does; what it takes, the view does not."""
        self.watchers.append(watcher)
        self.screen_.widget.installEventFilter(watcher)

    def shows_present(self, position: QPointF) -> bool:
        """Tell whether the shown state is at a place of the widget, and not what it is compared with, or the line."""
        return not self._on_split(position) and not self._left_of_split(position)

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
            self.screen_.set_gaussians(self._gaussians)
            self.screen_.set_part(self._splats)
            self.screen_.set_motion(self.motion)
            self._place_split()
            self._adopt_screen()
        self.screen_error = error
        self.screen_changed.emit(error)

    def _on_axis(self, view: navigate.View) -> navigate.View:
        as_photo = self._input if not self._upright else None
        return replace(view, up=navigate.UP if as_photo is None else as_photo.T_world_camera[:3, 1])

    def _move_part(self) -> None:
        """Move the part to where the pull has it; between two live predictions, on from where the last has it."""
        T = self.motion
        if self._live and T is not None:
            T = T @ np.linalg.inv(self._live_T) if self._live_T is not None else None
        self.screen_.set_motion(T)

    def _tint(self) -> None:
        if self._live:
            return
        self.screen_.set_part(self._splats if self._hovered is None else self._hovered)
        self._look()

    def _look(self) -> None:
        camera = self.camera()
        if camera is not None:
            self.screen_.look(camera, BACKGROUNDS[self._background])
        self.overlay.update()

    def _place_split(self) -> None:
        self.screen_.compare(self._before, self._split)
        self._place_line()

    def _place_line(self) -> None:
        self.overlay.set_split(None if self._before is None else self._split * self.width())

    def _on_split(self, position: QPointF) -> bool:
        return self._before is not None and abs(position.x() - self._split * self.width()) < LINE_PX

    def _left_of_split(self, position: QPointF) -> bool:
        return self._before is not None and position.x() < self._split * self.width()

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
        camera = self.camera()
        if not self._grounded or camera is None or self._gaussians is None:
            return []
        from renderer.overlay import ground  # late: OpenCV takes its time

        return ground(camera.fitted(max(1, self.width()), max(1, self.height())), *self._corners(self._gaussians))

    def _corners(self, gaussians: Gaussians) -> tuple[np.ndarray, np.ndarray]:
        if self._boxed is not gaussians:
            self._boxed, self._box = gaussians, gaussians.box(0.1)
        return self._box

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
        left = event.button() == Qt.MouseButton.LeftButton and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if left and self._on_split(event.position()):
            self._splitting = True
        else:
            self._drag_from = event.position()

    def _move(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._splitting:
            self._split = min(max(at.x() / max(self.width(), 1), 0.02), 0.98)  # it can always be taken hold of again
            self._place_split()
        elif self._drag_from is not None and event.buttons() and self._view is not None:
            step = (at - self._drag_from) * self.devicePixelRatioF()
            self._drag_from = at
            sideways = event.buttons() & Qt.MouseButton.MiddleButton
            if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                camera = self.camera()
                assert camera is not None
                moved = navigate.pan(self._view, *(np.array([step.x(), step.y()]) * self._view.camera.fx / camera.fx))
                self._view = moved
            else:
                self._view = navigate.orbit(self._view, step.x(), step.y())
            self._look()
        else:
            shape = Qt.CursorShape.SplitHCursor if self._on_split(at) else Qt.CursorShape.ArrowCursor
            self.screen_.widget.setCursor(shape)

    def _release(self, event: QMouseEvent) -> None:
        self._drag_from = None
        self._splitting = False

    def _double_click(self, event: QMouseEvent) -> None:
        camera = self.camera()
        if self._gaussians is None or self._view is None or camera is None or self._on_split(event.position()):
            return
        at = event.position() * self.devicePixelRatioF()
        there = self._before if self._left_of_split(event.position()) else self._gaussians
        picked = pick(there, camera, (at.x(), at.y())) if there is not None else None
        if picked is not None:
            self._view = navigate.focus(self._view, picked.point)
            self._look()

    def _wheel(self, event: QWheelEvent) -> None:
        if self._view is not None:
            self._view = navigate.zoom(self._view, event.angleDelta().y() / 120)
            self._look()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.screen_.widget.setGeometry(self.rect())
        self.overlay.setGeometry(self.rect())
        self._place_line()
        self._look()
