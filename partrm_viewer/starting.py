"""Starting: fills the start page, goes to it and back; files that are dropped on the window. GUI thread only."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QDropEvent

from model.errors import ImageError
from model.progress import Progress
from partrm_viewer import dialogs
from partrm_viewer.document import Document
from partrm_viewer.filing import SAMPLE
from partrm_viewer.jobs import Job, Jobs
from partrm_viewer.panels.start import Entry
from partrm_viewer.screen import timer
from partrm_viewer.thumbnails import Thumbnail, look
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

AFTER_PAINT_MS = 50  # pictures of files must not delay the window


class Starting(QObject):
    """The start page's part of the window; it looks at files on a worker of its own."""

    def __init__(self, window: Window, jobs: Jobs) -> None:
        super().__init__(window)
        self._window, self._jobs = window, jobs
        self._seen: dict[Path, Thumbnail] = {}
        self._look_soon = timer(window, AFTER_PAINT_MS, self._look)
        page = window.parts.start
        page.open_path, page.forget, page.go_back = window.open, self._forget, self.back
        page.shown = self.fill
        window.session.on_change(self._changed)
        window.installEventFilter(self)

    # ---- actions

    def start_page(self) -> None:
        """Go to the start page; what is open stays open."""
        self._window.pull.cancel()
        self._window.playing.stop()
        self._window.parts.pages.setCurrentIndex(0)
        self._window.work_changed()

    # ---- what the window asks

    @property
    def here(self) -> bool:
        """Tell whether the start page is shown."""
        return self._window.parts.pages.currentIndex() == 0

    def back(self) -> bool:
        """Go back to what is open; False where nothing is, or that is shown already."""
        if not self.here or self._window.session.document.empty:
            return False
        self._window.parts.pages.setCurrentIndex(1)
        self._window.work_changed()
        return True

    def fill(self) -> None:
        """Offer samples and recent files as they are now."""
        page, document = self._window.parts.start, self._window.session.document
        page.set_back(document.name)
        page.set_entries(samples(), [_entry(Path(text)) for text in self._window.settings.recent])
        for seen in self._seen.values():
            page.set_thumbnail(seen)
        self._look_soon.start()

    def close(self) -> None:
        """End the worker."""
        self._look_soon.stop()
        self._jobs.close()

    # ---- files

    def _look(self) -> None:
        for tile in self._window.parts.start.tiles():
            path, before = tile.path, self._seen.get(tile.path)

            def run(_: Progress, path: Path = path, before: Thumbnail | None = before) -> Thumbnail:
                return look(path, before)

            self._jobs.submit(Job(tr("Looking at {name}").format(name=path.name), run, self._saw, _ignore, brief=True))

    def _saw(self, seen: Thumbnail) -> None:
        if self._seen.get(seen.path) is not seen:
            self._seen[seen.path] = seen
            self._window.parts.start.set_thumbnail(seen)

    def _forget(self, path: Path) -> None:
        self._window.settings = self._window.settings.without_recent(path)
        self._seen.pop(path, None)
        self.fill()

    def _changed(self, old: Document, new: Document) -> None:
        if old.key != new.key:
            self._window.parts.pages.setCurrentIndex(0 if new.empty else 1)

    # ---- dropping

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take whatever is dropped on the window: what cannot be opened is better explained than refused."""
        kind = event.type()
        if kind in (QEvent.Type.DragEnter, QEvent.Type.DragLeave, QEvent.Type.Drop):
            self._window.parts.start.set_dropping(kind == QEvent.Type.DragEnter)
            if isinstance(event, QDropEvent):  # a QDragEnterEvent is one, too
                event.acceptProposedAction()
                if kind == QEvent.Type.Drop:
                    self._dropped(event)
                return True
        return False

    def _dropped(self, event: QDropEvent) -> None:
        data = event.mimeData()
        path, count = dialogs.dropped(data), len(data.urls())
        if path is None:
            where = tr("an address on the web") if count else tr("text or a picture out of another program")
            title = tr("What was dropped is {what}, not a file.").format(what=where)
            self._window.tell(ImageError(title, tr("Save it as a file first; then drop that, or open it with Ctrl+O.")))
            return
        self._window.open(path)
        if count > 1:
            self._window.say(tr("Opening {name}, the first of {count} files").format(name=path.name, count=count))


@cache
def samples() -> tuple[Entry, ...]:
    """Return the photos that come with the program."""
    found = []
    for path in sorted(SAMPLE.parent.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        name, _, what = told["name"].partition(": ")
        found.append(Entry(path.with_name(told["image"]), name, what[:1].upper() + what[1:]))
    return tuple(found)


def _entry(path: Path) -> Entry:
    folder, home = str(path.parent), str(Path.home())
    about = folder.replace(home, "~", 1) if folder.startswith(home) else folder
    return Entry(path, path.name, about)


def _ignore(_: object) -> None: ...
