"""Window: shows the session's Document, and hands what the user does to the workbench."""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QMainWindow

from model.errors import ImageError, PartRMError, WeightsError
from model.stages.state import Part
from partrm_viewer import settings as settings_file
from partrm_viewer import theme as themes
from partrm_viewer.bars import Bars
from partrm_viewer.comparing import Comparing
from partrm_viewer.document import Document
from partrm_viewer.drags import Drags
from partrm_viewer.engine import Engine, Predictor
from partrm_viewer.exporting import Exporting
from partrm_viewer.feature import Feature
from partrm_viewer.filing import Filing
from partrm_viewer.helping import Helping
from partrm_viewer.jobs import Jobs, Message, Progressed
from partrm_viewer.keys import ButtonKeys
from partrm_viewer.layout import Layout
from partrm_viewer.mailbox import Mailbox
from partrm_viewer.measuring import Measuring
from partrm_viewer.panels.states import OF_A_STATE
from partrm_viewer.panels.weights import WeightsPage
from partrm_viewer.playing import Playing
from partrm_viewer.preferring import Preferring
from partrm_viewer.presenting import Presenting
from partrm_viewer.project import Project
from partrm_viewer.pulling import Pulling
from partrm_viewer.session import Session
from partrm_viewer.showing import Showing, another_state
from partrm_viewer.starting import Starting
from partrm_viewer.tools.box import Box, BoxTool
from partrm_viewer.tools.brush import BrushTool
from partrm_viewer.tools.pull import Gesture, PullTool
from partrm_viewer.tracing import Tracing
from partrm_viewer.viewing import Viewing
from partrm_viewer.viewpoints import Viewpoints
from partrm_viewer.workbench import Workbench
from partrm_viewer.working import Working

TITLE = "PartRM Viewer"
log = logging.getLogger(__name__)


