"""Jobs: what runs and waits, how far it is, how long it may still take, and a button that stops it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from partrm_viewer.jobs import Job
from partrm_viewer.panels.pane import Elided
from partrm_viewer.words import tr
from partrm_viewer.working import Row, Working, told

LOOK_EVERY_MS = 250


class JobsPanel(QDialog):
    """One line a job; looks at the workers while it is open."""

    def __init__(self, parent: QWidget, working: Working) -> None:
        super().__init__(parent)
        self.setObjectName("jobs")
        self.setWindowTitle(tr("Jobs"))
        self.resize(440, 220)
        self.setMinimumWidth(320)
        self._working = working
        self.lines: dict[tuple[Job, bool], Line] = {}
        self.empty = QLabel(tr("Nothing is running."))
        self.empty.setObjectName("jobsEmpty")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 14, 16, 14)
        self._column.setSpacing(8)
        self._column.addWidget(self.empty, 1)
        self._column.addStretch()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)

    def look(self) -> None:
        """Show how things are now; a line stays the same widget while its job is there."""
        rows = {(row.job, row.state in ("running", "waiting")): row for row in self._working.rows()}
        for key in [key for key in self.lines if key not in rows]:
            line = self.lines.pop(key)
            self._column.removeWidget(line)
            line.hide()
            line.deleteLater()
        for at, (key, row) in enumerate(rows.items()):
            if key not in self.lines:
                self.lines[key] = Line(row, self._working.cancel)
            if self._column.indexOf(self.lines[key]) != at:
                self._column.insertWidget(at, self.lines[key])
            self.lines[key].show_row(row)
        self.empty.setVisible(not rows)

    def showEvent(self, event: QShowEvent) -> None:
        self.look()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()


class Line(QFrame):
    """Name and what is being done, a bar, times, and Cancel."""

    def __init__(self, row: Row, cancel: Callable[[Job], None]) -> None:
        super().__init__()
        self.setObjectName("job")
        job = row.job
        self._name, self._what = Elided("jobName"), Elided("jobWhat")
        self._name.set_text(job.name)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(job.name)
        self._times = QLabel()
        self._times.setObjectName("jobTimes")
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setAutoDefault(False)
        self.cancel.setToolTip(tr("Stop this job"))
        self.cancel.setAccessibleName(tr("Cancel {name}").format(name=job.name))
        self.cancel.clicked.connect(lambda: cancel(job))
        words = QVBoxLayout()
        words.setSpacing(3)
        for widget in (self._name, self._what, self._bar, self._times):
            words.addWidget(widget)
        across = QHBoxLayout(self)
        across.setContentsMargins(12, 8, 10, 8)
        across.setSpacing(12)
        across.addLayout(words, 1)
        across.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_row(self, row: Row) -> None:
        """Show how the job stands."""
        running, open_ = row.state == "running", row.state in ("running", "waiting")
        self._what.setVisible(running and row.what not in ("", row.job.name))
        self._what.set_text(row.what)
        self._bar.setVisible(running)
        self._bar.setRange(0, 1000 if row.fraction > 0 else 0)
        self._bar.setValue(round(1000 * row.fraction))
        self._times.setText(told(row))
        self.cancel.setVisible(open_)
        self.cancel.setEnabled(not row.job.stop.is_set())
        self.cancel.setText(tr("Stopping…") if row.job.stop.is_set() else tr("Cancel"))
