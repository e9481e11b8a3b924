"""Keeping: which file the Document is saved in, whether it is, and a copy of it that outlives a crash."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QLockFile

from model.errors import PartRMError
from model.progress import Progress
from partrm_viewer import project
from partrm_viewer.document import Document
from partrm_viewer.jobs import Job, Jobs
from partrm_viewer.project import ENDING, Project, Viewpoint
from partrm_viewer.session import Session
from partrm_viewer.tools.navigate import View
from partrm_viewer.words import tr

log = logging.getLogger(__name__)
Work = tuple[object, ...]  # what would be lost of a Document; equal where nothing has changed since


class Face(Protocol):
    """What is asked of the window; GUI thread."""

    def say(self, text: str) -> None:
        """Show one line in the status bar."""
        ...

    def tell(self, error: PartRMError, about: str = "") -> None:
        """Show a failure until it is closed."""
        ...

    def view(self) -> View | None:
        """Return where the 3D view is looked at from."""
        ...

    def viewpoints(self) -> tuple[Viewpoint, ...]:
        """Return the views that are kept under names."""
        ...

    def kept_changed(self) -> None:
        """The Document was saved, or is to be called otherwise."""
        ...


class Keeping:
    """Saves projects, and copies of unsaved ones into a folder, on a worker of its own. GUI thread only."""

    def __init__(self, session: Session, jobs: Jobs, face: Face, folder: Path) -> None:
        self._session, self._jobs, self._face, self._folder = session, jobs, face, folder
        self._paths: dict[int, Path] = {}  # Document's key -> its file
        self._saved: dict[int, Work] = {}  # what of it lies there
        self._copied: dict[int, Work] = {}  # and what in our folder
        self._token = secrets.token_hex(6)
        self._lock: QLockFile | None = None  # held while this process lives
        session.on_change(self._changed)

    @property
    def path(self) -> Path | None:
        """Return the file that the open Document is saved in."""
        return self._paths.get(self._session.document.key)

    @property
    def dirty(self) -> bool:
        """Tell whether closing now would lose work."""
        return self._dirty(self._session.document)

    def opened(self, document: Document, path: Path) -> None:
        """Remember where a Document came from."""
        self._paths[document.key], self._saved[document.key] = path, self._work(document)
        self._face.kept_changed()

    def save(self, path: Path, then: Callable[[], None] = lambda: None) -> None:
        """Save the open Document; then is called once it lies on disk."""
        document = self._session.document
        held, work, key = self._project(document), self._work(document), document.key

        def done(_: None) -> None:
            self._paths[key], self._saved[key] = path, work
            self._forget(key)
            self._face.say(f"Saved {path}")
            self._face.kept_changed()
            then()

        def run(progress: Progress) -> None:
            project.write(path, held, progress)

        self._jobs.submit(Job(f"Saving {path.name}", run, done, lambda e: self._face.tell(e, "save"), brief=True))

    def copy(self, document: Document | None = None) -> None:
        """Copy what is not saved of a Document (default: the open one), where it has changed since the last copy."""
        document = document or self._session.document
        work, key = self._work(document), document.key
        if not self._dirty(document) or self._copied.get(key) == work:
            return
        held, path = self._project(document), self._copy_of(key)

        def run(progress: Progress) -> None:
            # It tells no fractions: what the status bar said last stays readable.
            project.write(path, held, lambda *_: progress(0.0, ""))

        def done(_: None) -> None:
            self._copied[key] = work

        def failed(error: PartRMError | OSError) -> None:
            why = str(error).partition("\n")[0]
            log.warning("no copy of the unsaved work could be kept: %s", why)
            self._face.say(tr("No copy of the unsaved work could be kept: {why}").format(why=why))

        try:
            self._claim_folder()
        except OSError as error:
            failed(error)
        else:
            self._jobs.submit(Job("Keeping a copy", run, done, failed, brief=True))

    def left_behind(self) -> list[Path]:
        """Return the copies that dead processes have left, the newest first; half ones are cleared away."""
        found = []
        for path in self._folder.glob(f"*{ENDING}*") if self._folder.is_dir() else ():
            half = path.name.startswith(".")
            token = path.name.lstrip(".").partition("-")[0]
            lock = self._lock_of(token)
            if token != self._token and lock.tryLock(0):
                lock.unlock()
                if half:
                    path.unlink(missing_ok=True)
                else:
                    found.append(path)
        return sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)

    def recover(self, path: Path, document: Document) -> None:
        """Take over a copy that was left behind; it stays until the Document is saved or given up."""
        self._claim_folder()
        path.replace(self._copy_of(document.key))
        self._copied[document.key] = self._work(document)
        self._face.kept_changed()

    def close(self) -> None:
        """End the worker, and give up what is open; unsaved work on other photos is found again at the next start."""
        self._jobs.close()
        self._forget(self._session.document.key)
        if self._lock is not None:
            self._lock.unlock()

    def _changed(self, old: Document, new: Document) -> None:
        if old.key != new.key:
            self.copy(old)

    def _dirty(self, document: Document) -> bool:
        work = self._work(document)
        return bool(work) and work != self._saved.get(document.key)

    def _project(self, document: Document) -> Project:
        return Project(document, self._face.view(), self._face.viewpoints())

    def _work(self, document: Document) -> Work:
        return (*work_in(document), *((point.name, point.view) for point in self._face.viewpoints()))

    def _claim_folder(self) -> None:
        if self._lock is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock_of(self._token)
            self._lock.tryLock(0)

    def _lock_of(self, token: str) -> QLockFile:
        lock = QLockFile(str(self._folder / f"{token}.lock"))
        lock.setStaleLockTime(0)  # stale is only what a dead process holds
        return lock

    def _copy_of(self, key: int) -> Path:
        return self._folder / f"{self._token}-{key}{ENDING}"

    def _forget(self, key: int) -> None:
        self._copied.pop(key, None)
        try:
            self._copy_of(key).unlink(missing_ok=True)
        except OSError as error:
            log.warning("a copy stays behind: %s", error)


def work_in(document: Document) -> Work:
    """Return what the user has made of a photo or a splat file; empty where closing it would lose nothing."""
    by_hand = document.part if document.part is not None and document.part.by_hand else None
    made = any(s.steps for s in document.snapshots) or by_hand is not None
    return (tuple((s.key, s.name) for s in document.snapshots), by_hand) if made else ()
