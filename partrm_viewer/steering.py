"""Steering: the mouse and the keys that move the camera of the 3D view; flying; smooth moves to another view."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from partrm_viewer.tools import grips, navigate
from partrm_viewer.tools.grips import Button, Does, Key
from partrm_viewer.tools.navigate import View

if TYPE_CHECKING:
    from partrm_viewer.viewport import Viewport

GLIDE_S = 0.2
FRAME_MS = 15
NOTCH_PX = 25.0  # of pulling the mouse, as much as a notch of the wheel
PER_S = 0.5  # how fast one flies at first: of the distance to the target, each second
FASTER = 1.25  # for a notch of the wheel
HURRY = 3.0  # with Shift
BUTTONS: dict[Qt.MouseButton, Button] = {
    Qt.MouseButton.LeftButton: "left",
    Qt.MouseButton.MiddleButton: "middle",
    Qt.MouseButton.RightButton: "right",
}
KEYS: dict[Qt.KeyboardModifier, Key] = {
    Qt.KeyboardModifier.ShiftModifier: "Shift",
    Qt.KeyboardModifier.ControlModifier: "Ctrl",
    Qt.KeyboardModifier.AltModifier: "Alt",
}
WAYS = {  # key -> right, up, ahead
    Qt.Key.Key_W: (0, 0, 1),
    Qt.Key.Key_S: (0, 0, -1),
    Qt.Key.Key_A: (-1, 0, 0),
    Qt.Key.Key_D: (1, 0, 0),
    Qt.Key.Key_E: (0, 1, 0),
    Qt.Key.Key_Q: (0, -1, 0),
}


class Steering(QObject):
    """Hears what the viewport does not need for pulls; moves its view. GUI thread only."""

    flying_changed = Signal(bool)

    def __init__(self, viewport: Viewport) -> None:
        super().__init__(viewport)
        self.preset = "ours"
        self._viewport = viewport
        self._at: QPointF | None = None  # of the pointer, while a button is held
        self._button = Qt.MouseButton.NoButton
        self._does: Does | None = None
        self._fixed = False  # flying goes on without a button
        self._speed = PER_S
        self._unit = 1.0  # world units: what the speed is measured in
        self._held: set[int] = set()  # of WAYS
        self._hurry = False
        self._moved_at = 0.0
        self._goal: tuple[View, View, float] | None = None  # from, to, since
        self._last: View | None = None  # of the way there; another one means that somebody else has taken over
        self._tick = QTimer(self)
        self._tick.setInterval(FRAME_MS)
        self._tick.timeout.connect(self._go_on)

    @property
    def flying(self) -> bool:
        """Tell whether keys move the camera now."""
        return self._fixed or self._does == "fly"

    @property
    def gliding(self) -> bool:
        """Tell whether the view is on its way to another one."""
        return self._goal is not None

    def fly(self, on: bool) -> None:
        """Let keys move the camera, or no longer."""
        before = self.flying
        self._fixed = on
        if not on:
            self._held.clear()
            self._does = None if self._does == "fly" else self._does
        self._tell(before)
        if on:
            self._viewport.setFocus()

    def glide(self, to: View) -> None:
        """Go to a view in a short while, unless the user does something else meanwhile."""
        view = self._viewport.view
        if view is None:
            return
        self._goal, self._last = (view, to, time.perf_counter()), view
        self._tick.start()

    def stop(self) -> None:
        """Let go of everything that is held, where the view is."""
        self.fly(False)
        self._goal = self._does = self._at = None
        self._tick.stop()

    # ---- mouse

    def does(self, event: QMouseEvent) -> Does | None:
        """Return what a press means to the chosen preset."""
        button = BUTTONS.get(event.button())
        keys = frozenset(name for key, name in KEYS.items() if event.modifiers() & key)
        return grips.find(self.preset, button, keys) if button is not None else None

    def press(self, event: QMouseEvent) -> None:
        """Take hold of the view."""
        before = self.flying
        self._goal = None
        self._at, self._button = event.position(), event.button()
        self._does = "fly" if self._fixed else self.does(event)
        self._tell(before)

    def move(self, event: QMouseEvent) -> bool:
        """Move the view with the pointer; returns whether it is held."""
        view = self._viewport.view
        if self._at is None or view is None or not event.buttons():
            return False
        step, self._at = event.position() - self._at, event.position()
        scale = self._viewport.px_of_view
        if self._does == "orbit":
            view = navigate.orbit(view, step.x(), step.y())
        elif self._does == "fly":
            view = navigate.look(view, step.x(), step.y())
        elif self._does == "pan":
            view = navigate.pan(view, step.x() * scale, step.y() * scale)
        elif self._does == "zoom":
            view = navigate.zoom(view, -step.y() / NOTCH_PX)
        else:
            return True
        self._viewport.set_view(view)
        return True

    def release(self, event: QMouseEvent) -> None:
        """Let go of the view."""
        if event.button() != self._button:
            return
        before = self.flying
        self._at = self._does = None
        if not self.flying:
            self._held.clear()
        self._tell(before)

    def wheel(self, event: QWheelEvent) -> None:
        """Zoom towards the pointer; fly faster or slower."""
        view, notches = self._viewport.view, event.angleDelta().y() / 120
        if view is None:
            return
        if self.flying:
            self._speed = min(max(self._speed * FASTER**notches, PER_S / 100), PER_S * 100)
            return
        dx, dy = self._viewport.from_middle(event.position())
        self._viewport.set_view(navigate.zoom_at(view, notches, dx, dy))

    # ---- keys, while flying

    def wants(self, event: QKeyEvent) -> bool:
        """Tell whether a key is for flying, and for no shortcut."""
        plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        return self.flying and plain and (event.key() in WAYS or event.key() == Qt.Key.Key_Escape)

    def key(self, event: QKeyEvent, down: bool) -> bool:
        """Begin or end to move with a key; returns whether it is one of ours."""
        if event.key() in self._held and not down and not event.isAutoRepeat():
            self._held.discard(event.key())
            return True
        if not self.wants(event):
            return False
        if event.key() == Qt.Key.Key_Escape:
            self.fly(False)
        elif down and not event.isAutoRepeat():
            if not self._held:
                self._moved_at = time.perf_counter()
            self._goal = None
            self._held.add(event.key())
            self._hurry = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._tick.start()
        return True

    def _go_on(self) -> None:
        now, view = time.perf_counter(), self._viewport.view
        if view is None:
            self.stop()
        elif self._goal is not None and view is self._last:
            start, to, since = self._goal
            t = min((now - since) / GLIDE_S, 1.0)
            self._last = navigate.between(start, to, t * t * (3 - 2 * t))
            self._goal = self._goal if t < 1 else None
            self._viewport.set_view(self._last)
        elif self._held:
            self._goal = None
            step = min(now - self._moved_at, 0.1) * self._speed * self._unit * (HURRY if self._hurry else 1.0)
            self._moved_at = now
            right, up, ahead = (step * sum(WAYS[Qt.Key(key)][k] for key in self._held) for k in range(3))
            self._viewport.set_view(navigate.fly(view, right, up, ahead))
        else:
            self._goal = None
            self._tick.stop()

    def _tell(self, before: bool) -> None:
        if self.flying != before:
            view = self._viewport.view
            if self.flying and view is not None:
                self._unit = view.distance
            self.flying_changed.emit(self.flying)
