"""Layout: where everything is in the window; makes the widgets and knows nothing of what they mean."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QLabel,
    QMainWindow,
    QProgressBar,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from partrm_viewer import theme as themes
from partrm_viewer.panels.messages import MessageBar
from partrm_viewer.panels.pane import Elided, Pane
from partrm_viewer.panels.photo import PhotoPanel
from partrm_viewer.panels.start import StartPage
from partrm_viewer.panels.states import StatesPanel
from partrm_viewer.theme import Theme
from partrm_viewer.viewport import Viewport
from partrm_viewer.words import tr


class Layout:
    """Message bar, then the start page or (photo | 3D over the film strip), then the status bar."""

    def __init__(
        self,
        window: QMainWindow,
        renderer: str,
        open_file: Callable[[], object],
        show_state: Callable[[int], None],
        rename_state: Callable[[int, str], None],
        cancel: Callable[[], object],
    ) -> None:
        self.messages = MessageBar()
        self.photo = PhotoPanel()
        self.photo.setObjectName("picture")
        self.viewport = Viewport(renderer)
        self.states = StatesPanel(show_state, rename_state)
        self.start = StartPage(themes.app_icon().pixmap(QSize(48, 48)), open_file)
        self.photo.setAccessibleName(tr("Photo"))
        self.viewport.setAccessibleName(tr("3D view"))
        self.states.setAccessibleName(tr("States"))
        self.photo_pane = Pane(tr("Photo"), self.photo)
        self.splat_pane = Pane(tr("3D"), self.viewport)

        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(self.photo_pane)
        self.split.addWidget(self.splat_pane)
        self.split.setHandleWidth(8)
        self.split.setChildrenCollapsible(False)
        self.split.setSizes([1000, 1000])
        work = QWidget()
        column = QVBoxLayout(work)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.split, 1)
        column.addWidget(self.states)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start)
        self.pages.addWidget(work)

        body = QWidget()
        outer = QVBoxLayout(body)
        outer.setContentsMargins(10, 10, 10, 4)
        outer.setSpacing(8)
        outer.addWidget(self.messages)
        outer.addWidget(self.pages, 1)
        window.setCentralWidget(body)

        self.status = Elided("status")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(160)
        self.progress_text = QLabel()
        self.cancel = QToolButton()
        self.cancel.setToolTip(tr("Cancel (Esc)"))
        self.cancel.setAccessibleName(tr("Cancel"))
        self.cancel.clicked.connect(lambda: cancel())
        self.jobs = QToolButton()
        self.jobs.setToolTip(tr("Show what runs and waits (Ctrl+J)"))
        self.jobs.setAccessibleName(tr("Jobs"))
        self.frame = QLabel()
        self.frame.setToolTip(tr("Splats shown, and how long the last frame took to draw"))
        self.renderer = QLabel()
        bar = window.statusBar()
        bar.setSizeGripEnabled(False)
        bar.addWidget(self.status, 1)
        for widget in (self.progress_text, self.progress, self.cancel, self.frame, self.renderer, self.jobs):
            bar.addPermanentWidget(widget)
        self.show_progress(None)

    def show_progress(self, fraction: float | None, what: str = "") -> None:
        """Show how far the running job is; 0 means that nobody knows yet, None hides the bar."""
        for widget in (self.progress, self.progress_text, self.cancel):
            widget.setVisible(fraction is not None)
        if fraction is not None:
            self.progress.setRange(0, 1000 if fraction > 0 else 0)
            self.progress.setValue(round(1000 * fraction))
            self.progress_text.setText(what)

    def set_theme(self, theme: Theme, percent: int = 100) -> None:
        """Redraw what a style sheet cannot reach, as large as all the rest."""
        side = round(16 * percent / 100)
        for button in (self.cancel, self.jobs):
            button.setIconSize(QSize(side, side))
        self.messages.set_icons(themes.icon("warning", theme), themes.icon("close", theme))
        self.cancel.setIcon(themes.icon("close", theme))
        self.jobs.setIcon(themes.icon("jobs", theme))
        self.photo.setBackground(theme.sunken)
        self.states.set_theme(theme)
        self.start.set_theme(theme)
