"""Playing: states one after the other, by key and by themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from partrm_viewer import settings

pytestmark = pytest.mark.app


@pytest.fixture
def three(driver: Any, photo: Path) -> Any:
    """Open a photo and pull twice."""
    driver.open(photo)
    driver.pull_and_wait()
    driver.window.session.show(0)
    driver.pull_and_wait((80.0, 170.0))
    driver.window.session.show(0)
    driver.seen = []
    driver.window.session.on_change(lambda old, new: driver.seen.append(new.active))
    return driver


def play(driver: Any, how: str) -> None:
    """Choose how, and play, faster than a user could ask for."""
    getattr(driver.window.playing, f"play_{how}")()
    driver.window.settings = replace(driver.window.settings, pace=50.0)
    driver.window.bars.actions["play"].trigger()


def test_a_loop_begins_again(three: Any) -> None:
    play(three, "loop")
    three.wait(lambda: len(three.seen) >= 5)
    assert three.seen[:5] == [1, 2, 0, 1, 2] and three.window.bars.actions["play"].isChecked()
    three.window.bars.actions["play"].trigger()
    count = len(three.seen)
    three.qtbot.wait(100)
    assert len(three.seen) == count and not three.window.bars.actions["play"].isChecked()


def test_back_and_forth_turns_at_both_ends(three: Any) -> None:
    play(three, "back_and_forth")
    three.wait(lambda: len(three.seen) >= 6)
    assert three.seen[:6] == [1, 2, 1, 0, 1, 2]


def test_once_stops_at_the_last_and_begins_at_the_first(three: Any) -> None:
    play(three, "once")
    three.wait(lambda: not three.window.playing.on)
    assert three.seen == [1, 2] and not three.window.bars.actions["play"].isChecked()
    three.window.bars.actions["play"].trigger()
    three.wait(lambda: not three.window.playing.on)
    assert three.seen == [1, 2, 0, 1, 2]


def test_arrow_keys_step_and_stop_the_play(three: Any) -> None:
    window = three.window
    window.activateWindow()  # no window manager does
    three.wait(window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_Right)
    QTest.keyClick(window, Qt.Key.Key_Right)
    QTest.keyClick(window, Qt.Key.Key_Right)
    QTest.keyClick(window, Qt.Key.Key_Left)
    assert three.seen == [1, 2, 0, 2]
    play(three, "loop")
    QTest.keyClick(window, Qt.Key.Key_Left)
    assert not window.playing.on


def test_a_new_state_or_another_photo_ends_the_play(three: Any, photo: Path) -> None:
    play(three, "loop")
    three.window.session.remove(2)
    assert not three.window.playing.on
    play(three, "loop")
    three.open(photo)
    assert not three.window.playing.on and not three.window.bars.actions["play"].isEnabled()


def test_the_pace_has_steps_and_ends(driver: Any, photo: Path) -> None:
    driver.open(photo)
    for _ in range(9):
        driver.window.playing.faster()
    assert driver.window.settings.pace == settings.PACES[-1]
    driver.window.playing.slower()
    assert driver.window.settings.pace == settings.PACES[-2]
    assert "4 states a second" in driver.window.parts.status.whole()
