"""The part's outline: other outlines, clicks that add and take away, the brush; each a step that undo takes back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from model.errors import WeightsError
from model.progress import Progress
from model.stages.pipeline import Pipeline
from tests.app.conftest import Driver
from tests.model.tiny_sam import save_tiny_sam

pytestmark = pytest.mark.app
ON_PART, PULLED, OTHER = (120.0, 130.0), (85.0, 165.0), (200.0, 130.0)
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
Place = tuple[float, float]


class Hand:
    """Does on the photo what a user does who corrects a part."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.window = driver.window
        self.photo = driver.window.parts.photo

    def select(self) -> None:
        self.driver.press(ON_PART)
        self.driver.wait(lambda: self.part is not None)
        self.driver.release(ON_PART)

    @property
    def part(self) -> Any:
        return self.driver.document.part

    @property
    def mask(self) -> np.ndarray:
        return np.asarray(self.part.mask)

    def click(self, at: Place, keys: Qt.KeyboardModifier = NONE, button: Qt.MouseButton = LEFT) -> None:
        QTest.mouseClick(self.photo.viewport(), button, keys, self.driver.at(at))

    def stroke(
        self, *places: Place, keys: Qt.KeyboardModifier = NONE, button: Qt.MouseButton = LEFT, wait: bool = True
    ) -> None:
        view, before = self.photo.viewport(), self.part
        QTest.mousePress(view, button, keys, self.driver.at(places[0]))
        for place in places[1:]:
            QTest.mouseMove(view, self.driver.at(place))
        QTest.mouseRelease(view, button, keys, self.driver.at(places[-1]))
        if wait:
            self.driver.wait(lambda: self.part is not before)

    def changed(self, do: Any) -> None:
        """Do something and wait until the part is another."""
        before = self.part
        do()
        self.driver.wait(lambda: self.part is not before)

    def tinted(self, at: Place) -> bool:
        tint = self.photo.tint()
        return tint is not None and around(tint[..., 3] > 0, at)

    def has(self, at: Place) -> bool:
        return around(self.mask, at)


def around(mask: np.ndarray, at: Place) -> bool:
    """Tell whether a mask is set near a pixel: the photo of the box has small holes."""
    x, y = int(at[0]), int(at[1])
    return bool(mask[y - 2 : y + 3, x - 2 : x + 3].mean() > 0.5)


@pytest.fixture
def hand(driver: Any, photo: Path) -> Hand:
    """A window with a photo open and its splats on screen."""
    driver.open(photo)
    return Hand(driver)


def test_the_brush_paints_on_image_and_splats(hand: Hand) -> None:
    hand.select()
    splats = hand.part.splats
    hand.window.use_brush()
    assert not hand.has((200.0, 130.0))
    hand.stroke((190.0, 130.0), OTHER)
    assert hand.has((195.0, 130.0)) and hand.tinted(OTHER) and hand.has((120.0, 130.0))
    shown = hand.window.parts.viewport.part
    assert shown is hand.part.splats and (shown & ~splats).any() and not (splats & ~shown).any()
    assert "by hand" in hand.window.parts.status.whole()
    assert hand.window.bars.actions["undo"].text() == "&Undo paint"


def test_the_stroke_is_seen_while_it_is_drawn(hand: Hand) -> None:
    hand.select()
    hand.window.use_brush()
    view = hand.photo.viewport()
    QTest.mousePress(view, LEFT, NONE, hand.driver.at((190.0, 130.0)))
    QTest.mouseMove(view, hand.driver.at(OTHER))
    assert hand.tinted(OTHER) and not hand.has((200.0, 130.0))
    hand.window.cancel()  # Esc
    assert not hand.tinted(OTHER) and hand.tinted(ON_PART)
    QTest.mouseRelease(view, LEFT, NONE, hand.driver.at(OTHER))
    assert not hand.window.bench.outlining.busy


@pytest.mark.parametrize(("keys", "button"), [(SHIFT, LEFT), (ALT, LEFT), (NONE, RIGHT)])
def test_the_brush_erases(hand: Hand, keys: Qt.KeyboardModifier, button: Qt.MouseButton) -> None:
    hand.select()
    hand.window.use_brush()
    hand.stroke((110.0, 130.0), (120.0, 130.0), keys=keys, button=button)
    assert not hand.has((115.0, 130.0)) and not hand.tinted((115.0, 130.0)) and hand.has((115.0, 160.0))
    assert hand.window.bars.actions["undo"].text() == "&Undo erase"


