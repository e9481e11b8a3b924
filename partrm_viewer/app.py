"""App: start the window. Nothing that takes long (torch, the networks) is imported before it is on screen."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QSurfaceFormat
from PySide6.QtWidgets import QApplication

from model.errors import PartRMError
from partrm_viewer import logs, theme
from partrm_viewer.engine import Predictor, pipeline
from partrm_viewer.jobs import UNEXPECTED_HINT
from partrm_viewer.window import TITLE, Window
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from model.stages.pipeline import SidesBy


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


def run(path: Path | None, weights: str, device: str, renderer: str, sides: SidesBy) -> int:
    """Open the window, with a file or the start page; returns the exit code when it is closed."""
    app = application()
    logs.begin()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C in the terminal ends the program

    def predictor_of(name: str) -> Predictor:
        return pipeline(name, device, sam="auto", sides=sides)

    window = Window(lambda: predictor_of(weights), renderer, predictor_of=predictor_of, network=weights)
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
