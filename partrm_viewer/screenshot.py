"""Screenshot: drive the real window through one pull and save what it shows; makes the README's picture.

python -m partrm_viewer.screenshot OUT.png [--image IMAGE --drag X0,Y0,X1,Y1] [--theme light|dark] [--moment preview]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from model.drag import Drag
from model.errors import PartRMError
from partrm_viewer.app import application
from partrm_viewer.engine import Predictor, pipeline
from partrm_viewer.filing import SAMPLE
from partrm_viewer.window import Window

SIZE = (1280, 800)
PATIENCE_S = 120.0
TURN_PX = (70, -14)  # a little to the side, so that the picture tells that the right half is 3D


def main(argv: list[str] | None = None) -> int:
    """Take the picture; returns the exit code."""
    words = argparse.ArgumentParser(prog="python -m partrm_viewer.screenshot", description=__doc__)
    words.add_argument("out", type=Path, metavar="OUT.png")
    words.add_argument("--image", type=Path, help="another photo than the sample; needs --drag")
    words.add_argument("--drag", metavar="X0,Y0,X1,Y1", help="image pixels")
    words.add_argument("--theme", choices=["light", "dark"], default="light")
    words.add_argument("--moment", choices=["preview", "predicted"], default="predicted")
    words.add_argument("--renderer", choices=["auto", "gl", "cpu"], default="auto")
    options = words.parse_args(argv)
    try:
        image, drag = _job(options.image, options.drag)
        with tempfile.TemporaryDirectory() as folder:
            settings = Path(folder) / "settings.json"
            take(options.out, image, drag, options.theme, options.moment, options.renderer, settings, _pipeline)
    except PartRMError as error:
        print(error.title, error.hint, sep="\n", file=sys.stderr)
        return 2
    return 0


def take(
    out: Path,
    image: Path,
    drag: Drag,
    theme: str,
    moment: str,
    renderer: str,
    settings: Path,
    make_predictor: Callable[[], Predictor],
) -> None:
    """Open an image, press, pull, let go, wait for the prediction, save the window. Raises PartRMError."""
    app = application()
    window = Window(make_predictor, renderer, settings)
    (window.theme_light if theme == "light" else window.theme_dark)()
    window.resize(*SIZE)
    window.show()
    try:
        window.open(image)
        _wait(app, window, lambda: window.session.document.shown is not None)
        photo = window.parts.photo
        ends = [QPoint(round(x), round(y)) for x, y in map(photo.widget_from_image, (drag.start_px, drag.end_px))]
        QTest.mousePress(photo.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, ends[0])
        _wait(app, window, lambda: window.session.document.part is not None)
        for step in range(1, 6):
            QTest.mouseMove(photo.viewport(), ends[0] + (ends[1] - ends[0]) * step / 5)
            _settle(app, 0.05)
        if moment == "predicted":
            QTest.mouseRelease(photo.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, ends[1])
            _wait(app, window, lambda: len(window.session.document.snapshots) > 1 and not window.bench.predicting)
            _turn(window)
        _settle(app, 1.5)
        out.parent.mkdir(parents=True, exist_ok=True)
        picture = window.screen().grabWindow(window.winId()) if renderer == "gl" else window.grab()
        if not picture.save(str(out)):
            raise PartRMError(f"{out} could not be written.", "Choose a folder that you may write to, and .png.")
    finally:
        window.filing.give_up()


def _pipeline() -> Predictor:
    return pipeline()


def _job(image: Path | None, drag: str | None) -> tuple[Path, Drag]:
    from partrm_viewer.export import read_sample

    if image is None:
        path, drags = read_sample(SAMPLE.with_suffix(".json"))
        return path, drags[0]
    numbers = [float(word) for word in (drag or "").split(",") if word]
    if len(numbers) != 4:
        raise PartRMError("An image of your own needs a drag.", "Say what to pull where: --drag X0,Y0,X1,Y1.")
    return image, Drag((numbers[0], numbers[1]), (numbers[2], numbers[3]))


def _turn(window: Window) -> None:
    screen = window.parts.viewport.screen_.widget
    start = QPoint(20, screen.height() - 20)
    QTest.mousePress(screen, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(screen, start + QPoint(*TURN_PX))
    QTest.mouseRelease(screen, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start + QPoint(*TURN_PX))


def _wait(app: QApplication, window: Window, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        _settle(app, 0.02)
        if window.parts.messages.title:
            raise PartRMError(window.parts.messages.title, window.parts.messages.hint)
        if time.monotonic() > end:
            raise PartRMError("The window did not answer in time.", "Try again on a computer with less to do.")


def _settle(app: QApplication, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
