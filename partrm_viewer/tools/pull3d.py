"""Pull in 3D: a press on a part pulls it from whichever side it is seen; a press on anything else is the camera's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QMouseEvent

from model.stages.atlas import DEEP, Atlas
from model.stages.state import State
from partrm_viewer.document import Document
from partrm_viewer.tools.base import Point
from partrm_viewer.tools.pull import Grip, PullTool
from partrm_viewer.viewport import Viewport
from renderer.pick import pick

CLICK_PX = 4.0  # how far the pointer may stray in a click, screen pixels


@dataclass(frozen=True, eq=False)
class Spot:
    """What lies under the pointer in the 3D view."""

    grip: Grip
    state: State
    part: int = -1  # of the atlas; -1: nothing that moves
    selected: bool = False  # it belongs to the selected part
    start_px: Point | None = None  # image pixels, where the input view sees that place, or else that part

    @property
    def pullable(self) -> bool:
        """Tell whether a press there pulls."""
        return self.start_px is not None and (self.selected or self.part >= 0)


class Host(Protocol):
    """What it needs to know."""

    @property
    def document(self) -> Document: ...

    def atlas(self, state: State) -> Atlas | None:
        """Return the parts of a state, where they are known by now."""
        ...

    def in_hand(self) -> bool:
        """Tell whether a press would pull."""
        ...

    def over_splats(self, spot: Spot | None, at: QPointF | None) -> None:
        """The pointer, at a place of the view, is over this; None: nowhere."""
        ...


class Pull3D(QObject):
    """Sees the 3D view's mouse before the view does, and takes what belongs to a pull.

    Shift and Alt leave every press to the camera, as do the other buttons.
    """

    def __init__(self, viewport: Viewport, tool: PullTool, host: Host) -> None:
        super().__init__(viewport)
        self._viewport, self._tool, self._host = viewport, tool, host
        self._pressed: QPointF | None = None  # while the left button is down
        self._spot: Spot | None = None  # what it went down on
        self._pulls = False  # the press is ours
        self._far = False
        viewport.watch(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take presses on parts, and what follows them."""
        handle: dict[QEvent.Type, Callable[[QMouseEvent], bool]] = {
            QEvent.Type.MouseButtonPress: self._press,
            QEvent.Type.MouseMove: self._move,
            QEvent.Type.MouseButtonRelease: self._release,
        }
        if isinstance(event, QMouseEvent) and event.type() in handle:
            return handle[event.type()](event)
        if event.type() == QEvent.Type.Leave:
            self._host.over_splats(None, None)
        return False

    def spot(self, position: QPointF) -> Spot | None:
        """Return what is under a place of the widget; None off the object, or where nothing can be pulled."""
        view, shown = self._viewport, self._host.document.shown
        camera, gaussians = view.camera(), view.gaussians
        if camera is None or gaussians is None or shown is None or shown.state is None:
            return None
        if not self._host.in_hand() or not view.shows_present(position):
            return None
        at = position * view.devicePixelRatioF()
        found = pick(gaussians, camera, (at.x(), at.y()))
        return None if found is None else self._spot_at(found.splat, Grip(found.point, camera), shown.state)

    def _spot_at(self, splat: int, grip: Grip, state: State) -> Spot:
        part, atlas = self._host.document.part, self._host.atlas(state)
        selected = part is not None and bool(part.splats[splat])
        if atlas is None:  # not looked at yet: the input view itself says what it sees
            pixel, depth = state.camera.project(grip.point)
            at_px = (float(pixel[0]), float(pixel[1]))
            there = pick(state.gaussians, state.camera, at_px)
            hidden = there is None or there.depth < depth - DEEP
            return Spot(grip, state, -1, selected, None if hidden else at_px)
        number, place = int(atlas.splats[splat]), grip.point
        if not atlas.sees(grip.point):
            of_part = atlas.splats == number if number >= 0 else np.zeros(len(atlas.splats), bool)
            nearest = atlas.nearest_seen(part.splats if part is not None and selected else of_part, grip.point, state)
            if nearest is None:
                return Spot(grip, state)
            place = nearest
        x, y = state.camera.project(place)[0].tolist()
        return Spot(grip, state, number, selected, (x, y))

    def _press(self, event: QMouseEvent) -> bool:
        plain = not event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier)
        self._pressed = self._spot = None
        self._pulls = self._far = False
        if event.button() != Qt.MouseButton.LeftButton or not plain:
            return False
        self._pressed, self._spot = event.position(), self.spot(event.position())
        if self._spot is None or not self._spot.pullable or self._spot.start_px is None:
            return False
        self._pulls = True
        self._viewport.setFocus()
        self._tool.take(self._spot.start_px, self._spot.grip)
        return True

    def _move(self, event: QMouseEvent) -> bool:
        at = event.position()
        if self._pressed is not None:
            step = at - self._pressed
            self._far = self._far or math.hypot(step.x(), step.y()) > CLICK_PX
            if self._pulls:
                self._tool.move(self._pixel(at), self._far)
            return self._pulls
        if event.buttons():
            return False
        spot = self.spot(at)
        self._host.over_splats(spot, at)
        if spot is None or not spot.pullable:
            return False
        self._viewport.screen_.widget.setCursor(Qt.CursorShape.PointingHandCursor)
        return True

    def _release(self, event: QMouseEvent) -> bool:
        pressed, spot = self._pressed, self._spot
        if event.button() != Qt.MouseButton.LeftButton or pressed is None:
            return False
        self._pressed = self._spot = None
        if self._pulls:
            self._tool.release(self._pixel(event.position()))
        elif not self._far and spot is not None and spot.start_px is not None:  # a short press takes what is there
            self._tool.press(spot.start_px)
            self._tool.release(spot.start_px)
        return self._pulls

    def _pixel(self, position: QPointF) -> Point:
        at = position * self._viewport.devicePixelRatioF()
        return (at.x(), at.y())
