"""Tour: drive the real window over the bundled samples and save what it shows; makes the pictures of docs/tour.md.

python -m partrm_viewer.tour -o docs/tour [--size 1280x800] [--theme light|dark]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QCursor, QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from model.errors import FormatError, PartRMError
from partrm_viewer.app import application
from partrm_viewer.cpu_screen import CpuScreen
from partrm_viewer.engine import Predictor, pipeline
from partrm_viewer.filing import SAMPLE
from partrm_viewer.tools.base import Point
from partrm_viewer.window import Window

SIZE = (1280, 800)
PATIENCE_S = 120.0
QUIET_S = 0.6  # without work, after which nothing more is expected to change
QUALITY = 92  # of the JPEGs
UPPER, LOWER, LESS = (505, 350, 574, 406), (520, 545, 583, 597), (520, 545, 545, 566)  # drags, px of cabinet.png
DOOR = (444, 383, 553, 523)  # px of doors.png
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier

Ends = tuple[float, float, float, float]  # of a drag, image pixels


def main(argv: list[str] | None = None) -> int:
    """Take all pictures; returns the exit code."""
    words = argparse.ArgumentParser(prog="python -m partrm_viewer.tour", description=__doc__)
    words.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER")
    words.add_argument("--size", default="x".join(map(str, SIZE)), metavar="WxH", help="of the window (%(default)s)")
    words.add_argument("--theme", choices=["light", "dark"], help="of all pictures, instead of some of each")
    options = words.parse_args(argv)
    width, _, height = options.size.partition("x")
    try:
        if not (width.isdecimal() and height.isdecimal()):
            raise PartRMError(f"{options.size} is not a size.", "Write width and height, as in 1280x800.")
        take(options.out, pipeline, (int(width), int(height)), options.theme)
    except PartRMError as error:
        print(error.title, error.hint, sep="\n", file=sys.stderr)
        return 2
    return 0


def take(
    out: Path, make_predictor: Callable[[], Predictor], size: tuple[int, int] = SIZE, theme: str | None = None
) -> None:
    """Walk through the program, and save a picture into a folder at each stop. Raises PartRMError."""
    out.mkdir(parents=True, exist_ok=True)
    app = application()
    with tempfile.TemporaryDirectory() as folder:
        window = Window(make_predictor, "cpu", Path(folder) / "settings.json")  # the same picture on any computer
        window.resize(*size)
        window.show()
        try:
            _walk(Guide(app, window, out, theme))
        finally:
            window.filing.give_up()


def _walk(guide: Guide) -> None:
    session = guide.window.session
    guide.dress("light")
    guide.switch("list_pulls", False)
    guide.keep("01_start")

    guide.open("cabinet.png")
    guide.point(LOWER[:2])
    guide.keep("02_hover")
    with guide.pull(LOWER):
        guide.keep("03_preview")
    guide.turn((70, -14))  # a little to the side: the right half is 3D
    guide.keep("04_predicted")
    with guide.pull(UPPER):
        pass
    guide.switch("list_pulls", True)
    guide.keep("05_pulls")
    guide.switch("list_pulls", False)
    session.show(1)
    with guide.pull(LESS):
        pass
    session.show(0)
    with guide.pull(UPPER):
        pass
    guide.keep("06_branches")

    guide.dress("dark")
    guide.open("doors.png")
    with guide.pull(DOOR):
        pass
    guide.switch("compare_halves", True)
    guide.keep("07_compare")
    guide.switch("compare_difference", True)
    guide.keep("08_difference")
    guide.switch("compare", False)
    guide.switch("what_moved", True)
    guide.turn((-60, -10))
    guide.keep("09_moved")
    guide.switch("what_moved", False)
    guide.switch("background", True)
    guide.turn((75, 20))
    guide.switch("present", True)
    guide.keep("10_presentation")
    guide.switch("present", False)
    guide.switch("background", False)

    guide.dress("light")
    guide.switch("numbers", True)
    guide.turn((-40, 10))
    guide.turn((30, -10))
    guide.keep("11_numbers")
    guide.switch("numbers", False)
    guide.dress("dark")
    guide.find("compare")
    guide.keep("12_commands")


class Guide:
    """Does with the window what a user does, waits until it has answered, and takes the pictures."""

    def __init__(self, app: QApplication, window: Window, out: Path, theme: str | None) -> None:
        self._app, self.window, self._out, self._theme = app, window, out, theme
        self._drawn = False  # a frame: the first one waits until the renderer is compiled
        window.parts.viewport.drawn.connect(self._note_frame)

    def switch(self, action: str, on: bool) -> None:
        """Choose a line of a menu, where that is not on or off already."""
        chosen = self.window.bars.actions[action]
        QCursor.setPos(self.window.mapToGlobal(QPoint(2, 60)))  # where the real pointer lights nothing up
        if chosen.isChecked() != on:
            chosen.trigger()
        self._settle(0.1)

    def dress(self, theme: str) -> None:
        """Choose a theme, where it has not been asked for another."""
        self.switch(f"theme_{self._theme or theme}", True)

    def find(self, letters: str) -> None:
        """Look for a command by some letters."""
        self.window.bars.actions["find_command"].trigger()
        commands = self.window.helping.commands
        assert commands is not None
        QTest.keyClicks(commands.line, letters)

    def open(self, name: str) -> None:
        """Open a sample, and wait until its parts are known."""
        document = self.window.session.document
        self.window.open(SAMPLE.with_name(name))
        self._wait(lambda: self.window.session.document.key != document.key and self._known() and self._drawn)

    def point(self, at_px: Point) -> None:
        """Rest with the pointer on a pixel of the photo."""
        for nearby in (2, 1, 0):  # it comes from somewhere
            QTest.mouseMove(self.window.parts.photo.viewport(), self._at(at_px) + QPoint(nearby, nearby))
            self._settle(0.05)

    @contextmanager
    def pull(self, ends: Ends) -> Iterator[None]:
        """Press on a part and pull it; let go when what is done meanwhile is done, and wait for the prediction."""
        photo, session = self.window.parts.photo.viewport(), self.window.session
        start, end, count = self._at(ends[:2]), self._at(ends[2:]), len(session.document.snapshots)
        self.point(ends[:2])
        QTest.mousePress(photo, LEFT, NONE, start)
        self._wait(lambda: session.document.part is not None)
        for step in range(1, 6):
            QTest.mouseMove(photo, start + (end - start) * step / 5)
            self._settle(0.05)
        yield
        QTest.mouseRelease(photo, LEFT, NONE, end)
        self._wait(lambda: len(session.document.snapshots) > count and not self.window.bench.predicting)
        self._wait(self._known)
        QTest.mouseMove(photo, QPoint(2, 2))

    def turn(self, way: tuple[int, int]) -> None:
        """Turn the 3D view, by a corner of it."""
        screen = self.window.parts.viewport.screen_.widget
        start = screen.rect().bottomRight() - QPoint(100, 40)
        QTest.mousePress(screen, LEFT, NONE, start)
        for step in range(1, 11):
            QTest.mouseMove(screen, start + QPoint(*way) * step / 10)
            self._settle(0.1)
        QTest.mouseRelease(screen, LEFT, NONE, start + QPoint(*way))

    def keep(self, name: str) -> None:
        """Save what is on screen, once nothing changes any more."""
        quiet_since = time.monotonic()
        end = quiet_since + PATIENCE_S
        while time.monotonic() - quiet_since < QUIET_S and time.monotonic() < end:
            self._settle(0.05)
            screen = self.window.parts.viewport.screen_
            late = isinstance(screen, CpuScreen) and self.window.session.document.shown is not None and screen.late
            if late or any(row.state in ("running", "waiting") for row in self.window.working.rows()):
                quiet_since = time.monotonic()
        path = self._out / f"{name}.jpg"
        if not _picture(self.window).save(str(path), quality=QUALITY):
            raise FormatError(f"{path} could not be written.", "Choose a folder that you may write to.")

    def _note_frame(self) -> None:
        self._drawn = True

    def _at(self, at_px: Point) -> QPoint:
        x, y = self.window.parts.photo.widget_from_image(at_px)
        return QPoint(round(x), round(y))

    def _known(self) -> bool:
        shown = self.window.session.document.shown
        return shown is not None and shown.state is not None and self.window.bench.atlas(shown.state) is not None

    def _wait(self, condition: Callable[[], bool]) -> None:
        end, messages = time.monotonic() + PATIENCE_S, self.window.parts.messages
        while not condition():
            self._settle(0.02)
            if messages.title:
                raise PartRMError(messages.title, messages.hint)
            if time.monotonic() > end:
                raise PartRMError("The window did not answer in time.", "Try again on a computer with less to do.")

    def _settle(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._app.processEvents()
            time.sleep(0.005)


def _picture(window: QWidget) -> QPixmap:
    """Return the window with the sheets that lie over it; never anything else of the screen."""
    picture = window.grab()
    painter = QPainter(picture)
    for sheet in window.findChildren(QDialog):
        if sheet.isVisible():
            at = QRect(sheet.pos() - window.pos(), sheet.size())
            painter.drawPixmap(at.topLeft(), sheet.grab())
            painter.setPen(QColor(128, 128, 128))
            painter.drawRect(at.adjusted(-1, -1, 0, 0))
    painter.end()
    return picture


if __name__ == "__main__":
    sys.exit(main())
