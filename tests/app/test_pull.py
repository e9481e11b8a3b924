"""The main thing: press on a part, pull it, let go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

pytestmark = pytest.mark.app
ON_PART, PULLED, BACKGROUND, OTHER = (120.0, 130.0), (85.0, 165.0), (10.0, 10.0), (200.0, 130.0)
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def ready(driver: Any, photo: Path) -> Any:
    """Return the driver with a photo open and its splats on screen."""
    driver.open(photo)
    return driver


def test_press_lights_up_the_part(ready: Any) -> None:
    ready.press(ON_PART)
    ready.wait(lambda: ready.document.part is not None)
    ready.release(ON_PART)
    tint = ready.window.parts.photo.tint()
    assert tint is not None and tint[130, 120, 3] > 0 and tint[130, 200, 3] == 0
    assert ready.window.parts.viewport.part is ready.document.part.splats
    assert len(ready.document.snapshots) == 1  # a click only selects


def test_pull_moves_the_preview(ready: Any) -> None:
    viewport = ready.window.parts.viewport
    ready.press(ON_PART)
    ready.wait(lambda: ready.document.part is not None)
    ready.move(PULLED)
    assert viewport.motion is not None and np.linalg.norm(viewport.motion[:3, 3]) > 0.1
    assert viewport.overlay.badge == "Preview"
    with ready.qtbot.waitSignal(viewport.drawn):
        ready.move((80.0, 170.0))
    ready.window.cancel()
    assert viewport.motion is None and len(ready.document.snapshots) == 1


def test_release_predicts(ready: Any) -> None:
    ready.pull_and_wait()
    shown = ready.document.shown
    assert ready.document.active == 1 and shown.name == "Pull 1" and shown.motion is not None
    assert shown.drags[0].start_px == pytest.approx(ON_PART, abs=1.0)
    assert ready.window.parts.viewport.overlay.badge == "Predicted"
    assert ready.window.parts.viewport.motion is None
    assert "predicted in" in ready.window.parts.status.whole()
    assert ready.window.parts.states.count() == 2


def test_pull_before_the_part_is_found(ready: Any, fake: Any) -> None:
    fake.wait.clear()
    ready.press(ON_PART)
    ready.move(PULLED)
    assert ready.window.parts.viewport.motion is None
    fake.wait.set()
    ready.wait(lambda: ready.window.parts.viewport.motion is not None)
    ready.release(PULLED)
    ready.wait(lambda: len(ready.document.snapshots) == 2)


def test_let_go_before_the_part_is_found(ready: Any, fake: Any) -> None:
    fake.wait.clear()
    ready.press(ON_PART)
    ready.move(PULLED)
    ready.release(PULLED)
    fake.wait.set()
    ready.wait(lambda: len(ready.document.snapshots) == 2)
    assert fake.calls == ["open", "part", "predict"]


def test_pull_again_from_the_predicted_state(ready: Any) -> None:
    ready.pull_and_wait()
    ready.pull_and_wait(end=(110.0, 140.0))
    assert len(ready.document.shown.drags) == 2
    assert ready.document.shown.name == "Pull 2"


def test_undo_restores_drags(ready: Any) -> None:
    ready.pull_and_wait()
    first = ready.document.shown.drags
    ready.pull_and_wait(end=(110.0, 140.0))
    ready.window.undo()
    assert ready.document.shown.drags == first
    ready.window.undo()
    assert ready.document.shown.drags == ()
    assert not ready.window.bars.actions["undo"].isEnabled()
    ready.window.redo()
    assert ready.document.shown.drags == first


def test_background_click_tells_the_user(ready: Any) -> None:
    ready.press(BACKGROUND)
    ready.wait(lambda: ready.window.parts.messages.title != "")
    ready.release(BACKGROUND)
    assert ready.window.parts.messages.title == "There is nothing to pull here."
    assert ready.window.parts.messages.hint
    ready.press(ON_PART)  # the next good press closes it
    ready.wait(lambda: ready.window.parts.messages.title == "")
    ready.release(ON_PART)


def test_pull_on_the_background_predicts_nothing(ready: Any, fake: Any) -> None:
    ready.press(BACKGROUND)
    ready.wait(lambda: ready.window.parts.messages.title != "")
    ready.move(PULLED)
    ready.release(PULLED)
    ready.qtbot.wait(50)
    assert len(ready.document.snapshots) == 1 and fake.calls == ["open", "part"]


def hold_a_prediction(ready: Any, fake: Any) -> None:
    """Pull the part and let go; the prediction then waits for the test."""
    ready.press(ON_PART)
    ready.wait(lambda: ready.document.part is not None)
    ready.move(PULLED)
    fake.wait.clear()
    ready.release(PULLED)


def test_cancel_a_prediction(ready: Any, fake: Any) -> None:
    hold_a_prediction(ready, fake)
    ready.wait(lambda: ready.window.parts.progress.isVisible())
    ready.window.cancel()
    ready.wait(lambda: not ready.window.bench.predicting)
    assert len(ready.document.snapshots) == 1 and ready.window.parts.viewport.motion is None
    assert not ready.window.parts.progress.isVisible()


def test_a_press_while_predicting_says_why_nothing_happens(ready: Any, fake: Any) -> None:
    hold_a_prediction(ready, fake)
    ready.wait(lambda: ready.window.bench.predicting)
    ready.press(ON_PART)
    assert "still being predicted" in ready.window.parts.status.whole()
    fake.wait.set()
    ready.wait(lambda: len(ready.document.snapshots) == 2)


def test_close_while_predicting(ready: Any, fake: Any) -> None:
    hold_a_prediction(ready, fake)
    ready.wait(lambda: "predict" in fake.calls)
    ready.window.close()  # returns only when the worker has ended
    assert not ready.window.isVisible()


def test_a_prediction_for_a_closed_document_is_dropped(ready: Any, fake: Any, tmp_path: Path) -> None:
    ready.pull_and_wait()
    fake.wait.clear()
    ready.press(ON_PART)
    ready.move(PULLED)
    ready.release(PULLED)
    ready.window.undo()  # the state it starts from is gone
    fake.wait.set()
    ready.wait(lambda: not ready.window.bench.predicting)
    assert len(ready.document.snapshots) == 1


def test_pull_on_the_splats_in_the_input_view(ready: Any) -> None:
    ready.press(ON_PART)
    ready.wait(lambda: ready.document.part is not None)
    ready.release(ON_PART)
    viewport = ready.window.parts.viewport
    camera, screen = viewport.camera(), viewport.screen_.widget
    scale = camera.fx / ready.document.shown.state.camera.fx
    centre = np.array([camera.cx, camera.cy])

    def at(image_px: tuple[float, float]) -> QPoint:
        x, y = (np.array(image_px) - np.array([160.0, 120.0])) * scale + centre
        return QPoint(round(x), round(y))

    QTest.mousePress(screen, LEFT, NONE, at(ON_PART))
    QTest.mouseMove(screen, at(PULLED))
    QTest.mouseRelease(screen, LEFT, NONE, at(PULLED))
    ready.wait(lambda: len(ready.document.snapshots) == 2)
    assert ready.document.shown.drags[0].end_px == pytest.approx(PULLED, abs=1.5)