def test_each_stroke_is_one_step_back_and_forth(hand: Hand) -> None:
    hand.select()
    masks = [hand.mask]
    hand.window.use_brush()
    for x in (170.0, 190.0, 210.0):
        hand.stroke((x, 130.0))
        masks.append(hand.mask)
    for mask in reversed(masks[:-1]):
        hand.window.undo()
        assert hand.mask is mask
    assert hand.window.parts.viewport.part is hand.part.splats
    for mask in masks[1:]:
        hand.window.redo()
        assert hand.mask is mask
    assert hand.tinted((210.0, 130.0))


def test_quick_strokes_are_all_kept_one_step_each(hand: Hand, fake: Any) -> None:
    hand.select()
    before = hand.mask
    hand.window.use_brush()
    fake.wait.clear()
    for x in (170.0, 190.0, 210.0):
        hand.stroke((x, 130.0), wait=False)
        assert hand.tinted((x, 130.0))  # at once, though the worker is busy
    fake.wait.set()
    hand.driver.wait(lambda: not hand.window.bench.outlining.busy)
    assert all(hand.has((x, 130.0)) for x in (170.0, 190.0, 210.0))
    for _ in range(3):
        hand.window.undo()
    assert hand.mask is before


def one_stroke_done_and_two_on_their_way(hand: Hand, fake: Any) -> np.ndarray:
    """Paint at 170, 190 and 210; returns the mask from before."""
    hand.select()
    before = hand.mask
    hand.window.use_brush()
    hand.stroke((170.0, 130.0))
    fake.wait.clear()
    hand.stroke((190.0, 130.0), wait=False)
    hand.stroke((210.0, 130.0), wait=False)
    return before


def test_undo_takes_back_a_stroke_that_is_on_its_way(hand: Hand, fake: Any) -> None:
    before = one_stroke_done_and_two_on_their_way(hand, fake)
    hand.window.undo()
    hand.driver.wait(lambda: not hand.tinted((210.0, 130.0)))
    fake.wait.set()
    hand.driver.wait(lambda: not hand.window.bench.outlining.busy)
    assert hand.has((190.0, 130.0)) and not hand.has((210.0, 130.0))
    hand.window.undo()
    hand.window.undo()
    assert hand.mask is before


def test_each_undo_takes_back_one_more_while_strokes_are_on_their_way(hand: Hand, fake: Any) -> None:
    before = one_stroke_done_and_two_on_their_way(hand, fake)
    for _ in range(3):
        hand.window.undo()
    fake.wait.set()
    hand.driver.wait(lambda: not hand.window.bench.outlining.busy)
    assert hand.mask is before


