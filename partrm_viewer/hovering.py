"""Hovering: before a press, lights up what it would take, in both views, and says so under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF

from model.stages.atlas import Atlas
from model.stages.state import State
from partrm_viewer.outlining import lies_on
from partrm_viewer.panels.overlay import Overlay
from partrm_viewer.screen import timer
from partrm_viewer.tools.base import Point
from partrm_viewer.tools.pull3d import Spot
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

READ_MS = 2500  # a sentence that has been read is in the way


class Hovering:
    """Follows the pointer over the photo and over the splats while no button is down. GUI thread only."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._part = -1  # of the atlas, what is lit up
        self._said = ""
        self._read = timer(window, READ_MS, self._hide_sentence)
        window.parts.photo.pointed.connect(self._over_photo)

    def over_splats(self, spot: Spot | None, at: QPointF | None) -> None:
        """Show what a press in the 3D view would do."""
        overlay = self._window.parts.viewport.overlay
        if at is None or spot is None or self._window.pulling.pressed:
            self.clear()
            return
        atlas = self._window.bench.atlas(spot.state)
        if not spot.pullable:
            self._show(-1)
            self._say(in_3d(atlas is not None, spot.start_px is not None), overlay, at)
        else:
            self._show(-1 if spot.selected else spot.part)
            self._say(on_part(spot.selected), overlay, at)

    def clear(self) -> None:
        """Light up nothing, say nothing."""
        self._show(-1)
        self._say("")

    def hush(self) -> None:
        """Say no more; what is lit up stays until the part is found."""
        self._say("")

    def stop(self) -> None:
        """Do nothing more by itself."""
        self._read.stop()

    def _over_photo(self, at_px: Point | None) -> None:
        window = self._window
        shown, photo = window.session.document.shown, window.parts.photo
        if at_px is None or window.pulling.pressed or shown is None or shown.state is None:
            self.clear()
        elif window.pulling.in_hand():
            state, atlas, outline = shown.state, window.bench.atlas(shown.state), window.bench.outlining.mask()
            part = -1 if atlas is None else atlas.at(state.camera, at_px)
            selected = outline is not None and lies_on(outline, at_px)
            self._show(-1 if selected else part)
            if not selected and (part < 0 or not lies_on(state.mask, at_px)):
                self._say(in_photo(atlas is not None, lies_on(state.mask, at_px)), photo.overlay, photo.pointer)
            else:
                self._say(on_part(selected), photo.overlay, photo.pointer)
        else:
            self.clear()

    def _show(self, part: int) -> None:
        if part == self._part:
            return
        self._part = part
        shown = self._window.session.document.shown
        state: State | None = shown.state if shown is not None else None
        atlas: Atlas | None = self._window.bench.atlas(state) if state is not None else None
        photo, viewport = self._window.parts.photo, self._window.parts.viewport
        if part < 0 or atlas is None or state is None:
            photo.set_hovered(None)
            viewport.set_hovered(None)
        else:
            photo.set_hovered(np.asarray(atlas.pixels == part), atlas.window(state.camera))
            viewport.set_hovered(np.asarray(atlas.splats == part))

    def _say(self, text: str, overlay: Overlay | None = None, at: QPointF | None = None) -> None:
        """Put a sentence under the pointer, in one of the two views, until it has been read."""
        views = (self._window.parts.photo.overlay, self._window.parts.viewport.overlay)
        if text != self._said:
            self._said = text
            self._read.start()
        for view in views:
            here = view is overlay and self._read.isActive()
            view.set_hint(text if here else "", at)

    def _hide_sentence(self) -> None:
        for overlay in (self._window.parts.photo.overlay, self._window.parts.viewport.overlay):
            overlay.set_hint("", None)


def on_part(selected: bool) -> str:
    """Say what a press on a part does."""
    return tr("Pull it") if selected else tr("Press to take this part, and pull it")


def in_photo(known: bool, on_object: bool) -> str:
    """Say what a press on the photo does where no part that moves is known."""
    if not on_object:
        return ""
    return tr("Nothing that moves here, as far as can be seen") if known else tr("Press on a part and pull it")


def in_3d(known: bool, seen: bool) -> str:
    """Say the same in the 3D view; seen: the photo shows the place."""
    if not known:
        return tr("Drag to turn · a click takes the part here") if seen else tr("Drag to turn")
    if seen:
        return tr("Nothing that moves here · drag to turn")
    return tr("The photo does not show this part: it cannot be pulled from here · drag to turn")