class Window(QMainWindow):
    """The one window. `make_predictor` is called on the worker thread when a predictor is first needed.

    With `predictor_of` the user can go over to other networks by name; `network` is the one to begin with.
    """

    def __init__(
        self,
        make_predictor: Callable[[], Predictor],
        renderer: str = "auto",
        settings_path: Path | None = None,
        predictor_of: Callable[[str], Predictor] | None = None,
        network: str = "embedded",
    ) -> None:
        super().__init__()
        self._predictor_of, self._network = predictor_of, network
        self._settings_path = settings_path or settings_file.config_folder() / "settings.json"
        self.settings = settings_file.load(self._settings_path)
        self.session = Session()
        self._mailbox = Mailbox(self._receive)
        self.working = Working()
        self.jobs = self.working.watch(Jobs(self._mailbox.post))
        engine = Engine(make_predictor)
        self.bench = Workbench(self.session, self.jobs, engine, self)
        self.parts = Layout(
            self,
            renderer,
            lambda: self.filing.open_file(),
            self.session.show,
            self.session.rename,
            self.cancel,
        )
        self.pulling = Pulling(self, self.jobs, engine)
        self.pull = self.pulling.tool
        self.box = BoxTool(self.parts.photo.set_box, self._box_drawn)
        photo, outlining = self.parts.photo, self.bench.outlining
        self.showing = Showing(self.parts, self.session, self.bench)
        self.brush = BrushTool(self._paintable, lambda: photo.brush_px, self.showing.outline, outlining.paint)
        self.parts.viewport.screen_changed.connect(self._screen_changed)
        self._weights: WeightsPage | None = None
        self._tool: PullTool | BoxTool | BrushTool = self.pull
        saver = self.working.watch(Jobs(self._mailbox.post, "saver"))
        self.filing = Filing(self, saver, self._settings_path.parent / "recovery")
        self.exporting = Exporting(self, self.working.watch(Jobs(self._mailbox.post, "exporter")))
        self.playing, self.comparing, self.tracing = Playing(self), Comparing(self), Tracing(self)
        self.measuring, self.drags = Measuring(self), Drags(self)
        self.viewing, self.viewpoints = Viewing(self), Viewpoints(self)
        self.presenting = Presenting(self)
        self.features: tuple[Feature, ...] = (
            self.pulling, self.playing, self.comparing, self.tracing, self.measuring, self.drags,
            self.viewing, self.viewpoints, self.presenting,
        )  # fmt: skip
        self.starting = Starting(self, self.working.watch(Jobs(self._mailbox.post, "thumbnails")))
        self.helping, self.preferring = Helping(self), Preferring(self)
        ButtonKeys(self)
        doers = (self, self.filing, self.exporting, self.starting, self.helping, self.preferring, *self.features)
        self.bars = Bars(self, doers, lambda: self.settings.recent, self.open)
        self.parts.states.offer([self.bars.actions[name] for name in OF_A_STATE])
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAcceptDrops(True)
        self.set_name("", False)
        self.setMinimumSize(640, 460)
        self.session.on_change(self._changed)
        self._screen_changed(self.parts.viewport.screen_error)
        self.application().styleHints().colorSchemeChanged.connect(self.dress)
        self.dress()
        self._restore_geometry()
        self.use_pull()
        self._changed(Document(), self.session.document)

    def open(self, path: Path) -> None:
        """Open an image, a splat file or a project."""
        self.filing.open(path)

    def set_name(self, name: str, dirty: bool) -> None:
        """Show in the title what is open, with a mark where it is not saved."""
        plain = name.replace("[*]", "[*][*]")  # Qt's own mark, and how it is written where it is meant
        self.setWindowTitle(f"{plain}[*] – {TITLE}" if name else TITLE)
        self.setWindowModified(dirty and bool(name))

    # ---- actions: one method for each line of the table, here or in the file of what it is about

    def quit(self) -> None:
        """Close the window."""
        self.close()

    def undo(self) -> None:
        """Take the last step back."""
        self.pull.cancel()
        if not self.bench.outlining.take_back():
            self.session.undo()

    def redo(self) -> None:
        """Do again what was undone."""
        self.pull.cancel()
        self.session.redo()

    def rename_state(self) -> None:
        """Edit the shown state's name in the film strip."""
        self.parts.states.edit_current()

    def remove_state(self) -> None:
        """Take the shown state out of the list."""
        self.session.remove(self.session.document.active)

    def use_pull(self) -> None:
        """Pull parts with the left button."""
        self._use(self.pull)

    def use_box(self) -> None:
        """Draw a box around the object with the left button."""
        self._use(self.box)

    def use_brush(self) -> None:
        """Paint the part with the left button."""
        self._use(self.brush)

    def other_outline(self) -> None:
        """Take the next of the part's outlines."""
        if not self.bench.predicting:
            self.bench.outlining.another()

    def cancel(self) -> None:
        """Stop what is running, or else close the message."""
        if self.pull.gesture is not None and not self.pull.gesture.released:
            self.pull.cancel()
        elif self.brush.stroke is not None:
            self.brush.cancel()
        elif self.presenting.on:
            self.presenting.leave()
        elif self.parts.progress.isVisible():
            self.jobs.cancel_all()
            self.exporting.jobs.cancel_all()
        elif self.bench.outlining.take_back() or self.starting.back():
            pass
        elif self._tool is not self.pull:
            self.use_pull()
        else:
            self.parts.messages.dismiss()

    def theme_system(self) -> None:
        """Follow the desktop."""
        self._choose_theme("system")

    def theme_light(self) -> None:
        """Use the light theme."""
        self._choose_theme("light")

    def theme_dark(self) -> None:
        """Use the dark theme."""
        self._choose_theme("dark")

    def weights(self) -> None:
        """Show which weights there are, and fetch, import or verify them."""
        if self._weights is None:
            use = self.use_network if self._predictor_of is not None else None
            self._weights = WeightsPage(self, self.working, use)
        self._weights.set_network(self._network)
        self._weights.refresh()
        self._weights.show()
        self._weights.raise_()

    @property
    def network(self) -> str:
        """Name the network that predicts."""
        return self._network

    @property
    def fetching(self) -> str:
        """Name the job of the weights page that closing would stop; nothing where there is none."""
        return self._weights.running if self._weights is not None else ""

    def use_network(self, name: str) -> None:
        """Predict with other weights from now on; with those before, where they cannot be loaded."""
        make = self._predictor_of
        if make is None:  # there is but one
            return

        def then(loaded: bool) -> None:
            self._network = name if loaded else self._network
            if loaded:
                self.settings = replace(self.settings, network=name)
                self.parts.messages.dismiss("object")
                self.say(f"Predicting with {name}")
            if self._weights is not None:
                self._weights.set_network(self._network)

        self.filing.keeping.copy()
        self.bench.use(lambda: make(name), then)

    # ---- what the workbench tells

    def say(self, text: str) -> None:
        """Show one line in the status bar."""
        self.parts.status.set_text(text)

    def tell(self, error: PartRMError, about: str = "") -> None:
        """Show a failure until it is closed."""
        self.say("")
        if about == "object" and isinstance(error, ImageError) and self.session.document.image is not None:
            self.parts.messages.show_error(error, about, "Draw a box", self.use_box)
        elif isinstance(error, WeightsError):
            self.parts.messages.show_error(error, about, "Weights…", self.weights)
        else:
            self.parts.messages.show_error(error, about)

    def part_found(self, gesture: Gesture) -> None:
        """Light the part up and, where the pointer has gone on, move it at once."""
        self.pulling.part_found(gesture)

    def part_changed(self, part: Part | None) -> None:
        """Show the part as it is now, with what is on its way to it."""
        self.showing.outline(self.brush.stroke)
        if part is None:
            return
        self.parts.messages.dismiss("part")
        at = next((k for k, o in enumerate(part.outlines, 1) if o.mask is part.mask), 0)
        if at:
            self.say(f"Outline {at} of {len(part.outlines)} · M takes the next · pull it")
        else:
            self.say("Part outlined by hand · pull it")

    def pull_ended(self, gesture: Gesture) -> None:
        """Let the preview go; the predicted state, if there is one, is shown already."""
        self.pulling.ended(gesture)

    def project_opened(self, path: Path, opened: Project) -> None:
        """Look at a project from where it was saved."""
        self.filing.project_opened(path, opened)

    def work_changed(self) -> None:
        """Show what may be done now."""
        self._refresh_actions()
        self.showing.badge(self.pull.gesture)
        self.presenting.refresh()

    # ---- what has changed

    def _changed(self, old: Document, new: Document) -> None:
        if another_state(old, new):
            self.pulling.other_state(new)
            self.brush.stroke = None
        self.showing.document(old, new, self.brush.stroke)
        for feature in self.features:
            feature.changed(old, new)
        if old.key != new.key and self._tool is not self.pull:
            self.use_pull()
        self.filing.kept_changed()
        self.work_changed()

    def _receive(self, message: Message) -> None:
        self.working.told(message)
        if isinstance(message, Progressed):
            if not message.job.quiet:
                self.parts.show_progress(message.fraction, message.what)
            elif message.fraction > 0 and not message.job.idle:
                self.say(f"{message.what}… {message.fraction:.0%}")
            return
        if not message.job.quiet:
            self.parts.show_progress(None)
        message.deliver()

    # ---- tools

    def _refresh_actions(self) -> None:
        checked = {
            "use_pull": self._tool is self.pull,
            "use_box": self._tool is self.box,
            "use_brush": self._tool is self.brush,
            **{f"theme_{name}": self.settings.theme == name for name in settings_file.THEMES},
        }
        for feature in self.features:
            checked |= feature.checked()
        self.bars.refresh(self.session, checked, self.starting.here)
        self.viewpoints.refresh(self.bars.actions)

    def _use(self, tool: PullTool | BoxTool | BrushTool) -> None:
        self._tool = tool
        self.parts.photo.set_tool(tool)
        if self.session.document.image is not None:
            self.say(tool.hint)
        self._refresh_actions()

    def _box_drawn(self, box: Box) -> None:
        self.parts.messages.dismiss("object")
        self.use_pull()
        self.bench.build(box)

    def _paintable(self) -> np.ndarray | None:
        shown = self.session.document.shown
        if self.bench.predicting:
            self.say("The last pull is still being predicted; try again in a moment")
            return None
        return shown.state.mask if shown is not None and shown.state is not None else None

    # ---- look

    def _choose_theme(self, name: str) -> None:
        self.settings = replace(self.settings, theme=name)
        self.dress()
        self._refresh_actions()

    def dress(self) -> None:
        """Use the theme and the size of the settings."""
        application = self.application()
        theme = themes.wanted(self.settings.theme, application)
        themes.apply(theme, application, self.settings.scale)
        self.bars.set_theme(theme, self.settings.scale)
        self.parts.set_theme(theme, self.settings.scale)
        self.drags.set_theme(theme)

    def _screen_changed(self, error: PartRMError | None) -> None:
        self.parts.renderer.setText(self.parts.viewport.screen_.name)
        self.parts.renderer.setToolTip(self.parts.viewport.screen_.why)
        if error is not None:
            self.tell(error, "screen")

    def _restore_geometry(self) -> None:
        self.resize(1280, 800)
        if self.settings.geometry:
            self.restoreGeometry(QByteArray(b64decode(self.settings.geometry)))
        if len(self.settings.split) == 2:
            self.parts.split.setSizes(list(self.settings.split))

    @staticmethod
    def application() -> QApplication:
        """Return the running application."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        return application

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.filing.may_close():
            event.ignore()
            return
        self.presenting.leave()
        geometry = b64encode(self.saveGeometry().data()).decode()
        split = tuple(self.parts.split.sizes()) if self.parts.photo_pane.isVisible() else self.settings.split
        try:
            settings_file.save(self._settings_path, replace(self.settings, geometry=geometry, split=split))
        except OSError as error:
            log.warning("the settings were not kept: %s", error)
        self.hide()  # the worker may need a moment to stop
        self.application().styleHints().colorSchemeChanged.disconnect(self.dress)
        if self._weights is not None:
            self._weights.stop()
        self._mailbox.close()
        self.jobs.close()
        self.filing.close()
        self.exporting.close()
        self.starting.close()
        for feature in self.features:
            feature.stop()
        self.showing.stop()
        self.parts.viewport.close_screen()
        super().closeEvent(event)
