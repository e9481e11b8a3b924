"""What the window needs of memory does not grow with what was done in it, nor with how often it was opened."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from partrm_viewer import dialogs
from partrm_viewer.window import Window
from tests.app.conftest import FakePipeline, write_photo
from tests.app.monkey import Monkey
from tests.app.test_monkey import files, live  # noqa: F401

pytestmark = [pytest.mark.app, pytest.mark.slow, pytest.mark.timeout(900)]
MB = 1 << 20


def resident() -> int:
    """Return how many bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def settled(monkey: Monkey, photo: Path) -> tuple[int, int]:
    """Open a photo anew; returns the bytes that Python knows of and undo does not, and the number of Qt's objects."""
    window = monkey.window
    monkey.calm()
    before = window.session.document.key
    window.open(photo)
    monkey.qtbot.waitUntil(lambda: window.session.document.key != before and not window.bench.building, timeout=60_000)
    monkey.qtbot.wait(300)
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - window.session.undo_bytes, len(window.findChildren(QObject))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory of a process")
def test_memory_stays_flat_over_a_thousand_actions(
    make_window: Any,
    qtbot: QtBot,
    qtlog: Any,
    fake: Any,
    files: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    tracemalloc.start()
    try:
        window, at = make_window(), tmp_path / "written"
        monkey = live(window, qtbot, qtlog, fake, files, at, 11, 250, monkeypatch)
        bytes_0, objects_0 = settled(monkey, files[0])
        for _ in range(1000):
            monkey.act()
        bytes_1, objects_1 = settled(monkey, files[0])
    finally:
        tracemalloc.stop()
    print(f"{(bytes_1 - bytes_0) / MB:+.1f} MB, {objects_1 - objects_0:+} objects, {resident() / MB:.0f} MB resident")
    assert bytes_1 - bytes_0 < 20 * MB
    assert objects_1 - objects_0 < 0.2 * objects_0


def lived(qtbot: QtBot, fake: FakePipeline, photo: Path, settings: Path) -> weakref.ref[Window]:
    """Open a window, use it a little, close it."""
    window = Window(lambda: fake, "cpu", settings)
    window.show()
    window.open(photo)
    qtbot.waitUntil(lambda: window.session.document.shown is not None, timeout=60_000)
    window.measuring.numbers()
    window.helping.help()
    qtbot.wait(20)
    assert window.close()
    window.deleteLater()
    return weakref.ref(window)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory of a process")
def test_memory_stays_flat_over_fifty_windows(qtbot: QtBot, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(dialogs, "ask_unsaved", lambda *_: "discard")
    photo, fake = write_photo(tmp_path / "box.png"), FakePipeline()
    alive: list[weakref.ref[Window]] = []
    threads = threading.active_count()
    sizes = []
    for _ in range(50):
        alive.append(lived(qtbot, fake, photo, tmp_path / "settings.json"))
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qtbot.wait(1)
        gc.collect()
        fake.calls.clear()
        fake.prepared.clear()
        fake.parts.clear()
        sizes.append(resident() / MB)
        assert threading.active_count() == threads
    left = sum(ref() is not None for ref in alive)
    print(f"{left} windows left; MB after each: {' '.join(f'{size:.0f}' for size in sizes)}")
    assert left <= 2
    assert sizes[-1] - sizes[9] < 40
