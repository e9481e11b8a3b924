"""The list of pulls: on and off, other amounts, away with one; each change does them again and is one step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from model.errors import DragError
from partrm_viewer import project
from partrm_viewer.drags import WIDE
from partrm_viewer.project import Project

pytestmark = pytest.mark.app
FURTHER = (80.0, 170.0)


@pytest.fixture
def pulled(driver: Any, photo: Path) -> Any:
    """Pull twice in a row and show the list."""
    driver.open(photo)
    driver.pull_and_wait()
    driver.pull_and_wait(FURTHER)
    driver.window.bars.actions["list_pulls"].trigger()
    return driver


def again(driver: Any) -> None:
    """Wait for what is being done again."""
    count = len(driver.document.snapshots)
    driver.wait(lambda: len(driver.document.snapshots) == count + 1 and not driver.window.bench.predicting)


def depth(driver: Any) -> float:
    """Return how far what belongs to both pulls' parts has come out, world units."""
    first, shown = driver.document.snapshots[0], driver.document.shown
    both = shown.steps[0].held.splats & shown.steps[1].held.splats
    moved = shown.gaussians.positions - first.gaussians.positions
    return float(moved[both, 2].mean())


def amounts(driver: Any) -> list[float]:
    return [step.motion.amount for step in driver.document.shown.steps]


def test_the_list_tells_what_led_to_the_shown_state(pulled: Any) -> None:
    rows = pulled.window.drags.panel.rows
    assert [row.name.whole() for row in rows] == ["Pull 1", "Pull 2"]
    assert rows[0].title.whole() == f"Slides by {abs(amounts(pulled)[0]):.2f}"
    pulled.window.session.show(1)
    assert len(pulled.window.drags.panel.rows) == 1
    pulled.window.session.show(0)
    assert pulled.window.drags.panel.rows == [] and not pulled.window.drags.panel._empty.isHidden()


def test_a_pull_that_is_switched_off_is_left_out_of_a_new_state(pulled: Any) -> None:
    first, second = amounts(pulled)
    assert abs(depth(pulled) - first - second) < 1e-4
    before = pulled.document
    QTest.mouseClick(pulled.window.drags.panel.rows[0].on, Qt.MouseButton.LeftButton)
    again(pulled)
    shown = pulled.document.shown
    assert shown.name == "Without Pull 1" and shown.parent == before.shown.key
    assert [step.on for step in shown.steps] == [False, True] and abs(depth(pulled) - second) < 1e-4
    assert pulled.window.session.undo_text == "switch pull off"
    pulled.window.undo()
    assert pulled.document is before
    pulled.window.redo()
    pulled.window.drags.panel.rows[0].on.click()
    again(pulled)
    assert pulled.document.shown.name == "With Pull 1"
    assert pulled.document.shown.gaussians is before.shown.gaussians  # known already: nothing is computed


def test_another_amount_moves_the_part_there_and_what_was_pulled_after_it_follows(pulled: Any, fake: Any) -> None:
    second = amounts(pulled)[1]
    row = pulled.window.drags.panel.rows[0]
    row.spin.setValue(0.1)
    assert pulled.window.parts.viewport.overlay is not None
    again(pulled)
    assert amounts(pulled) == [0.1, second] and abs(depth(pulled) - 0.1 - second) < 1e-3
    assert pulled.document.shown.name == "Slides by 0.10" and row.title.whole() == "Slides by 0.10"
    start, end = pulled.document.shown.drags[0].start_px, pulled.document.shown.drags[0].end_px
    assert start != end and pulled.document.shown.steps[1].drag is pulled.document.snapshots[2].steps[1].drag


def test_a_slider_previews_while_it_is_held_and_asks_when_it_is_let_go(pulled: Any) -> None:
    row, states = pulled.window.drags.panel.rows[1], pulled.window.parts.states
    row.slider.setSliderDown(True)
    row.slider.setSliderPosition(500)
    pulled.qtbot.wait(600)
    assert states.count() == 3 and not pulled.window.bench.predicting
    assert pulled.window.parts.viewport._pull is not None
    row.slider.setSliderDown(False)
    again(pulled)
    assert abs(amounts(pulled)[1] - row.spin.value()) < 1e-6
    assert pulled.window.parts.viewport._pull is None


def test_removing_a_pull_is_one_step(pulled: Any) -> None:
    second = amounts(pulled)[1]
    pulled.window.drags.panel.rows[0].remove.click()
    again(pulled)
    assert [step.name for step in pulled.document.shown.steps] == ["Pull 2"]
    first = pulled.document.snapshots[0].gaussians.positions
    moved = (pulled.document.shown.gaussians.positions - first)[pulled.document.shown.steps[0].held.splats, 2]
    assert abs(moved.mean() - second) < 1e-4
    pulled.window.undo()
    assert len(pulled.window.drags.panel.rows) == 2


