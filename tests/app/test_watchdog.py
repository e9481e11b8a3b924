"""The watchdog barks at what works too long, says where, and lets those be who only wait."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from tests.app.watchdog import Watchdog

pytestmark = pytest.mark.app


def work(seconds: float) -> None:
    over = time.thread_time() + seconds
    while time.thread_time() < over:
        pass


def test_what_works_too_long_is_named(qtbot: QtBot) -> None:
    with Watchdog() as watchdog:
        QTimer.singleShot(0, lambda: work(0.15))
        qtbot.wait(50)
    assert len(watchdog.blocks) == 1 and watchdog.longest_s > 0.14
    assert "test_watchdog.py" in watchdog.told() and "work" in watchdog.told()


def test_waiting_and_short_work_are_no_blocks(qtbot: QtBot) -> None:
    with Watchdog() as watchdog:
        for k in range(4):
            QTimer.singleShot(20 * k, lambda: work(0.015))
        qtbot.wait(400)
    assert watchdog.told() == ""
