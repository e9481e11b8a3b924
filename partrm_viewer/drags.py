"""Drags: the list of pulls beside the 3D view, and what becomes of the shown state when one is changed.

Each change does the pulls that are on once more, from the photo; the result is a new state. GUI thread only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QVBoxLayout, QWidget

from model.errors import DragError
from model.stages.again import carried, found
from partrm_viewer import steps as pulls
from partrm_viewer.document import Document
from partrm_viewer.feature import Feature
from partrm_viewer.panels.drags import WIDTH, DragsPanel
from partrm_viewer.panels.pane import Pane
from partrm_viewer.steps import Steps, how_far
from partrm_viewer.theme import Theme
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

WIDE = 1500  # px: a window from which on the list is shown without being asked for


class Drags(Feature):
    """Shows the steps of the shown state, and has the workbench do them again."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._asked: bool | None = None  # to be shown, or not; None: as there is room
        self._changed_to: Steps | None = None  # what is being done again
        self.panel = DragsPanel(self)
        self.pane = Pane(tr("Pulls"), self.panel)
        body = QWidget()
        box = QVBoxLayout(body)
        box.setContentsMargins(0, 10, 10, 4)
        box.addWidget(self.pane)
        self.dock = QDockWidget()
        self.dock.setObjectName("dragsDock")
        self.dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.dock.setTitleBarWidget(QWidget())
        self.dock.setWidget(body)
        body.setFixedWidth(WIDTH)
        self.dock.hide()
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        window.session.on_change(self._changed)

    # ---- action

    def list_pulls(self) -> None:
        """Show the list of pulls, or no longer."""
        self._asked = self.dock.isHidden()
        self._window.settings = replace(self._window.settings, drags=self._asked)
        self._show()

    # ---- what the rows ask

    def switch(self, at: int, on: bool) -> None:
        """Take a pull in, or leave it out."""
        step = self.steps[at]
        name = (tr("With {pull}") if on else tr("Without {pull}")).format(pull=step.name)
        self._do(pulls.switched(self.steps, at, on), name, tr("switch pull on") if on else tr("switch pull off"))

    def set_amount(self, at: int, amount: float) -> None:
        """Let a pull go another way far."""
        shown = self._window.session.document.shown
        assert shown is not None and shown.state is not None
        steps = pulls.by_amount(self.steps, at, amount, shown.state.camera)
        motion = steps[at].motion
        assert motion is not None
        self._do(steps, how_far(motion), tr("change pull"))

    def remove(self, at: int) -> None:
        """Do as if a pull had never been."""
        name = tr("Without {pull}").format(pull=self.steps[at].name)
        self._do(pulls.without(self.steps, at), name, tr("remove pull"))

    def try_amount(self, at: int, amount: float) -> None:
        """Preview another amount: the part moves rigidly, what was pulled after it stays where it is."""
        document, step = self._window.session.document, self.steps[at]
        shown = document.shown
        if shown is None or shown.state is None or document.rest is None or step.motion is None or step.held is None:
            return
        if self._window.bench.predicting:
            return
        self._window.parts.photo.set_drag(pulls.by_amount(self.steps, at, amount, shown.state.camera)[at].drag)
        try:
            known = found(step.held, shown.state, document.rest)
        except DragError:
            known = None
        if known is None:
            return
        part, T = known  # the step's own motion is in T already
        joint = carried(step.motion, T @ np.linalg.inv(step.motion.T)).joint
        viewport = self._window.parts.viewport
        viewport.set_part(part.splats)
        viewport.set_pull(part.grab, joint.transform(amount - step.motion.amount))
        viewport.overlay.set_badge(tr("Preview"))

    def end_try(self) -> None:
        """Let the preview go."""
        window, part = self._window, self._window.session.document.part
        window.parts.viewport.set_pull(None, None)
        window.parts.viewport.set_part(part.splats if part is not None else None)
        window.showing.last_drag()
        window.showing.badge(window.pull.gesture)

    # ---- what is shown

    @property
    def steps(self) -> Steps:
        """Return the steps on show: those that are being done again, or else the shown state's."""
        shown = self._window.session.document.shown
        if self._changed_to is not None:
            return self._changed_to
        return shown.steps if shown is not None else ()

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in a theme's colours."""
        self.panel.set_theme(theme)

    def _changed(self, old: Document, new: Document) -> None:
        if old.shown is not new.shown or old.key != new.key:
            self._changed_to = None
        if (
            old.shown is None
            or new.shown is None
            or old.shown.steps is not new.shown.steps
            or self._changed_to is not None
        ):
            self.panel.show_steps(new, self.steps)
        self.pane.detail.set_text(new.shown.name if new.shown is not None else "")
        self._show()

    def _show(self) -> None:
        window = self._window
        wanted = window.settings.drags and window.width() >= WIDE if self._asked is None else self._asked
        wanted &= window.session.document.image is not None
        self.dock.setVisible(wanted)
        window.bars.actions["list_pulls"].setChecked(wanted)

    def _do(self, steps: Steps, name: str, what: str) -> None:
        window = self._window
        if window.bench.predicting and self._changed_to is None:
            window.say(tr("The last pull is still being predicted; try again in a moment"))
            self.panel.show_steps(window.session.document, self.steps)
            self.end_try()
            return
        self._changed_to = steps
        self.panel.show_steps(window.session.document, steps)

        def ended() -> None:
            if self._changed_to is steps:  # it failed or was cancelled
                self._changed_to = None
                self.panel.show_steps(window.session.document, self.steps)
            self.end_try()

        window.bench.replay(steps, name, what, ended)
