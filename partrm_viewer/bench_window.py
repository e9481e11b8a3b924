"""Bench of the window: from a mouse move to the frame that shows it. Needs a display.

python -m partrm_viewer.bench_window [--renderer cpu|gl] [--count 65536] [--side 512] [--moves 100]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from partrm_viewer.app import application
from partrm_viewer.bench import object_splats
from partrm_viewer.document import open_splats
from partrm_viewer.engine import pipeline
from partrm_viewer.viewport import Viewport
from partrm_viewer.window import Window

PATIENCE_S = 10.0  # for one frame
REST_S = 0.8  # until what is shown is sharp


def main(argv: list[str] | None = None) -> int:
    """Print the median, and what nine in ten moves stay under; returns the exit code."""
    words = argparse.ArgumentParser(prog="python -m partrm_viewer.bench_window", description=__doc__)
    words.add_argument("--renderer", choices=["cpu", "gl"], default="cpu")
    words.add_argument("--count", type=int, default=65_536, help="splats")
    words.add_argument("--side", type=int, default=512, help="px, of the view")
    words.add_argument("--moves", type=int, default=100)
    options = words.parse_args(argv)
    app = application()
    with tempfile.TemporaryDirectory() as folder:
        window = Window(pipeline, options.renderer, Path(folder) / "settings.json")
        window.setMinimumSize(100, 100)  # the view may be smaller than a user's
        window.show()
        splats = object_splats(options.count)
        window.session.open(open_splats(Path("bench.ply"), splats))
        _rest(app)
        view = window.parts.viewport
        window.resize(window.width() + options.side - view.width(), window.height() + options.side - view.height())
        _rest(app)
        name = view.screen_.name
        print(f"{name}: {len(splats):,} splats in a view of {view.width()} x {view.height()} px; ms")
        for what, move in (("turning", _turn(view)), ("pulling", _pull(view, splats.positions[:, 2] > 0))):
            times = _measure(app, view, move, options.moves)
            print(f"{what}: median {np.median(times):.0f}, 9 in 10 within {np.percentile(times, 90):.0f}")
            _rest(app)
        window.filing.give_up()
    return 0


def _turn(view: Viewport) -> Callable[[int], None]:
    screen = view.screen_.widget
    QTest.mousePress(screen, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(30, 30))
    return lambda k: QTest.mouseMove(screen, QPoint(30 + 3 * k % 400, 30 + k % 60))


def _pull(view: Viewport, part: np.ndarray) -> Callable[[int], None]:
    view.set_part(part)

    def move(k: int) -> None:
        T = np.eye(4)
        T[2, 3] = 0.002 * k
        view.set_pull(np.array([0.0, 0.0, 0.5]), T)

    return move


def _measure(app: QApplication, view: Viewport, move: Callable[[int], None], count: int) -> list[float]:
    """Return how many ms each move took until its frame was there; the first five are not counted."""
    drawn: list[float] = []
    view.drawn.connect(lambda: drawn.append(time.perf_counter()))
    times = []
    for k in range(count + 5):
        start = time.perf_counter()
        move(k)
        while (not drawn or drawn[-1] < start) and time.perf_counter() < start + PATIENCE_S:
            app.processEvents()
            time.sleep(0.0005)
        times.append(1000 * (drawn[-1] - start))
    return times[5:]


def _rest(app: QApplication) -> None:
    end = time.monotonic() + REST_S
    while time.monotonic() < end:
        app.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
