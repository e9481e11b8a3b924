"""Pulling: everything of the window between a press on a part and its prediction. GUI thread only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF

from model.drag import Drag
from model.stages.atlas import Atlas
from model.stages.state import Motion, Prediction, State
from partrm_viewer.document import Document, Snapshot
from partrm_viewer.engine import Engine
from partrm_viewer.feature import Feature
from partrm_viewer.hovering import Hovering
from partrm_viewer.jobs import Jobs
from partrm_viewer.live import Live, part_in
from partrm_viewer.notes import notes_on
from partrm_viewer.outlining import lies_on
from partrm_viewer.screen import timer
from partrm_viewer.tools.base import Point
from partrm_viewer.tools.pull import Gesture, PullTool
from partrm_viewer.tools.pull3d import Pull3D, Spot
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

PREVIEW_MS = 45  # between two previews: about 20 a second
CLEAR = 0.9  # score of a part under which its border is often wrong


class Pulling(Feature):
    """Hands pulls from either view to the workbench, and shows what becomes of them."""

    def __init__(self, window: Window, jobs: Jobs, engine: Engine) -> None:
        self._window = window
        self.tool = PullTool(self)
        self.live_predictions = Live(jobs, engine, self._live_came, lambda error: window.say(error.title))
        self.hovering = Hovering(window)
        self._in_3d = Pull3D(window.parts.viewport, self.tool, self)
        self._preview_soon = timer(window, PREVIEW_MS, self._preview_late)
        self._late = False  # the pointer has gone on since the last preview

    def checked(self) -> dict[str, bool]:
        """Tell whether predictions follow a pull."""
        return {"live": self._window.settings.live}

    # ---- actions

    def live(self) -> None:
        """Predict while pulling, or only after letting go."""
        settings = self._window.settings
        self._window.settings = replace(settings, live=not settings.live)
        if settings.live:
            self._end_live()
        self._window.work_changed()
        on = tr("Live: predictions follow while you pull; letting go keeps the last one")
        self._window.say(tr("Predictions come when you let go") if settings.live else on)

    # ---- what the tool needs

    def shown_snapshot(self) -> Snapshot | None:
        """Return the state on screen."""
        return self.document.shown

    def busy_predicting(self) -> bool:
        """Tell whether the last pull is still being predicted."""
        return self._window.bench.predicting

    def say(self, text: str) -> None:
        """Show one line in the status bar."""
        self._window.say(text)

    def find_part(self, gesture: Gesture) -> None:
        """Begin a gesture: the old selection goes, unless the press lies on it."""
        outline = self._window.bench.outlining.mask()
        if outline is not None and not lies_on(outline, gesture.start_px):
            self._window.session.select(gesture.source.key, None)
        self.hovering.hush()
        self._window.parts.photo.set_drag(None)
        self._window.bench.find_part(gesture)

    def motion_of(self, gesture: Gesture) -> Motion | None:
        """Return the rigid preview of a pull."""
        return self._window.bench.motion_of(gesture)

    def pulled(self, gesture: Gesture) -> None:
        """Let the arrow follow at once, and the part about 20 times a second."""
        if self._preview_soon.isActive():
            self._late = True
            self.show_pull(gesture)
        else:
            self._preview()

    def show_pull(self, gesture: Gesture | None) -> None:
        """Show a pull in both pictures; None: the part snaps back."""
        window, viewport = self._window, self._window.parts.viewport
        if gesture is None or gesture.drag is None:
            self._end_live()
            window.parts.photo.set_drag(None)
            viewport.set_pull(None, None)
        else:
            sight, part, motion = gesture.drag.sight, gesture.part, gesture.motion
            grab = np.array(sight.grab) if sight is not None else part.grab if part is not None else None
            window.parts.photo.set_drag(gesture.drag)
            target = np.array(sight.target) if sight is not None else None
            viewport.set_pull(grab, motion.T if motion is not None else None, target)
        window.showing.badge(self.tool.gesture)

    def predict(self, gesture: Gesture, drag: Drag) -> None:
        """Predict where a pull leads."""
        self._late = False
        self.live_predictions.stop()
        self._window.bench.predict(gesture, drag)
        self._window.showing.badge(self.tool.gesture)

    def click_on_part(self, at_px: Point, adds: bool) -> None:
        """Add what is under a click to the selected part, or take it away."""
        window = self._window
        if self.document.part is None and not adds:
            window.say("Press on a part first; then take away what is too much of it")
        else:
            window.say("Outlining the part…")
            window.bench.outlining.click(at_px, adds, window.parts.photo.brush_px)

    # ---- what pulling in 3D needs

    @property
    def document(self) -> Document:
        """Return what is open."""
        return self._window.session.document

    @property
    def pressed(self) -> bool:
        """Tell whether a gesture goes on."""
        return self.tool.gesture is not None and not self.tool.gesture.released

    def atlas(self, state: State) -> Atlas | None:
        """Return the parts of a state, where they are known by now."""
        return self._window.bench.atlas(state)

    def in_hand(self) -> bool:
        """Tell whether a press would pull: the tool is chosen, and no earlier pull is being predicted."""
        return self._window.parts.photo.tool is self.tool and not self._window.bench.predicting

    def over_splats(self, spot: Spot | None, at: QPointF | None) -> None:
        """Show what a press in the 3D view would do."""
        self.hovering.over_splats(spot, at)

    # ---- what the workbench tells

    def part_found(self, gesture: Gesture) -> None:
        """Light the part up and, where the pointer has gone on, move it at once."""
        self._window.parts.messages.dismiss("part")
        unsure = gesture.part is not None and gesture.part.score < CLEAR
        self._window.say("Part found, its border is a guess · pull it" if unsure else "Part found · pull it")
        self.hovering.clear()
        if gesture is self.tool.gesture:
            self.tool.preview()

    def ended(self, gesture: Gesture) -> None:
        """Let the preview go; the predicted state, if there is one, is shown already."""
        self.hovering.clear()
        if gesture is self.tool.gesture:
            self.forget()
            self._window.parts.viewport.set_pull(None, None)
            self._window.showing.last_drag()
        self._window.showing.badge(self.tool.gesture)

    # ---- what the window tells

    def other_state(self, new: Document) -> None:
        """Another state is shown: nothing of the old one's stays under the pointer, and no pull of it goes on."""
        shown, gesture = new.shown, self.tool.gesture
        self.hovering.clear()
        if gesture is not None and (shown is None or shown.key != gesture.source.key):
            self.forget()

    def forget(self) -> None:
        """Drop the gesture."""
        self.tool.gesture = None
        self._preview_soon.stop()
        self._end_live()

    def stop(self) -> None:
        """Do nothing more by itself."""
        self._preview_soon.stop()
        self.hovering.stop()

    def _preview_late(self) -> None:
        if self._late:
            self._preview()

    def _preview(self) -> None:
        """Move the part to where the pointer is by now; the next preview waits a little."""
        self._late = False
        self._preview_soon.start()
        self.tool.preview()
        gesture = self.tool.gesture
        if gesture is None or gesture.motion is None or gesture.drag is None or gesture.released:
            return
        notes = notes_on(gesture.motion, gesture.drag, gesture.state, gesture.part)
        self._window.say(" · ".join(notes))
        if self._window.settings.live:
            self.live_predictions.follow(gesture)

    def _live_came(self, gesture: Gesture, prediction: Prediction, seconds: float) -> None:
        if gesture is not self.tool.gesture or gesture.released or not self._window.settings.live:
            return
        gesture.live_s = seconds
        T = prediction.motion.T if prediction.motion is not None else None
        splats = part_in(gesture.state, prediction) if T is not None else None
        self._window.parts.viewport.set_live(prediction.state.gaussians, splats, T)
        self._window.showing.badge(gesture)

    def _end_live(self) -> None:
        self.live_predictions.stop()
        if self.tool.gesture is not None:
            self.tool.gesture.live_s = None
        self._window.parts.viewport.set_live(None)
