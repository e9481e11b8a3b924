"""Measuring: fills the numbers panel while it is shown. GUI thread only; scores are made on the worker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QVBoxLayout, QWidget

from model.errors import PartRMError
from model.progress import Progress
from partrm_viewer.document import Document
from partrm_viewer.feature import Feature
from partrm_viewer.jobs import Job
from partrm_viewer.panels.numbers import NumbersPanel
from partrm_viewer.screen import timer
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.scoring import Score, Truth
    from partrm_viewer.window import Window

WIDTH_PX, HEIGHT_PX = 280, 500  # of the panel, to begin with
EVERY_MS = 500  # that counts and frames are shown anew


class Measuring(Feature):
    """Shows the numbers panel at the right, or hides it."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._truth: Truth | None = None
        self._target = 0  # which of the truth's states
        self._job: Job | None = None
        self._dock = QDockWidget(window)
        self._dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self._dock.setTitleBarWidget(QWidget())
        self._dock.hide()
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self._dock)
        self._panel: NumbersPanel | None = None  # made when it is first shown
        self._again = timer(window, EVERY_MS, self._count)
        window.parts.viewport.drawn.connect(self._frame_drawn)

    @property
    def on(self) -> bool:
        """Tell whether the panel is wanted."""
        return not self._dock.isHidden()

    def checked(self) -> dict[str, bool]:
        """Say whether it is switched on."""
        return {"numbers": self.on}

    def numbers(self) -> None:
        """Show the numbers panel, or hide it."""
        if self._panel is None:
            self._panel = NumbersPanel(self.numbers, self._seen, self._choose)
            body = QWidget()
            layout = QVBoxLayout(body)
            layout.setContentsMargins(0, 10, 10, 4)
            layout.addWidget(self._panel)
            self._dock.setWidget(body)
            self._window.resizeDocks([self._dock], [WIDTH_PX], Qt.Orientation.Horizontal)
        self._dock.setVisible(not self.on)
        self._window.resizeDocks([self._dock], [HEIGHT_PX], Qt.Orientation.Vertical)  # where there is a list below
        self._window.work_changed()

    def changed(self, old: Document, new: Document) -> None:
        """Measure what is shown now."""
        if self.on and (old.shown is not new.shown or old.path != new.path):
            self._measure(another_photo=old.key != new.key)

    def stop(self) -> None:
        """Measure no more."""
        self._again.stop()
        self._dock.hide()

    def _seen(self, visible: bool) -> None:
        if visible:
            self._measure(another_photo=True)
            self._count()
        else:
            self._again.stop()

    def _frame_drawn(self) -> None:
        if self._panel is not None and self._panel.isVisible():
            self._panel.add_frame(self._window.parts.viewport.screen_.pace.frame_s)

    def _count(self) -> None:
        assert self._panel is not None
        shown = self._window.session.document.shown
        splats = len(shown.gaussians) if shown is not None else None
        self._panel.set_counts(splats, memory_bytes(), self._window.session.undo_bytes)
        self._panel.show_frames()
        self._again.start()

    def _choose(self, target: int) -> None:
        self._target = target
        self._measure(another_photo=False)

    def _measure(self, another_photo: bool) -> None:
        """Show the shown state's stages, and have it scored where the truth is known."""
        window, document, panel = self._window, self._window.session.document, self._panel
        shown = document.shown
        assert panel is not None
        panel.set_stages(shown.times_s if shown is not None else ())
        if self._job is not None:
            window.jobs.cancel(self._job)
            self._job = None
        if another_photo:
            self._truth = None
            panel.set_targets((), 0)
        if shown is None or shown.state is None or document.path is None:
            return
        state, path, truth, target = shown.state, document.path, self._truth, self._target

        def run(progress: Progress) -> tuple[Truth, int, Score] | None:
            from partrm_viewer.scoring import score, truth_of  # late: numba and OpenCV take their time

            found = truth or truth_of(path)
            if found is None:
                return None
            at = found.states.index(found.photo) if truth is None else target
            return found, at, score(state, found, found.states[at])

        def done(value: tuple[Truth, int, Score] | None) -> None:
            self._job = None
            if value is None:
                return
            found, at, made = value
            if self._truth is not found:
                self._truth, self._target = found, at
                panel.set_targets([f"{id}" for id in found.states], at)
            panel.set_score(made.psnr_db, made.ssim)

        def failed(error: PartRMError) -> None:
            self._job = None
            window.tell(error)

        panel.set_score(None, None)
        self._job = window.jobs.submit(Job(tr("Comparing with the truth"), run, done, failed, brief=True))


def memory_bytes() -> int | None:
    """Return what this process holds in memory; where the system only tells the most it ever held, that."""
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
    from partrm_viewer.export import peak_memory_bytes  # late: formats take their time

    return peak_memory_bytes()
