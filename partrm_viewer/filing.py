"""Filing: everything of the window that asks for a file: open, save, export, and what is unsaved when it closes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import FormatError, PartRMError
from partrm_viewer import dialogs
from partrm_viewer import theme as themes
from partrm_viewer.document import Document
from partrm_viewer.jobs import Jobs
from partrm_viewer.keeping import Keeping
from partrm_viewer.panels.messages import OFFER
from partrm_viewer.project import ENDING, Project, Viewpoint
from partrm_viewer.screen import timer
from partrm_viewer.tools.navigate import View
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

SAMPLE = themes.RESOURCES / "samples" / "cabinet.png"


class Filing:
    """The window's file menu; an action of that menu is a method here. GUI thread only."""

    def __init__(self, window: Window, jobs: Jobs, folder: Path) -> None:
        """Save on a worker of its own, so that saving never waits for a prediction; copies go into a folder."""
        self._window = window
        self.keeping = Keeping(window.session, jobs, self, folder)
        self._copy_soon = timer(window, 1000 * window.settings.copy_every_s, self._copy)
        self._copy_soon.start()
        self._recovering: Path | None = None
        self._closing = False  # without another question

    # ---- actions

    def open_file(self) -> None:
        """Ask for a file and open it."""
        path = dialogs.ask_which(self._window, tr("Open"), self._window.settings.folder, dialogs.all_to_open())
        if path is not None:
            self.open(path)

    def open_sample(self) -> None:
        """Open the bundled photo."""
        self.open(SAMPLE)

    def open(self, path: Path) -> None:
        """Open an image, a splat file or a project."""
        window = self._window
        window.pull.cancel()
        if path.parent != SAMPLE.parent and path != self._recovering:
            window.settings = window.settings.with_recent(path)
        window.bench.open(path)

    def save(self) -> None:
        """Save the project in its file; ask for one where it has none yet."""
        if self.keeping.path is None:
            self.save_as()
        else:
            self.keeping.save(self.keeping.path)

    def save_as(self) -> None:
        """Ask for a file, and save the project there."""
        path = self._ask_for_project()
        if path is not None:
            self.keeping.save(path)

    def export_state(self) -> None:
        """Ask where, and save the shown state."""
        window, document = self._window, self._window.session.document
        assert document.shown is not None
        stem = document.path.stem if document.path is not None else "state"
        name = f"{stem} {document.shown.name}.ply" if document.shown.predicted else f"{stem}.ply"
        path = self._ask_where(tr("Export state"), name, dialogs.splats_to_save())
        if path is not None:
            window.bench.save(path, window.settings.upright)

    def screenshot(self) -> None:
        """Ask where, and save what the 3D view shows."""
        picture = self._window.parts.viewport.picture()
        path = self._ask_where(tr("Save screenshot"), "screenshot.png", dialogs.PICTURES)
        if path is None:
            return
        if picture.save(str(path)):
            self.say(tr("Saved {path}").format(path=path))
        else:
            title, hint = tr("{path} could not be written."), tr("Choose a folder that you may write to, and .png.")
            self.tell(FormatError(title.format(path=path), hint))

    # ---- what was left behind, what is opened, what is closed

    def offer_recovery(self) -> None:
        """Offer what a program that ended too early had not saved."""
        found = self.keeping.left_behind()
        if not found:
            return
        when = time.strftime("%d %B, %H:%M", time.localtime(found[0].stat().st_mtime))
        more = tr("{n} older copies will be offered after it.").format(n=len(found) - 1) if len(found) > 1 else ""
        title, hint = tr("Unsaved work of {when} was found"), tr("The program ended before it was saved.")
        error = PartRMError(title.format(when=when), f"{hint} {more}".strip())
        self._window.parts.messages.show_error(error, OFFER, tr("Open it"), lambda: self._recover(found[0]))

    def _recover(self, path: Path) -> None:
        self._recovering = path
        self.open(path)

    def project_opened(self, path: Path, opened: Project) -> None:
        """Look at a project from where it was saved; one that was left behind is still unsaved."""
        self._window.viewpoints.set(opened.viewpoints)
        if path == self._recovering:
            self._recovering = None
            self.keeping.recover(path, opened.document)
            self.say(tr("Recovered {name}; it is not saved yet").format(name=opened.document.name))
            self.offer_recovery()
        else:
            self.keeping.opened(opened.document, path)
            self.say(tr("Opened {name}").format(name=path.name))
        if opened.view is not None:
            self._window.parts.viewport.set_view(opened.view)

    def may_close(self) -> bool:
        """Ask, once, where closing would lose work or stop some; saving comes back later."""
        running = self._window.bench.running or self._window.exporting.running or self._window.fetching
        name = self._window.session.document.name if self.keeping.dirty else ""
        if self._closing or not (running or name):
            return True
        answer = dialogs.ask_unsaved(self._window, name, running)
        if answer == "save":
            path = self.keeping.path or self._ask_for_project()
            if path is not None:
                self.keeping.save(path, self.give_up)
            return False
        return answer == "discard"

    def give_up(self) -> None:
        """Close the window without a question."""
        self._closing = True
        self._window.close()

    def close(self) -> None:
        """End the worker."""
        self._copy_soon.stop()
        self.keeping.close()

    # ---- what keeping asks

    def say(self, text: str) -> None:
        self._window.say(text)

    def tell(self, error: PartRMError, about: str = "") -> None:
        self._window.tell(error, about)

    def view(self) -> View | None:
        return self._window.parts.viewport.view

    def viewpoints(self) -> tuple[Viewpoint, ...]:
        return self._window.viewpoints.all

    def kept_changed(self) -> None:
        """Show the name of what is open, and whether it is saved."""
        document, path = self._window.session.document, self.keeping.path
        self._window.set_name(path.name if path is not None else document.name, self.keeping.dirty)

    def _copy(self) -> None:
        self.keeping.copy()
        self._copy_soon.start(1000 * self._window.settings.copy_every_s)

    def _ask_for_project(self) -> Path | None:
        document: Document = self._window.session.document
        stem = document.path.stem if document.path is not None else document.name
        path = self._ask_where(tr("Save project"), f"{stem}{ENDING}", dialogs.PROJECTS)
        if path is not None:
            self._window.settings = self._window.settings.with_recent(path)
        return path

    def _ask_where(self, title: str, name: str, kinds: str) -> Path | None:
        return dialogs.ask_where(self._window, title, self._window.settings.folder, name, kinds)
