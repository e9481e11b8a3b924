"""Predictions that follow while a part is pulled, and what a prediction says of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.app
ON_PART, PULLED = (120.0, 130.0), (85.0, 165.0)


@pytest.fixture
def ready(driver: Any, photo: Any) -> Any:
    """Return the driver with a photo open and live predictions on."""
    driver.open(photo)
    driver.window.pulling.live()
    return driver


def press(ready: Any) -> None:
    ready.press(ON_PART)
    ready.wait(lambda: ready.document.part is not None)


def shown_splats(ready: Any) -> Any:
    """Return the Gaussians that are on screen."""
    return ready.window.parts.viewport.screen_._gaussians


def test_live_predictions_are_shown_and_not_kept(ready: Any, fake: Any) -> None:
    rest = ready.document.shown.gaussians
    press(ready)
    ready.move(PULLED)
    ready.wait(lambda: shown_splats(ready) is not rest)
    overlay = ready.window.parts.viewport.overlay
    assert overlay.badge == "Live prediction" and overlay.details[0].endswith(" s")
    assert len(ready.document.snapshots) == 1
    ready.release(PULLED)
    ready.wait(lambda: len(ready.document.snapshots) == 2 and not ready.window.bench.predicting)
    assert overlay.badge == "Predicted" and shown_splats(ready) is ready.document.shown.gaussians


def test_between_two_live_predictions_the_part_follows_the_pointer(ready: Any, fake: Any) -> None:
    rest = ready.document.shown.gaussians
    press(ready)
    ready.move(PULLED)
    ready.wait(lambda: shown_splats(ready) is not rest)
    screen = ready.window.parts.viewport.screen_
    assert np.allclose(screen._T, np.eye(4), atol=1e-3)  # the prediction has it where the pointer is
    fake.wait.clear()
    ready.move((75.0, 175.0))
    ready.wait(lambda: screen._T is not None and screen._T[2, 3] > 0.03)
    ready.window.cancel()
    assert screen._T is None


def test_escape_brings_the_state_back(ready: Any) -> None:
    rest = ready.document.shown.gaussians
    press(ready)
    ready.move(PULLED)
    ready.wait(lambda: shown_splats(ready) is not rest)
    ready.window.cancel()
    assert shown_splats(ready) is rest and ready.window.parts.viewport.overlay.badge == ""
    ready.release(PULLED)
    ready.qtbot.wait(100)
    assert shown_splats(ready) is rest and len(ready.document.snapshots) == 1


def test_live_predictions_never_queue_up(ready: Any, fake: Any) -> None:
    press(ready)
    fake.wait.clear()
    for k in range(20):
        ready.move((85.0 + k, 165.0))
        ready.qtbot.wait(10)
    assert fake.calls.count("predict") == 1  # and one that is wanted after it
    fake.wait.set()
    live, gesture = ready.window.pulling.live_predictions, ready.window.pull.gesture
    ready.wait(lambda: not live.busy and live.asked is gesture.drag)  # the newest
    assert gesture.drag.end_px == pytest.approx((104.0, 165.0), abs=1.0)
    assert fake.calls.count("predict") <= 3


def test_letting_go_while_a_live_prediction_is_on_its_way_keeps_the_final_one(ready: Any, fake: Any) -> None:
    press(ready)
    fake.wait.clear()
    ready.move(PULLED)
    ready.wait(lambda: fake.calls.count("predict") == 1)
    ready.release((80.0, 170.0))
    fake.wait.set()
    ready.wait(lambda: len(ready.document.snapshots) == 2 and not ready.window.bench.predicting)
    assert ready.document.shown.drags[0].end_px == pytest.approx((80.0, 170.0), abs=1.0)
    assert not ready.window.pulling.live_predictions.busy


def test_without_live_a_pull_asks_once(ready: Any, fake: Any) -> None:
    ready.window.pulling.live()
    ready.pull_and_wait()
    assert fake.calls.count("predict") == 1


def test_live_is_remembered_and_shown_in_the_menu(ready: Any) -> None:
    assert ready.window.settings.live and ready.window.bars.actions["live"].isChecked()


def test_notes_of_a_prediction_stay_by_its_badge(ready: Any, fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = fake.predict

    def noted(*words: Any, **more: Any) -> Any:
        return replace(predict(*words, **more), notes=("The drawer was open already",))

    monkeypatch.setattr(fake, "predict", noted)
    ready.window.pulling.live()
    ready.pull_and_wait()
    assert ready.document.shown.notes == ("The drawer was open already",)
    assert ready.window.parts.viewport.overlay.details[1] == "The drawer was open already"
    assert "The drawer was open already" in ready.window.parts.status.whole()
    ready.window.undo()
    assert ready.window.parts.viewport.overlay.details == ()


def test_a_pull_against_the_joint_says_so_while_it_is_pulled(ready: Any) -> None:
    press(ready)
    ready.move((165.0, 175.0))  # the half slides out towards the left and down
    ready.wait(lambda: "cannot go that way" in ready.window.parts.status.whole())
    ready.move(PULLED)
    ready.wait(lambda: ready.window.parts.status.whole() == "")


def test_a_box_around_the_object_is_a_step(driver: Any, photo: Any) -> None:
    driver.open(photo)
    before = driver.document.shown
    driver.window.bench.build((20.0, 20.0, 300.0, 220.0))
    driver.wait(lambda: driver.document.shown is not before)
    assert driver.window.session.undo_text == "object box"
    driver.window.undo()
    assert driver.document.shown is before
    driver.window.redo()
    assert driver.document.shown is not before
