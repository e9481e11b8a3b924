"""Two states in one picture: by a line, in turn, side by side, as a difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from model.gaussians import Gaussians
from partrm_viewer import comparing
from partrm_viewer.screen import HIGHLIGHTS, highlight_on
from renderer.difference import draw_difference

pytestmark = pytest.mark.app
LEFT, NONE, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
BOTH = pytest.mark.parametrize("driver", ["gl", "cpu"], indirect=True)


def pixels(driver: Any) -> np.ndarray:
    """Return the 3D view, (H, W, 3)."""
    driver.qtbot.wait(60)  # the layout
    image = driver.window.parts.viewport.picture().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def away(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far two pictures are from each other."""
    return float(abs(a.astype(int) - b).mean())


@pytest.fixture
def three(driver: Any, photo: Path) -> Any:
    """Open a photo and pull twice from it: three states, the last is shown."""
    driver.open(photo)
    driver.pull_and_wait()
    driver.window.session.show(0)
    driver.pull_and_wait((60.0, 190.0))
    return driver


@BOTH
def test_side_by_side_shows_both_whole_and_turns_them_together(three: Any) -> None:
    window, screen = three.window, three.window.parts.viewport.screen_.widget
    window.bars.actions["compare_halves"].trigger()
    for _ in range(2):
        both = pixels(three)
        x = both.shape[1] // 2
        window.session.show(0)
        window.comparing.choose(three.document.snapshots[2].key)
        swapped = pixels(three)
        assert (both[:, : x - 5] < 250).any() and away(both, swapped) > 1
        edge = min(x, both.shape[1] - x) - 6
        assert away(both[:, :edge], swapped[:, x : x + edge]) < 1  # the same view of the same state
        window.session.show(2)
        window.comparing.choose(three.document.snapshots[0].key)
        QTest.mousePress(screen, LEFT, NONE, QPoint(20, 60))  # in the left half
        QTest.mouseMove(screen, QPoint(70, 70))
        QTest.mouseRelease(screen, LEFT, NONE, QPoint(70, 70))
        assert not window.parts.viewport.at_home


@BOTH
def test_the_difference_is_that_of_the_two_pictures(three: Any) -> None:
    window = three.window
    shown = pixels(three)
    window.session.show(0)
    other = pixels(three)
    window.session.show(2)
    window.bars.actions["compare_difference"].trigger()
    drawn, expected = pixels(three), draw_difference(shown, other)
    height = drawn.shape[0] - 60  # below is the scale
    assert away(drawn[:height], expected[:height]) < 1.5
    assert away(drawn[height:], expected[height:]) > 1.5


@BOTH
def test_flicker_shows_one_state_after_the_other(three: Any, monkeypatch: Any) -> None:
    window = three.window
    three.window.comparing._flip_soon.setInterval(30)
    shown = pixels(three)
    window.session.show(0)
    other = pixels(three)
    window.session.show(2)
    window.bars.actions["compare_flicker"].trigger()
    three.wait(lambda: away(pixels(three), other) < 0.1)
    three.wait(lambda: away(pixels(three), shown) < 0.1)
    window.bars.actions["compare_flicker"].trigger()
    assert not window.comparing.on and away(pixels(three), shown) < 0.1


def test_a_key_that_is_held_flickers_until_it_is_let_go(three: Any, monkeypatch: Any) -> None:
    window = three.window
    window.activateWindow()
    three.wait(window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_X)
    assert window.comparing.on  # pressed: until it is pressed again
    QTest.keyClick(window, Qt.Key.Key_X)
    assert not window.comparing.on
    monkeypatch.setattr(comparing, "HELD_S", 0.0)
    window.bars.actions["compare_line"].trigger()
    QTest.keyPress(window, Qt.Key.Key_X)
    assert window.settings.compare == "flicker"
    repeated = QKeyEvent(QEvent.Type.KeyRelease, Qt.Key.Key_X, NONE, "x", True)
    QApplication.sendEvent(window, repeated)
    QTest.keyRelease(window, Qt.Key.Key_A)
    assert window.settings.compare == "flicker"
    QTest.keyRelease(window, Qt.Key.Key_X)
    assert window.comparing.on and window.settings.compare == "line"


