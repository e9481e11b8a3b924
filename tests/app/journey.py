"""A program that works on a photograph as a user does, with the real networks, until it is killed.

python tests/app/journey.py FOLDER PHOTO BOX PULL, the last two as X0,Y0,X1,Y1 in image pixels
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QEventLoop, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from partrm_viewer import dialogs
from partrm_viewer.app import application
from partrm_viewer.engine import pipeline
from partrm_viewer.window import Window
from tests.app.watchdog import Watchdog

Four = tuple[float, float, float, float]
LEFT = Qt.MouseButton.LeftButton
PATIENCE_S = 240.0
STEPS = 12  # of the mouse on its way


class Journey:
    """One window, and a hand that moves the mouse over its photo."""

    def __init__(self, app: QApplication, folder: Path) -> None:
        self.app = app
        self.window = Window(pipeline, "auto", folder / "settings.json")
        self.window.show()

    def wait(self, condition: Callable[[], object]) -> None:
        """Let the window live until something is so."""
        over = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < over, f"too slow; {self.window.parts.status.whole()}"
            self.app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            time.sleep(0.005)

    def do(self, action: str) -> None:
        """Use an action that can be used now."""
        self.wait(self.window.bars.actions[action].isEnabled)
        self.window.bars.actions[action].trigger()

    def drag(self, way: Four, then: Callable[[], object] = lambda: True) -> None:
        """Press at the first of two image pixels, wait for something, go to the second one, let go."""
        photo = self.window.parts.photo
        ends = [photo.widget_from_image(way[:2]), photo.widget_from_image(way[2:])]
        (x0, y0), (x1, y1) = ends
        QTest.mousePress(photo.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, QPoint(round(x0), round(y0)))
        self.wait(then)
        for k in range(1, STEPS + 1):
            at = QPoint(round(x0 + (x1 - x0) * k / STEPS), round(y0 + (y1 - y0) * k / STEPS))
            QTest.mouseMove(photo.viewport(), at)
            self.app.processEvents()
            time.sleep(0.03)
        QTest.mouseRelease(photo.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, at)


def main(folder: Path, photo: Path, box: Four, pull: Four) -> None:
    """Open, outline, pull, undo, redo, save, go on, and stay in the middle of it."""
    app = application()
    with Watchdog() as watchdog:
        journey = Journey(app, folder)
        watchdog.rest()  # making the window is measured elsewhere
        window, session = journey.window, journey.window.session
        wait, do = journey.wait, journey.do
        window.open(photo)
        wait(lambda: session.document.image is not None)
        wait(lambda: not window.bench.building)
        before = session.document.rest
        do("use_box")
        journey.drag(box)
        wait(lambda: session.document.rest is not before)
        journey.drag(pull, lambda: session.document.part is not None)
        wait(lambda: len(session.document.snapshots) == 2)
        do("undo")
        assert len(session.document.snapshots) == 1
        do("redo")
        assert len(session.document.snapshots) == 2
        dialogs.ask_where = lambda *_: folder / "saved.partrm"
        do("save")
        wait(lambda: not window.isWindowModified())
        session.rename(1, "Ajar")
        window.filing.keeping.copy()
        wait(lambda: list((folder / "recovery").glob("*.partrm")))
        do("previous_state")
        wait(lambda: not window.bench.running)
        journey.drag(pull, lambda: session.document.part is not None)
        assert window.bench.predicting
    print(f"longest {1000 * watchdog.longest_s:.0f} ms", watchdog.told(), sep="\n", flush=True)
    print("busy", flush=True)
    wait(lambda: False)


if __name__ == "__main__":
    ways: list[Four] = []
    for text in sys.argv[3:]:
        x0, y0, x1, y1 = map(float, text.split(","))
        ways.append((x0, y0, x1, y1))
    main(Path(sys.argv[1]), Path(sys.argv[2]), *ways)
