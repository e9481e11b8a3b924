"""Playing: shows the states of the list one after the other. GUI thread only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from partrm_viewer.document import Document, Snapshot
from partrm_viewer.feature import Feature
from partrm_viewer.screen import timer
from partrm_viewer.settings import PACES

if TYPE_CHECKING:
    from partrm_viewer.window import Window


class Playing(Feature):
    """Steps through the states by hand, or at the pace of the settings until it is stopped."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._forward = True
        self.on = False
        self._next_soon = timer(window, 0, self._next)

    def checked(self) -> dict[str, bool]:
        """Say which of the actions are switched on."""
        how = self._window.settings.play
        return {
            "play": self.on,
            "play_once": how == "once",
            "play_loop": how == "loop",
            "play_back_and_forth": how == "back and forth",
        }

    # ---- actions

    def next_state(self) -> None:
        """Show the next state, after the last one the first."""
        self._show(1)

    def previous_state(self) -> None:
        """Show the state before."""
        self._show(-1)

    def state_before(self) -> None:
        """Show the state that the shown one was made from."""
        self._go_to(self._window.session.document.before)

    def state_after(self) -> None:
        """Show the newest state that was made from the shown one."""
        self._go_to(self._window.session.document.after)

    def play(self) -> None:
        """Show the states in their order, or stop."""
        self.on = not self.on
        self._forward = True
        document = self._window.session.document
        if self.on and self._window.settings.play == "once" and document.active == len(document.snapshots) - 1:
            self._window.session.show(0)
        self._go_on()
        self._window.work_changed()

    def play_once(self) -> None:
        """Stop at the last state."""
        self._choose("once")

    def play_loop(self) -> None:
        """Begin again after the last state."""
        self._choose("loop")

    def play_back_and_forth(self) -> None:
        """Go backwards after the last state."""
        self._choose("back and forth")

    def slower(self) -> None:
        """Stay longer at each state."""
        self._pace(-1)

    def faster(self) -> None:
        """Stay shorter at each state."""
        self._pace(1)

    # ---- what the window tells

    def changed(self, old: Document, new: Document) -> None:
        """Stop where another photo is open, or a state has come or gone."""
        if self.on and (old.key != new.key or old.snapshots is not new.snapshots):
            self.stop()

    def stop(self) -> None:
        """Play no more."""
        self.on = False
        self._next_soon.stop()

    def _next(self) -> None:
        window = self._window
        last, active = len(window.session.document.snapshots) - 1, window.session.document.active
        how = window.settings.play
        if how == "back and forth" and last > 0:
            self._forward = active == 0 or (self._forward and active < last)
        elif how == "once" and active >= last - 1:
            self.stop()
        window.session.show((active + (1 if self._forward else -1)) % (last + 1))
        self._go_on()

    def _go_on(self) -> None:
        if self.on:
            self._next_soon.start(round(1000 / self._window.settings.pace))
        else:
            self._next_soon.stop()

    def _show(self, by: int) -> None:
        snapshots, active = self._window.session.document.snapshots, self._window.session.document.active
        self._go_to(snapshots[(active + by) % len(snapshots)])

    def _go_to(self, snapshot: Snapshot | None) -> None:
        window = self._window
        at = window.session.document.find(snapshot.key) if snapshot is not None else None
        if at is not None:
            self.stop()
            window.pull.cancel()
            window.session.show(at)
            window.work_changed()

    def _choose(self, how: str) -> None:
        self._window.settings = replace(self._window.settings, play=how)
        self._window.work_changed()

    def _pace(self, by: int) -> None:
        settings = self._window.settings
        at = min(max(PACES.index(settings.pace) + by, 0), len(PACES) - 1)
        self._window.settings = replace(settings, pace=PACES[at])
        self._window.say(f"{PACES[at]:g} states a second")
