"""Comparing: another state in the picture of the shown one, in one of four ways. GUI thread only."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QCursor, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QMenu

from partrm_viewer.document import Document, Snapshot
from partrm_viewer.feature import Feature
from partrm_viewer.screen import Beside, timer
from partrm_viewer.settings import COMPARES
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

FLICKER_MS = 500  # that each state is shown; slow enough for every frame to be sharp
HELD_S = 0.35  # a key that is down for longer is held, not pressed


class Comparing(QObject, Feature):
    """Shows another state beside the shown one; which one it is stays until another photo is open."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self.on = False
        self._chosen = 0  # key of the state that the user chose; 0: the one before
        self._flipped = False  # flicker: the other state is shown
        self._flip_soon = timer(window, FLICKER_MS, self._flip)
        self._held_since = 0.0  # the flicker's key went down; 0: it is up
        self._before_held = (False, "")  # whether and how there was something compared
        window.parts.states.compare_with.connect(self.choose)

    @property
    def other(self) -> Snapshot | None:
        """Return what is compared with: the chosen state, the one the shown one was pulled from, or its neighbour."""
        document = self._window.session.document
        shown, states = document.shown, document.snapshots
        at = document.find(self._chosen)
        if at is not None and states[at] is not shown:
            return states[at]
        if document.before is not None:
            return document.before
        return next((state for state in (*states[document.active + 1 :], *states) if state is not shown), None)

    def checked(self) -> dict[str, bool]:
        """Say which of the actions are switched on."""
        how = self._window.settings.compare
        return {"compare": self.on} | {f"compare_{name}": self.on and name == how for name in COMPARES}

    # ---- actions

    def compare(self) -> None:
        """Show another state beside the shown one, or no longer."""
        self._go(not self.on, self._window.settings.compare)

    def compare_line(self) -> None:
        """Show the other state left of a line."""
        self._switch("line")

    def compare_halves(self) -> None:
        """Show each state in a half of its own."""
        self._switch("halves")

    def compare_difference(self) -> None:
        """Show where the two states differ."""
        self._switch("difference")

    def compare_flicker(self) -> None:
        """Show both states in turn, while the key is held or until it is pressed again."""
        self._let_go()
        self._before_held = (self.on, self._window.settings.compare)
        self._switch("flicker")
        if self.on:
            self._held_since = time.monotonic()
            self._application().installEventFilter(self)

    def compare_next(self) -> None:
        """Compare in the next way."""
        at = COMPARES.index(self._window.settings.compare)
        self._go(True, COMPARES[(at + 1) % len(COMPARES)] if self.on else COMPARES[at])

    def compare_with(self) -> None:
        """Let the user choose the other state from a list."""
        window, menu = self._window, QMenu(self._window)
        for state in window.session.document.snapshots:
            if state is not window.session.document.shown:
                entry = menu.addAction(state.name.replace("&", "&&"))
                entry.setCheckable(True)
                entry.setChecked(state is self.other)
                entry.triggered.connect(lambda _=False, key=state.key: self.choose(key))
        view = window.parts.viewport
        inside = view.rect().contains(view.mapFromGlobal(QCursor.pos()))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(QCursor.pos() if inside else view.mapToGlobal(view.rect().center()))

    def choose(self, key: int) -> None:
        """Compare the shown state with another one from now on; with itself it cannot be."""
        shown = self._window.session.document.shown
        if shown is not None and shown.key == key:
            self._window.say(tr("This state is shown; Ctrl+click another one to compare it with"))
            return
        self._chosen = key
        self._go(True, self._window.settings.compare)

    # ---- what the window tells

    def changed(self, old: Document, new: Document) -> None:
        """Compare what is shown now."""
        if old.key != new.key:
            self._chosen = 0
        if old.shown is not new.shown or old.snapshots is not new.snapshots:
            self._flipped = False
            self._show()

    def stop(self) -> None:
        """Flicker no more."""
        self._flip_soon.stop()
        self._let_go()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """End a flicker whose key was held when it is let go."""
        if event.type() != QEvent.Type.KeyRelease or not isinstance(event, QKeyEvent) or event.isAutoRepeat():
            return False
        key = self._window.bars.actions["compare_flicker"].shortcut()
        if QKeySequence(event.key()).matches(key) == QKeySequence.SequenceMatch.ExactMatch:
            held = time.monotonic() - self._held_since > HELD_S
            self._let_go()
            if held:
                self._go(*self._before_held)
        return False

    def _switch(self, how: str) -> None:
        self._go(not (self.on and self._window.settings.compare == how), how)

    def _go(self, on: bool, how: str) -> None:
        window = self._window
        self.on, self._flipped = on, False
        window.settings = replace(window.settings, compare=how)
        self._show()
        window.work_changed()

    def _show(self) -> None:
        window, shown, other = self._window, self._window.session.document.shown, self.other
        self._flip_soon.stop()
        if not self.on or shown is None or other is None:
            window.parts.viewport.compare(None)
            return
        how, names = window.settings.compare, (other.name, shown.name)
        if how == "flicker":
            self._flip_soon.start()
            beside = Beside(other.gaussians, "line", 1.0 if self._flipped else 0.0)
        else:
            beside = Beside(other.gaussians, how)
        window.parts.viewport.compare(beside, names)

    def _flip(self) -> None:
        self._flipped = not self._flipped
        self._show()

    def _let_go(self) -> None:
        self._held_since = 0.0
        self._application().removeEventFilter(self)

    @staticmethod
    def _application() -> QApplication:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        return application