def test_a_stroke_taken_back_too_late_to_stop_does_not_come_back_with_the_next(
    hand: Hand, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand.select()
    assert not hand.has((190.0, 130.0)) and not hand.has((210.0, 130.0))
    hand.window.use_brush()
    begun = threading.Event()

    def hold(progress: Progress) -> None:  # as the real one: once begun it does not look up
        begun.set()
        fake.wait.wait(5)

    monkeypatch.setattr(fake, "hold", hold)
    fake.wait.clear()
    hand.stroke((190.0, 130.0), wait=False)
    assert begun.wait(5)
    hand.window.undo()
    hand.stroke((210.0, 130.0), wait=False)
    fake.wait.set()
    hand.driver.wait(lambda: not hand.window.bench.outlining.busy)
    assert hand.has((210.0, 130.0)) and not hand.has((190.0, 130.0))


def test_a_part_can_be_painted_from_nothing(hand: Hand) -> None:
    hand.window.use_brush()
    hand.stroke(OTHER)
    assert hand.has((200.0, 130.0)) and hand.mask.sum() < 2000
    hand.window.undo()
    assert hand.part is None and not hand.tinted(OTHER)


def test_erasing_everything_is_explained_and_taken_back(hand: Hand) -> None:
    hand.window.use_brush()
    hand.stroke(OTHER)
    before = hand.mask
    hand.stroke((190.0, 130.0), (210.0, 130.0), keys=SHIFT, wait=False)
    hand.driver.wait(lambda: hand.window.parts.messages.title != "")
    assert "left of the part" in hand.window.parts.messages.title and hand.window.parts.messages.hint
    assert hand.mask is before and hand.tinted(OTHER)
    hand.stroke((210.0, 130.0))  # the next good stroke closes it
    hand.driver.wait(lambda: hand.window.parts.messages.title == "")


def test_painting_stays_on_the_object(hand: Hand) -> None:
    hand.select()
    hand.window.use_brush()
    hand.stroke((200.0, 130.0), (315.0, 130.0))
    assert not (hand.mask & ~hand.driver.document.shown.state.mask).any()


def test_ctrl_click_adds_and_alt_click_takes_away(hand: Hand) -> None:
    hand.select()
    hand.changed(lambda: hand.click(OTHER, CTRL))
    assert hand.has((200.0, 130.0)) and hand.window.bars.actions["undo"].text() == "&Undo add to the part"
    hand.changed(lambda: hand.click(OTHER, ALT))
    assert not hand.has((200.0, 130.0)) and hand.window.bars.actions["undo"].text() == "&Undo take from the part"
    hand.changed(lambda: hand.click(ON_PART, button=RIGHT))
    assert not hand.has((120.0, 130.0))
    for _ in range(3):
        hand.window.undo()
    assert hand.has((120.0, 130.0)) and not hand.part.by_hand


def test_ctrl_click_with_nothing_selected_selects_and_alt_click_says_what_to_do(hand: Hand) -> None:
    hand.click(ON_PART, ALT)
    assert "Press on a part first" in hand.window.parts.status.whole() and not hand.window.bench.outlining.busy
    hand.changed(lambda: hand.click(ON_PART, CTRL))
    assert hand.has((120.0, 130.0))


def test_the_outlines_come_round(hand: Hand) -> None:
    assert not hand.window.bars.actions["other_outline"].isEnabled()
    hand.select()
    first = hand.mask
    areas = []
    for k in (2, 3, 1):
        hand.changed(hand.window.bars.actions["other_outline"].trigger)
        areas.append(int(hand.mask.sum()))
        hand.driver.wait(lambda k=k: f"Outline {k} of 3" in hand.window.parts.status.whole())
    assert hand.mask is first and areas[0] < areas[1] and areas[2] == first.sum()
    hand.window.undo()
    assert hand.mask.sum() == areas[1]


def test_the_refined_mask_is_what_predict_uses(hand: Hand, fake: Any) -> None:
    hand.select()
    hand.window.use_brush()
    hand.stroke((190.0, 130.0), OTHER)
    mask = hand.mask
    hand.window.use_pull()
    hand.driver.pull_and_wait()  # the press lies on the part: it is kept
    assert fake.parts[-1].mask is mask
    hand.window.undo()
    assert hand.mask is mask


def test_a_pull_at_once_after_a_stroke_waits_for_it(hand: Hand, fake: Any) -> None:
    hand.select()
    hand.window.use_brush()
    fake.wait.clear()
    hand.stroke((190.0, 130.0), OTHER, wait=False)
    hand.window.use_pull()
    hand.driver.press(OTHER)
    hand.driver.move((180.0, 160.0))
    hand.driver.release((180.0, 160.0))
    fake.wait.set()
    hand.driver.wait(lambda: len(hand.driver.document.snapshots) == 2)
    assert around(fake.parts[-1].mask, (195.0, 130.0)) and fake.parts[-1].by_hand


def test_a_press_elsewhere_finds_anew(hand: Hand, fake: Any) -> None:
    hand.window.use_brush()
    hand.stroke(OTHER)
    hand.window.use_pull()
    hand.select()
    assert not hand.part.by_hand and fake.calls[-1] == "part"


def test_wheel_changes_the_brush_and_with_ctrl_zooms(hand: Hand) -> None:
    hand.window.use_brush()
    before = hand.photo.brush_px
    at = QPointF(hand.driver.at(ON_PART))

    def wheel(keys: Qt.KeyboardModifier) -> None:
        event = QWheelEvent(
            at, at, QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(hand.photo.viewport(), event)

    wheel(NONE)
    larger = hand.photo.brush_px
    assert larger > 1.2 * before
    wheel(CTRL)
    assert hand.photo.brush_px < larger  # nearer: the same brush covers less of the image
    hand.window.cancel()
    assert hand.window.bars.actions["use_pull"].isChecked()


def test_what_a_click_needs_is_done_ahead_for_every_state(hand: Hand, fake: Any) -> None:
    hand.driver.wait(lambda: len(fake.prepared) == 1)
    assert fake.prepared[0] is hand.driver.document.shown.state
    hand.driver.pull_and_wait()
    hand.driver.wait(lambda: fake.prepared[-1] is hand.driver.document.shown.state)
    hand.window.undo()
    hand.driver.wait(lambda: fake.prepared[-1] is fake.prepared[0])


def test_another_photo_while_strokes_are_on_their_way(hand: Hand, fake: Any, tmp_path: Path) -> None:
    hand.select()
    hand.window.use_brush()
    fake.wait.clear()
    hand.stroke(OTHER, wait=False)
    other = tmp_path / "other.png"
    Image.new("RGBA", (90, 70), (200, 100, 50, 255)).save(other)
    hand.window.open(other)
    fake.wait.set()
    hand.driver.wait(lambda: hand.driver.document.name == "other.png" and hand.driver.document.shown is not None)
    hand.driver.wait(lambda: not hand.window.bench.outlining.busy)
    assert hand.part is None and hand.photo.tint() is None
    hand.window.use_brush()
    hand.stroke((45.0, 35.0))
    assert hand.mask.shape == (70, 90) and hand.has((45.0, 35.0))
    hand.window.session.undo()
    hand.window.session.undo()
    assert hand.driver.document.name == "box.png" and hand.has(OTHER)


def test_closing_while_the_part_is_outlined(hand: Hand, fake: Any) -> None:
    hand.select()
    hand.window.use_brush()
    fake.wait.clear()
    hand.stroke(OTHER, wait=False)
    hand.window.close()
    assert not hand.window.isVisible()


@pytest.mark.parametrize("network", ["embedded", "sam"])
def test_a_part_of_the_real_networks_is_refined_and_predicted(
    make_window: Any, qtbot: QtBot, photo: Path, tmp_path: Path, network: str
) -> None:
    sam = save_tiny_sam(tmp_path / "tiny.pth") if network == "sam" else None
    driver = Driver(make_window(make_predictor=lambda: Pipeline(device="cpu", sam=sam)), qtbot)
    driver.open(photo)
    hand = Hand(driver)
    hand.select()
    first, count = hand.mask, len(hand.part.outlines)
    assert count == (0 if sam is None else 3)  # without SAM they are made when they are asked for
    hand.changed(hand.window.bars.actions["other_outline"].trigger)
    assert hand.mask is not first and f"of {len(hand.part.outlines)}" in hand.window.parts.status.whole()
    hand.window.undo()
    hand.changed(lambda: hand.click(OTHER, CTRL))
    added = hand.mask
    assert hand.has(OTHER) or sam is not None  # what a SAM with random weights makes of a prompt, nobody knows
    assert len(hand.part.clicks) == (0 if sam is None else 2)
    before = hand.photo.grab().toImage().pixelColor(driver.at(OTHER) + QPoint(0, 5))
    hand.photo.set_clicks(())
    after = hand.photo.grab().toImage().pixelColor(driver.at(OTHER) + QPoint(0, 5))
    assert (before != after) == (sam is not None)  # the prompts are marked
    hand.photo.set_clicks(hand.part.clicks)
    hand.changed(lambda: hand.click(ON_PART, ALT))
    assert not np.array_equal(hand.mask, added)
    hand.window.use_brush()
    hand.stroke((180.0, 120.0), (190.0, 140.0))
    assert hand.has((185.0, 130.0)) and hand.tinted((185.0, 130.0))
    painted = hand.mask
    for _ in range(3):
        hand.window.undo()
    assert hand.mask is first and hand.window.parts.viewport.part is hand.part.splats
    for _ in range(3):
        hand.window.redo()
    hand.window.use_pull()
    driver.press((186.5, 129.0))  # beside a hole of the photo, however the window is laid out
    driver.move((150.0, 165.0))
    driver.release((150.0, 165.0))
    driver.wait(lambda: len(driver.document.snapshots) == 2)
    hand.window.undo()
    assert hand.mask is painted


def test_what_cannot_be_done_ahead_is_told_and_parts_are_found_all_the_same(hand: Hand, fake: Any) -> None:
    def refuse(*_: object) -> None:
        fake.prepare = right
        raise WeightsError("sam.pth is damaged", "Download it again.")

    right, fake.prepare = fake.prepare, refuse
    hand.driver.pull_and_wait()  # another state, which is prepared
    hand.driver.wait(lambda: hand.window.parts.messages.title == "sam.pth is damaged")
    hand.select()
    assert hand.mask.any()
