"""App: start the window. Nothing that takes long (torch, the networks) is imported before it is on screen."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QSurfaceFormat
from PySide6.QtWidgets import QApplication

from model.errors import PartRMError
from partrm_viewer import logs, settings, theme, words
from partrm_viewer.engine import Predictor, pipeline
from partrm_viewer.jobs import UNEXPECTED_HINT
from partrm_viewer.settings import Settings
from partrm_viewer.window import TITLE, Window
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from model.stages.pipeline import SidesBy

log = logging.getLogger(__name__)


def application() -> QApplication:
    """Return the one QApplication, with what must be set before it is made."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    form = QSurfaceFormat()
    form.setVersion(3, 3)
    form.setProfile(QSurfaceFormat.OpenGLContextProfile.CompatibilityProfile)
    form.setSwapInterval(1)
    QSurfaceFormat.setDefaultFormat(form)
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("partrm_viewer")
    app.setApplicationDisplayName(TITLE)
    app.setWindowIcon(theme.app_icon())
    return app


def prepare(chosen: Settings) -> None:
    """Set what must be set before the libraries that compute, and any text, are made."""
    if chosen.threads:
        for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ.setdefault(name, str(chosen.threads))
    try:
        words.choose(chosen.language)
    except (OSError, ValueError, TypeError) as error:
        log.warning("the language %s cannot be read: %s", chosen.language, error)


def run(path: Path | None, weights: str, device: str, renderer: str, sides: SidesBy) -> int:
    """Open the window, with a file or the start page; returns the exit code when it is closed."""
    chosen = settings.load(settings.config_folder() / "settings.json")
    prepare(chosen)
    app = application()
    logs.begin()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C in the terminal ends the program

    def predictor_of(name: str) -> Predictor:
        where = device if device != "auto" else window.settings.device
        return pipeline(name, where, sam="auto", sides=sides)

    network = weights if weights != "embedded" else chosen.network
    drawn_by = renderer if renderer != "auto" else chosen.renderer
    window = Window(lambda: predictor_of(network), drawn_by, predictor_of=predictor_of, network=network)
    window.show()

    def failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logs.failed(kind, error, trace)
        sys.__excepthook__(kind, error, trace)
        title = tr("Something went wrong ({error})").format(error=f"{kind.__name__}: {error}")
        if window.parts.messages.title != title:  # a mistake in painting comes with each frame
            told = PartRMError(title, UNEXPECTED_HINT)
            told.__cause__ = error
            window.tell(told)

    sys.excepthook = failed

    def begin() -> None:
        if path is not None:
            window.open(path)
        window.filing.offer_recovery()
        window.bench.warm_up()

    QTimer.singleShot(60, window, begin)  # after the first paint
    return app.exec()
