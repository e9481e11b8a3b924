"""Pull: press on a part (it lights up), pull it (the rigid preview follows), let go (the next state is predicted).

A click with Ctrl adds what is under it to the part, one with Alt (or Shift, or the right button) takes it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.camera import Camera
from model.drag import Drag, Sight, seen_drag
from model.stages.state import Motion, Part, State
from partrm_viewer.document import Snapshot
from partrm_viewer.tools.base import Hand, Point


@dataclass(frozen=True, eq=False)
class Grip:
    """A point of the surface that is held in the 3D view."""

    point: np.ndarray  # (3,) world
    camera: Camera  # who looks, for as long as it is held

    def target(self, at_px: Point) -> np.ndarray:
        """Return where the pointer is on the plane through the point that faces the camera, (3,) world."""
        return self.camera.unproject(np.array(at_px), self.camera.project(self.point)[1])


@dataclass(eq=False)
class Gesture:
    """One press and what became of it; part is set by the worker as soon as it is known."""

    source: Snapshot
    state: State
    start_px: Point  # image pixels, where the input view sees the part
    grip: Grip | None = None  # where it was pressed in the 3D view
    drag: Drag | None = None  # None until the pointer has left the click's few pixels
    part: Part | None = None
    released: bool = False
    refused: bool = False  # there is no part under the press
    motion: Motion | None = None  # what the preview shows
    live_s: float | None = None  # how long the last prediction took that came while it was pulled

    @property
    def pulling(self) -> bool:
        """Tell whether this is a pull, not a click."""
        return self.drag is not None

    def drag_to(self, at_px: Point) -> Drag:
        """Return the drag to where the pointer is: in the image, or in the 3D view where it was pressed there."""
        if self.grip is None:
            return Drag(self.start_px, at_px)
        (a, b, c), (x, y, z) = self.grip.point.tolist(), self.grip.target(at_px).tolist()
        return seen_drag(self.state.camera, Sight((a, b, c), (x, y, z), self.grip.camera), self.start_px)

    def along(self, drag: Drag, motion: Motion | None) -> Drag:
        """Return a drag as the input view sees it where the part's motion is known: it tells how deep a pull goes."""
        if drag.sight is None or motion is None:
            return drag
        seen, moved = drag.sight.camera, motion.T[:3, :3] @ np.array(drag.sight.grab) + motion.T[:3, 3]
        depth = float(seen.project(moved)[1])
        if depth < 1e-2:  # behind who looks
            return drag
        reached = seen.unproject(seen.project(np.array(drag.sight.target))[0], depth)
        return seen_drag(self.state.camera, drag.sight, self.start_px, reached)


class Host(Protocol):
    """What the tool needs from the window."""

    def shown_snapshot(self) -> Snapshot | None: ...

    def busy_predicting(self) -> bool: ...

    def say(self, text: str) -> None: ...

    def find_part(self, gesture: Gesture) -> None: ...

    def motion_of(self, gesture: Gesture) -> Motion | None: ...

    def pulled(self, gesture: Gesture) -> None: ...

    def show_pull(self, gesture: Gesture | None) -> None: ...

    def predict(self, gesture: Gesture, drag: Drag) -> None: ...

    def click_on_part(self, at_px: Point, adds: bool) -> None: ...


class PullTool:
    """Turn the left button into part, preview and prediction jobs."""

    name = "pull"
    hint = "Press on a part and pull it"

    def __init__(self, host: Host) -> None:
        self._host = host
        self.gesture: Gesture | None = None

    def press(self, at_px: Point, hand: Hand = Hand.PLAIN) -> None:
        """Ask for the part under the pointer, or for more or less of the one that is selected."""
        self.take(at_px, None, hand)

    def take(self, at_px: Point, grip: Grip | None, hand: Hand = Hand.PLAIN) -> None:
        """Begin a gesture at an image pixel; grip: what is held in the 3D view, where it was pressed there."""
        source = self._host.shown_snapshot()
        self.gesture = None
        if source is None or source.state is None:
            return
        if self._host.busy_predicting():
            self._host.say("The last pull is still being predicted; try again in a moment")
            return
        if hand is not Hand.PLAIN:
            self._host.click_on_part(at_px, hand is Hand.ADD)
            return
        self.gesture = Gesture(source, source.state, at_px, grip)
        self._host.find_part(self.gesture)

    def move(self, at_px: Point, far: bool) -> None:
        """Preview the pull; before the part is known only the arrow shows."""
        if self.gesture is None or self.gesture.released or not (far or self.gesture.pulling):
            return
        self.gesture.drag = self.gesture.drag_to(at_px)
        self._host.pulled(self.gesture)

    def release(self, at_px: Point) -> None:
        """Predict, if it was a pull; a click only selects."""
        gesture = self.gesture
        if gesture is None or gesture.released:
            return
        gesture.released = True
        if gesture.drag is None:
            return
        gesture.drag = gesture.drag_to(at_px)
        self.preview()
        self._host.predict(gesture, gesture.drag)

    def cancel(self) -> None:
        """Let the part snap back."""
        if self.gesture is not None:
            self.gesture = None
            self._host.show_pull(None)

    def preview(self) -> None:
        """Show the pull as it stands; also called when the part arrives late."""
        gesture = self.gesture
        if gesture is None or gesture.drag is None:
            return
        gesture.motion = self._host.motion_of(gesture) if gesture.part is not None else None
        gesture.drag = gesture.along(gesture.drag, gesture.motion)
        self._host.show_pull(gesture)
