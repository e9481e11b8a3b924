"""Showing: puts the session's Document, and what is on its way to it, on the panels."""

from __future__ import annotations

import numpy as np

from partrm_viewer.document import Document, Snapshot
from partrm_viewer.layout import Layout
from partrm_viewer.screen import timer
from partrm_viewer.session import Session
from partrm_viewer.tools.brush import Stroke
from partrm_viewer.tools.pull import Gesture
from partrm_viewer.words import tr
from partrm_viewer.workbench import Workbench

TELL_FRAME_MS = 200  # numbers that change faster cannot be read


class Showing:
    """Knows the panels and asks session and workbench; nothing is asked of it. GUI thread only."""

    def __init__(self, parts: Layout, session: Session, bench: Workbench) -> None:
        self._parts, self._session, self._bench = parts, session, bench
        self._tell_frame_soon = timer(parts.viewport, TELL_FRAME_MS, self._tell_frame)
        self._drawn = False  # a first frame, for which a renderer may have to be compiled
        parts.viewport.drawn.connect(self._frame_drawn)

    def document(self, old: Document, new: Document, stroke: Stroke | None) -> None:
        """Show what has changed from one Document to the next; stroke: what the brush is drawing."""
        parts, shown = self._parts, new.shown
        if another_state(old, new):
            parts.photo_pane.setVisible(new.image is not None)
            parts.photo.set_image(shown.state.image if shown is not None and shown.state is not None else new.image)
            if old.shown is None or shown is None or old.shown.gaussians is not shown.gaussians:
                camera = shown.state.camera if shown is not None and shown.state is not None else None
                gaussians = shown.gaussians if shown is not None else None
                parts.viewport.set_gaussians(gaussians, camera, keep_view=old.key == new.key)
            self.last_drag()
        if old.part is not new.part or old.shown is not shown:
            part = new.part
            self.outline(stroke)
            parts.photo.set_clicks(part.clicks if part is not None else ())
            parts.viewport.set_part(part.splats if part is not None else None)
        parts.states.show_document(new)
        parts.states.setVisible(len(new.snapshots) > 0)
        parts.photo_pane.detail.set_text(new.name)
        parts.splat_pane.detail.set_text(shown.name if shown is not None and new.image is not None else "")

    def last_drag(self) -> None:
        """Show, faintly, the drag that led to the shown state."""
        shown = self._session.document.shown
        self._parts.photo.set_drag(shown.drags[-1] if shown is not None and shown.drags else None, faint=True)

    def outline(self, stroke: Stroke | None) -> None:
        """Show the part with what is on its way to it, and with a stroke that may still go on."""
        outline = self._bench.outlining.mask()
        if stroke is not None:
            outline = stroke.on(np.zeros_like(stroke.area) if outline is None else outline)
        self._parts.photo.set_part(outline)

    def badge(self, gesture: Gesture | None) -> None:
        """Say in the 3D view what is seen there."""
        shown, overlay = self._session.document.shown, self._parts.viewport.overlay
        if gesture is not None and gesture.pulling:
            live_s = gesture.live_s
            kind = "Preview" if live_s is None else tr("Live prediction")
            overlay.set_badge(f"{kind} · predicting…" if gesture.released else kind)
            overlay.set_details(() if live_s is None else (tr("{seconds:.2f} s").format(seconds=live_s),))
        else:
            overlay.set_badge("Predicted" if shown is not None and shown.predicted else "")
            overlay.set_details(details(shown) if shown is not None else ())
        self._note()

    def _note(self) -> None:
        """Say why nothing is to be seen."""
        waiting = "Building the 3D view…" if self._bench.building else "No 3D view yet"
        drawing = "" if self._drawn else tr("Getting ready to draw…")
        self._parts.viewport.overlay.set_note(waiting if self._session.document.shown is None else drawing)

    def stop(self) -> None:
        """Tell no more frames."""
        self._tell_frame_soon.stop()

    def _frame_drawn(self) -> None:
        if not self._drawn:
            self._drawn = True
            self._note()
        if not self._tell_frame_soon.isActive():
            self._tell_frame_soon.start()

    def _tell_frame(self) -> None:
        shown = self._session.document.shown
        frame_ms = 1000 * self._parts.viewport.screen_.pace.frame_s
        text = f"{len(shown.gaussians):,} splats · {frame_ms:.0f} ms" if shown is not None else ""
        self._parts.frame.setText(text)


def details(snapshot: Snapshot) -> tuple[str, ...]:
    """Say how long a state took to predict, and what the user should know of it; a line each."""
    took = () if snapshot.seconds is None else (tr("{seconds:.2f} s").format(seconds=snapshot.seconds),)
    return (*took, *map(tr, snapshot.notes))


def another_state(old: Document, new: Document) -> bool:
    """Tell whether another state is shown than before, or none, or another file's."""
    return old.shown is not new.shown or old.key != new.key or old.empty != new.empty
