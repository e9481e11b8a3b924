"""The numbers panel: what it shows, when, and what it costs while it is hidden."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QComboBox, QLabel

from partrm_viewer import bench_window
from partrm_viewer.panels.numbers import NumbersPanel

pytestmark = pytest.mark.app


def panel(driver: Any) -> NumbersPanel:
    """Return the panel."""
    found = driver.window.findChild(NumbersPanel)
    assert isinstance(found, NumbersPanel)
    return found


def texts(driver: Any) -> list[str]:
    """Return all that the panel says."""
    return [label.text() for label in panel(driver).findChildren(QLabel) if label.isVisible()]


def test_it_is_made_when_it_is_first_shown_and_stops_when_it_is_hidden(driver: Any, photo: Path) -> None:
    driver.open(photo)
    window, action = driver.window, driver.window.bars.actions["numbers"]
    assert window.findChild(NumbersPanel) is None and not action.isChecked()
    action.trigger()
    assert action.isChecked() and panel(driver).isVisible()
    driver.wait(lambda: "6,000" in texts(driver))
    assert any(text.endswith("MB") or text.endswith("GB") for text in texts(driver))
    driver.window.parts.viewport.focus_part()
    driver.wait(lambda: any(text.endswith(" ms") for text in texts(driver)))
    action.trigger()
    driver.wait(lambda: not panel(driver).isVisible())
    assert not window.measuring._again.isActive() and not action.isChecked()
    frames = len(panel(driver)._frames_ms)
    with driver.qtbot.waitSignal(window.parts.viewport.drawn):
        window.parts.viewport.set_background("black")
    assert len(panel(driver)._frames_ms) == frames


def test_the_stages_of_the_shown_state_are_bars(driver: Any, photo: Path) -> None:
    driver.open(photo)
    driver.window.bars.actions["numbers"].trigger()
    assert "Nothing was predicted for this state" in texts(driver)
    driver.pull_and_wait()
    assert driver.document.shown.times_s == (("predict", 0.01),)
    assert list(panel(driver)._bars.opts["width"]) == [0.01] and panel(driver)._bars_plot.isVisible()
    driver.window.session.show(0)
    assert not panel(driver)._bars_plot.isVisible()


@pytest.fixture
def sample(tmp_path: Path, photo: Path) -> Path:
    """Return the first view of a state of a data set with two states: the photo, and all white."""
    root = tmp_path / "set" / "renders"
    for k in (0, 2):
        (root / f"7_0_{k}").mkdir(parents=True)
    with Image.open(photo) as image:
        image.resize((512, 512)).save(root / "7_0_0" / "000.png")
    Image.fromarray(np.zeros((512, 512, 4), np.uint8)).save(root / "7_0_2" / "000.png")
    return root / "7_0_0" / "000.png"


def test_a_data_sets_picture_is_scored_against_any_of_its_true_states(driver: Any, sample: Path, photo: Path) -> None:
    driver.open(sample)
    driver.window.bars.actions["numbers"].trigger()
    driver.wait(lambda: any(text.endswith(" dB") for text in texts(driver)))
    target = panel(driver).findChild(QComboBox)
    assert isinstance(target, QComboBox)
    assert [target.itemText(k) for k in range(target.count())] == ["7_0_0", "7_0_2"] and target.currentIndex() == 0

    def psnr() -> float:
        return next((float(text[:-3]) for text in texts(driver) if text.endswith(" dB")), float("nan"))

    first = psnr()
    target.setCurrentIndex(1)
    target.activated.emit(1)
    driver.wait(lambda: psnr() == psnr() and psnr() != first)
    assert psnr() < first
    driver.pull((192.0, 277.0), (136.0, 352.0))
    driver.wait(lambda: len(driver.document.snapshots) == 2)
    driver.wait(lambda: psnr() == psnr())
    assert target.currentIndex() == 1  # the choice stays
    driver.open(photo)
    driver.wait(lambda: not target.isVisible())
    assert driver.window.parts.messages.title == ""


def test_a_true_picture_that_is_damaged_is_told(driver: Any, sample: Path) -> None:
    driver.open(sample)
    shutil.copyfile(__file__, sample)
    driver.window.bars.actions["numbers"].trigger()
    driver.wait(lambda: "000.png" in driver.window.parts.messages.title)


def test_a_small_window_has_room_for_it(driver: Any, photo: Path) -> None:
    driver.window.resize(640, 460)
    driver.open(photo)
    driver.window.bars.actions["numbers"].trigger()
    driver.qtbot.wait(100)
    assert (driver.window.width(), driver.window.height()) == (640, 460)
    assert driver.window.parts.viewport.width() >= 160 and panel(driver).width() >= 240


def test_the_bench_of_the_window_tells_how_long_frames_take(qapp: object, capsys: Any) -> None:
    assert bench_window.main(["--count", "2000", "--side", "200", "--moves", "3"]) == 0
    told = capsys.readouterr().out
    assert "2,000 splats in a view of 200 x 200 px" in told and "turning: median" in told and "pulling: median" in told
