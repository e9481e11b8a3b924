"""Helping: the sheets beside the work: keys and mouse, jobs, the log, an error's details. GUI thread only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog

from partrm_viewer import details, logs
from partrm_viewer import theme as themes
from partrm_viewer.panels.help import HelpSheet
from partrm_viewer.panels.jobs import JobsPanel
from partrm_viewer.panels.log import LogPage
from partrm_viewer.panels.palette import Palette
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

N_LOG_LINES = 40  # in an error's details


class Helping:
    """Makes each sheet when it is first asked for."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._sheets: dict[type[QDialog], QDialog] = {}
        self._palette: Palette | None = None
        window.parts.messages.on_copy = self._copy_details
        window.parts.messages.on_log = self.log_page
        window.parts.jobs.clicked.connect(self.jobs_panel)

    # ---- actions

    def help(self) -> None:
        """Show keys and mouse."""
        self._show(self.sheet(HelpSheet) or HelpSheet(self._window))

    def find_command(self) -> None:
        """Find an action by some letters of it."""
        window = self._window
        if self._palette is None:
            actions = window.bars.actions
            self._palette = Palette(window, lambda name: actions[name].isEnabled(), self._run)
        self._palette.open(themes.wanted(window.settings.theme, window.application()))

    def jobs_panel(self) -> None:
        """Show what runs and waits, over the status bar."""
        panel = self.sheet(JobsPanel)
        if panel is None:
            panel = JobsPanel(self._window, self._window.working)
            corner = self._window.mapToGlobal(self._window.rect().bottomRight())
            panel.move(corner.x() - panel.width() - 12, corner.y() - panel.height() - 60)
        self._show(panel)

    def log_page(self) -> None:
        """Show the last lines of the log."""
        self._show(self.sheet(LogPage) or LogPage(self._window))

    # ---- sheets

    @property
    def commands(self) -> Palette | None:
        """Return the palette, where it has been asked for."""
        return self._palette

    def _run(self, name: str) -> None:
        QTimer.singleShot(0, self._window, self._window.bars.actions[name].trigger)  # once the palette is gone

    def sheet(self, kind: type[QDialog]) -> QDialog | None:
        """Return a sheet that has been asked for before."""
        return self._sheets.get(kind)

    def _show(self, sheet: QDialog) -> None:
        self._sheets[type(sheet)] = sheet
        sheet.show()
        sheet.raise_()
        sheet.activateWindow()

    def _copy_details(self) -> None:
        window = self._window
        bar, settings = window.parts.messages, window.settings
        facts = {"Renderer": window.parts.renderer.text(), "Screen": window.parts.viewport.screen_.why}
        folders = [Path(text).parent for text in settings.recent]
        folders += [Path(settings.folder)] if settings.folder else []
        text = details.report(bar.title, bar.hint, bar.trace, facts, logs.last(N_LOG_LINES), folders)
        QApplication.clipboard().setText(text)
        window.say(tr("The details are on the clipboard"))