def test_another_state_is_chosen_in_the_film_strip_and_from_the_list(three: Any) -> None:
    window, states = three.window, three.window.parts.states

    def click(row: int) -> None:
        QTest.mouseClick(states.viewport(), LEFT, CTRL, states.visualItemRect(states.item(row)).center())

    assert window.comparing.other.name == "Photo"
    click(1)
    assert three.document.active == 2 and window.comparing.on and window.comparing.other.name == "Pull 1"
    click(2)
    assert "shown" in window.parts.status.whole() and window.comparing.other.name == "Pull 1"
    window.bars.actions["compare_with"].trigger()
    menu = next(m for m in window.findChildren(QMenu) if [a.text() for a in m.actions()] == ["Photo", "Pull 1"])
    assert [a.isChecked() for a in menu.actions()] == [False, True]
    menu.actions()[0].trigger()
    menu.close()
    assert window.comparing.other.name == "Photo"


def test_what_is_compared_with_is_never_the_shown_state_nor_one_that_is_gone(three: Any, photo: Path) -> None:
    window = three.window
    window.comparing.choose(three.document.snapshots[1].key)
    window.session.show(1)
    assert window.comparing.other.name == "Photo"  # what it was pulled from
    window.session.show(0)
    assert window.comparing.other.name == "Pull 1"
    window.session.remove(1)
    assert window.comparing.other.name == "Pull 2"
    window.session.remove(1)
    assert window.comparing.other is None and not window.bars.actions["compare"].isEnabled()
    three.open(photo)
    window.session.undo()
    assert window.comparing.other is None or window.comparing.other.name != "Photo"


def test_the_next_way_goes_round_and_is_remembered(three: Any) -> None:
    window, seen = three.window, []
    for _ in range(5):
        window.bars.actions["compare_next"].trigger()
        seen.append(window.settings.compare)
    assert seen == ["line", "flicker", "halves", "difference", "line"]
    assert window.bars.actions["compare_line"].isChecked() and window.bars.actions["compare"].isChecked()


def test_a_pull_in_the_right_half_lands_where_the_part_is(three: Any) -> None:
    window, viewport = three.window, three.window.parts.viewport
    window.session.show(0)
    window.bars.actions["compare_halves"].trigger()
    three.press((120.0, 130.0))
    three.wait(lambda: three.document.part is not None)
    three.release((120.0, 130.0))
    camera, grab = viewport.camera(), three.document.part.grab
    (x, y), _ = camera.project(grab)
    assert x > camera.width / 2
    screen = viewport.screen_.widget
    QTest.mousePress(screen, LEFT, NONE, QPoint(round(x), round(y)))
    three.wait(lambda: window.pull.gesture is not None and window.pull.gesture.part is not None)
    assert np.allclose(window.pull.gesture.start_px, (120.0, 130.0), atol=3)
    QTest.mouseRelease(screen, LEFT, NONE, QPoint(round(x), round(y)))


@BOTH
def test_what_moved_is_tinted_until_it_is_switched_off_and_never_in_a_difference(three: Any) -> None:
    window = three.window
    three.qtbot.wait(300)
    plain = pixels(three)
    window.bars.actions["what_moved"].trigger()
    three.wait(lambda: away(pixels(three), plain) > 0.5)
    lit = pixels(three).reshape(-1, 3).astype(int)
    assert (lit[:, 1] - lit[:, 0] > 40).mean() > 0.002  # green
    window.bars.actions["compare_difference"].trigger()
    difference = pixels(three)
    window.bars.actions["what_moved"].trigger()
    assert away(pixels(three), difference) < 0.1
    assert window.parts.status.whole() == ""
    window.bars.actions["compare"].trigger()
    assert away(pixels(three), plain) < 0.1
    window.bars.actions["what_moved"].trigger()
    window.session.show(0)  # was pulled from none
    assert window.parts.viewport._traced is None
    window.session.show(2)
    three.wait(lambda: window.parts.viewport._traced is not None)


@BOTH
def test_the_part_can_be_lit_and_pulled_while_what_moved_is_shown(three: Any) -> None:
    window = three.window
    window.bars.actions["what_moved"].trigger()
    three.wait(lambda: window.parts.viewport._traced is not None)
    three.press((120.0, 130.0))
    three.wait(lambda: three.document.part is not None)
    three.move((100.0, 150.0))
    pixels(three)
    three.move((85.0, 165.0))
    three.release((85.0, 165.0))
    three.wait(lambda: len(three.document.snapshots) == 4 and not window.bench.predicting)
    assert window.parts.messages.title == ""


def test_a_blue_part_is_lit_in_another_colour() -> None:
    colours = np.array([[0.75, 0.2, 0.15], [0.97, 0.97, 0.97], [0.05, 0.05, 0.05], [0.13, 0.28, 0.57]])
    one = np.ones((4, 3), np.float32)
    g = Gaussians.from_colours(one, np.eye(4), one, one[:, 0], colours)
    assert [highlight_on(g, np.arange(4) == k) for k in range(4)] == [HIGHLIGHTS[k == 3] for k in range(4)]