def test_a_part_that_is_not_found_is_told_and_nothing_is_lost(pulled: Any, fake: Any) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DragError("There is no object under the pointer", "Start on the part.")

    fake.again = refuse
    before = pulled.document
    pulled.window.drags.panel.rows[0].on.click()
    pulled.wait(lambda: "Pull 2 cannot be done again" in pulled.window.parts.messages.title)
    assert pulled.document is before and pulled.window.drags.panel.rows[0].on.isChecked()


def test_doing_again_can_be_cancelled(pulled: Any, fake: Any) -> None:
    before = pulled.document
    fake.wait.clear()
    pulled.window.drags.panel.rows[0].on.click()
    pulled.wait(lambda: pulled.window.parts.progress.isVisible())
    assert not pulled.window.drags.panel.rows[0].on.isChecked()
    pulled.window.cancel()
    pulled.wait(lambda: not pulled.window.bench.predicting)
    assert pulled.document is before and pulled.window.drags.panel.rows[0].on.isChecked()


def test_two_quick_changes_become_one_state(pulled: Any, fake: Any) -> None:
    fake.wait.clear()
    rows = pulled.window.drags.panel.rows
    rows[0].on.click()
    rows[1].on.click()
    fake.wait.set()
    again(pulled)
    pulled.qtbot.wait(100)
    assert [step.on for step in pulled.document.shown.steps] == [False, False]
    assert len(pulled.document.snapshots) == 4 and not pulled.document.shown.predicted


def test_no_pull_is_changed_while_one_is_predicted(pulled: Any, fake: Any) -> None:
    pulled.window.session.show(1)
    pulled.press((120.0, 130.0))
    pulled.wait(lambda: pulled.document.part is not None)
    fake.wait.clear()
    pulled.move(FURTHER)
    pulled.release(FURTHER)
    row = pulled.window.drags.panel.rows[0]
    row.on.click()
    assert row.on.isChecked() and "try again" in pulled.window.parts.status.whole()
    fake.wait.set()
    again(pulled)


def test_pulls_can_go_on_from_a_changed_state(pulled: Any) -> None:
    pulled.window.drags.panel.rows[0].on.click()
    again(pulled)
    pulled.pull_and_wait((85.0, 165.0))
    assert [step.on for step in pulled.document.shown.steps] == [False, True, True]
    assert len(pulled.document.shown.drags) == 2


def test_steps_are_saved_and_can_be_changed_after_opening(pulled: Any, tmp_path: Path) -> None:
    pulled.window.drags.panel.rows[0].on.click()
    again(pulled)
    shown = pulled.document.shown
    project.write(tmp_path / "a.partrm", Project(pulled.document))
    pulled.open(tmp_path / "a.partrm")
    assert [row.on.isChecked() for row in pulled.window.drags.panel.rows] == [False, True]
    pulled.window.drags.panel.rows[0].on.click()
    again(pulled)
    before = pulled.document.snapshots[2]
    np.testing.assert_allclose(pulled.document.shown.gaussians.positions, before.gaussians.positions, atol=1e-5)
    assert shown.steps[0].motion.amount == pulled.document.shown.steps[0].motion.amount


def test_steps_whose_parts_nobody_knows_are_listed_and_can_be_left_out(pulled: Any) -> None:
    shown = pulled.document.shown
    bare = tuple(replace(step, held=None, motion=None) for step in shown.steps)
    pulled.window.session.add_replay(shown.key, replace(shown, steps=bare, key=0), "test")
    rows = pulled.window.drags.panel.rows
    assert rows[0].title.whole() == "Pulled" and rows[0].slider.isHidden()
    rows[1].on.click()
    again(pulled)
    assert len(pulled.document.shown.drags) == 1


def test_the_list_is_shown_by_itself_where_there_is_room(driver: Any, photo: Path) -> None:
    driver.open(photo)
    window = driver.window
    assert window.drags.dock.isHidden() and not window.bars.actions["list_pulls"].isChecked()
    window.bars.actions["list_pulls"].trigger()
    assert not window.drags.dock.isHidden() and window.bars.actions["list_pulls"].isChecked()
    window.bars.actions["list_pulls"].trigger()
    assert window.drags.dock.isHidden()
    window.drags._asked = None
    window.settings = replace(window.settings, drags=True)
    window.resize(WIDE, 700)
    driver.pull_and_wait()
    assert not window.drags.dock.isHidden()


def test_an_amount_that_is_half_typed_when_its_pull_goes_is_forgotten(pulled: Any) -> None:
    window = pulled.window
    window.activateWindow()
    spin = window.drags.panel.rows[1].spin
    spin.setFocus()
    pulled.wait(spin.hasFocus)
    spin.selectAll()
    QTest.keyClicks(spin, "0.11")
    window.session.show(0)  # no row is left; what was typed was told of a pull that is not there
    pulled.qtbot.wait(400)
    assert pulled.document.active == 0 and len(pulled.document.snapshots) == 3
