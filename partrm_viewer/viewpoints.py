"""Viewpoints: views that are kept under names, and the way to them. Saved with the project, not undone. GUI thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction

from partrm_viewer import dialogs
from partrm_viewer.document import Document
from partrm_viewer.feature import Feature
from partrm_viewer.project import Viewpoint
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

KEYS = 9  # viewpoints that have a key of their own


class Viewpoints(Feature):
    """The window's viewpoints menu; an action of that menu is a method here."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.all: tuple[Viewpoint, ...] = ()
        self.at: int | None = None  # the one that was gone to or made last
        for k in range(KEYS):
            setattr(self, f"viewpoint_{k + 1}", partial(self.go_to, k))

    # ---- actions

    def add_viewpoint(self) -> None:
        """Ask for a name, and keep where the user looks from."""
        view = self._window.parts.viewport.view
        name = dialogs.ask_name(self._window, tr("Add viewpoint"), self._free_name())
        if view is not None and name is not None:
            self.at = len(self.all)
            self._keep((*self.all, Viewpoint(name, view)))

    def rename_viewpoint(self) -> None:
        """Give the last viewpoint another name."""
        if (at := self.at) is None:
            return
        name = dialogs.ask_name(self._window, tr("Rename viewpoint"), self.all[at].name)
        if name is not None:
            self._keep((*self.all[:at], replace(self.all[at], name=name), *self.all[at + 1 :]))

    def move_viewpoint(self) -> None:
        """Let the last viewpoint look from where the user does."""
        at, view = self.at, self._window.parts.viewport.view
        if at is not None and view is not None:
            self._keep((*self.all[:at], replace(self.all[at], view=view), *self.all[at + 1 :]))
            self._window.say(tr("{name} looks from here now").format(name=self.all[at].name))

    def remove_viewpoint(self) -> None:
        """Forget the last viewpoint."""
        if (at := self.at) is not None:
            name, rest = self.all[at].name, (*self.all[:at], *self.all[at + 1 :])
            self.at = min(at, len(rest) - 1) if rest else None
            self._keep(rest)
            self._window.say(tr("Viewpoint {name} deleted").format(name=name))

    def next_viewpoint(self) -> None:
        """Go to the next viewpoint, after the last one to the first."""
        if self.all:
            self.go_to(0 if self.at is None else (self.at + 1) % len(self.all))

    def previous_viewpoint(self) -> None:
        """Go to the viewpoint before."""
        if self.all:
            self.go_to((-1 if self.at is None else self.at - 1) % len(self.all))

    def go_to(self, k: int) -> None:
        """Move to a viewpoint smoothly."""
        if k < len(self.all):
            self.at = k
            self._window.pull.cancel()
            self._window.parts.viewport.steering.glide(self.all[k].view)
            self._window.say(self.all[k].name)
            self._window.work_changed()

    # ---- what the window tells

    def set(self, viewpoints: tuple[Viewpoint, ...]) -> None:
        """Take those of a project."""
        self.all, self.at = viewpoints, None
        self._window.work_changed()

    def changed(self, old: Document, new: Document) -> None:
        """Forget all where something else is open."""
        if old.key != new.key:
            self.all, self.at = (), None

    def refresh(self, actions: Mapping[str, QAction]) -> None:
        """Put names on the actions; show those that there are."""
        for name in ("next_viewpoint", "previous_viewpoint"):
            actions[name].setEnabled(bool(self.all))
        for name in ("rename_viewpoint", "move_viewpoint", "remove_viewpoint"):
            actions[name].setEnabled(self.at is not None)
        for k in range(KEYS):
            action, there = actions[f"viewpoint_{k + 1}"], k < len(self.all)
            action.setVisible(there)
            action.setEnabled(there)
            if there:
                name = self.all[k].name
                action.setText(f"&{k + 1}  {name.replace('&', '&&')}")

    def _keep(self, viewpoints: tuple[Viewpoint, ...]) -> None:
        self.all = viewpoints
        self._window.filing.kept_changed()
        self._window.work_changed()

    def _free_name(self) -> str:
        names = {point.name for point in self.all}
        numbered = (tr("Viewpoint {number}").format(number=k) for k in range(len(self.all) + 1, 10_000))
        return next(name for name in numbered if name not in names)
