"""The film strip: branches, what can be done with a state, and that nobody waits for its pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu

from model.gaussians import Gaussians
from partrm_viewer.document import Document, Snapshot, new_key, open_splats
from partrm_viewer.panels.states import PICTURE
from partrm_viewer.panels.thumbnail import thumbnail

pytestmark = pytest.mark.app
FURTHER = (80.0, 170.0)


@pytest.fixture
def branched(driver: Any, photo: Path) -> Any:
    """Pull twice in a row, then once more from the photo: states 1 and 2 are one branch, 3 is another."""
    driver.open(photo)
    driver.pull_and_wait()
    driver.pull_and_wait(FURTHER)
    driver.window.session.show(0)
    driver.pull_and_wait(FURTHER)
    return driver


def test_pulling_from_an_earlier_state_makes_a_branch(branched: Any) -> None:
    states = branched.window.parts.states
    assert [cell.lane for cell in states.cells] == [0, 0, 0, 1]
    assert states.way == {0, 3}
    assert "Made from Photo" in states.item(3).toolTip() and "Slides by" in states.item(3).toolTip()
    branched.window.session.show(2)
    assert states.way == {0, 1, 2}


def test_keys_go_to_the_state_before_and_to_what_was_made_from_it(branched: Any) -> None:
    window = branched.window
    window.activateWindow()
    branched.wait(window.isActiveWindow)
    seen = []
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Up):
        QTest.keyClick(window, key)
        seen.append(branched.document.active)
    assert seen == [0, 3, 0, 0] and not window.bars.actions["state_before"].isEnabled()
    window.session.show(2)
    assert not window.bars.actions["state_after"].isEnabled()


def test_removing_in_the_middle_keeps_what_was_made_from_it(branched: Any) -> None:
    window = branched.window
    window.session.show(2)
    kept = branched.document.shown.gaussians
    window.session.show(1)
    window.bars.actions["remove_state"].trigger()
    assert branched.document.active == 0
    assert [s.name for s in branched.document.snapshots] == ["Photo", "Pull 2", "Pull 3"]
    assert branched.document.snapshots[1].gaussians is kept
    assert [cell.lane for cell in window.parts.states.cells] == [0, 0, 1]
    window.undo()
    assert [cell.lane for cell in window.parts.states.cells] == [0, 0, 0, 1]


def test_the_right_button_shows_a_state_and_what_can_be_done_with_it(branched: Any) -> None:
    states = branched.window.parts.states
    at = states.visualItemRect(states.item(1)).center()
    QTest.mouseClick(states.viewport(), Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, at)
    assert branched.document.active == 1
    offered: list[str] = []

    def look() -> None:
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        offered.extend(action.text() for action in menu.actions())
        menu.close()

    QTimer.singleShot(100, look)
    reason = QContextMenuEvent.Reason.Mouse
    QApplication.sendEvent(states.viewport(), QContextMenuEvent(reason, at, states.viewport().mapToGlobal(at)))
    branched.wait(lambda: bool(offered))
    assert "Re&name state" in offered and "Re&move state" in offered


def test_renaming_keeps_the_editor_and_shortens_long_names(branched: Any) -> None:
    states = branched.window.parts.states
    name = "A name that is much longer than any picture is wide, as some are"
    branched.window.session.rename(1, name)
    assert states.item(1).text() == name and name in states.item(1).toolTip()
    branched.window.rename_state()
    assert states.findChild(QLineEdit) is not None


def many(document: Document, count: int) -> Document:
    """Append states without predicting them, each third one from the photo."""
    first = document.snapshots[0]
    for k in range(1, count):
        parent = first.key if k % 3 == 0 else document.snapshots[-1].key
        snapshot = Snapshot(f"State {k}", first.gaussians, first.state, parent=parent, key=new_key())
        document = document.with_snapshot(snapshot)
    return document


@pytest.mark.parametrize("count", [1, 8, 60])
def test_one_strip_holds_any_number_of_states(driver: Any, photo: Path, count: int) -> None:
    driver.open(photo)
    window, states = driver.window, driver.window.parts.states
    window.session.open(many(driver.document, count))
    driver.wait(lambda: all(states.item(i).data(PICTURE) is not None for i in range(count)))
    assert states.count() == count and states.height() < 200
    for at in (0, count - 1):
        window.session.show(at)
        driver.qtbot.wait(20)
        assert states.viewport().rect().contains(states.visualItemRect(states.item(at)).center())


def test_no_picture_is_drawn_before_the_strip_is_shown(driver: Any, photo: Path) -> None:
    driver.open(photo)
    states = driver.window.parts.states
    driver.window.session.open(many(driver.document, 60))
    drawn = [states.item(i).data(PICTURE) is not None for i in range(60)]
    assert drawn.count(True) <= 1  # one at a time, between what the user does
    driver.wait(lambda: all(states.item(i).data(PICTURE) is not None for i in range(60)))


def test_the_picture_of_a_large_splat_file_takes_no_time(qapp: QApplication) -> None:
    n = 2_000_000
    points = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    large = Gaussians(
        points,
        np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1)),
        np.full((n, 3), 0.01, np.float32),
        np.ones(n, np.float32),
        np.zeros((n, 1, 3), np.float32),
    )
    snapshot = open_splats(Path("large.ply"), large).snapshots[0]
    took = []
    for _ in range(5):
        start = time.thread_time()  # of the processor: others may be using it too
        picture = thumbnail(snapshot)
        took.append(time.thread_time() - start)
    assert min(took) < 0.1 and picture.toImage().pixelColor(104, 78).value() < 255


def test_wishing_to_rename_twice_keeps_the_editor(branched: Any, qtlog: Any) -> None:
    states = branched.window.parts.states
    for _ in range(2):
        branched.window.rename_state()
    states.findChild(QLineEdit).setText("Ajar")
    QTest.keyClick(states.findChild(QLineEdit), Qt.Key.Key_Return)
    branched.wait(lambda: branched.document.shown.name == "Ajar")
    assert [record.message for record in qtlog.records] == []  # "edit: editing failed"
