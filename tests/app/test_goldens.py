"""What the main states look like, against pictures in tests/app/goldens, so coarse that other letters do not matter.

A look that was meant to change: look at the picture that the failure names, and copy it over the golden.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QCursor

from partrm_viewer import tour
from partrm_viewer.cpu_screen import CpuScreen
from partrm_viewer.window import Window

pytestmark = pytest.mark.app
GOLDENS = Path(__file__).with_name("goldens")
COARSE = (80, 50)  # px; of 16 by 16 each, in which a letter more or less is a shade
CELL, ALL = 75.0, 2.5  # of 255: what a cell and the average may be off by; a wider font is off by 53 and 1.6


def start(driver: Any, photo: Path, nothing: Path) -> None:
    pass


def pulled(driver: Any, photo: Path, nothing: Path) -> None:
    driver.open(photo)
    driver.pull_and_wait()


def compared(driver: Any, photo: Path, nothing: Path) -> None:
    pulled(driver, photo, nothing)
    driver.window.comparing.compare_halves()


def presented(driver: Any, photo: Path, nothing: Path) -> None:
    if driver.window.screen().size().toTuple() != tour.SIZE:
        pytest.skip("the golden is of a screen of 1280x800")
    pulled(driver, photo, nothing)
    driver.window.presenting.present()


def refused(driver: Any, photo: Path, nothing: Path) -> None:
    driver.window.open(nothing)
    driver.wait(lambda: bool(driver.window.parts.messages.title))


def busy(window: Window) -> bool:
    screen = window.parts.viewport.screen_
    late = isinstance(screen, CpuScreen) and screen.late and window.session.document.shown is not None
    return late or any(row.state in ("running", "waiting") for row in window.working.rows())


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("reach", [start, pulled, compared, presented, refused])
def test_main_states_look_as_they_did(
    driver: Any, photo: Path, nothing: Path, tmp_path: Path, theme: str, reach: Callable[..., None]
) -> None:
    window = driver.window
    window.bars.actions[f"theme_{theme}"].trigger()
    window.resize(*tour.SIZE)
    QCursor.setPos(window.mapToGlobal(window.rect().topLeft()))
    reach(driver, photo, nothing)
    for _ in range(2):  # what begins a moment later, too
        driver.qtbot.wait(400)
        driver.wait(lambda: not busy(window))
    seen = tmp_path / f"{reach.__name__}_{theme}.png"
    window.grab().save(str(seen))
    Image.open(seen).convert("RGB").resize(COARSE, Image.Resampling.BOX).save(seen)
    golden = GOLDENS / seen.name
    assert golden.exists(), f"{golden.name} is missing; look at {seen} and copy it there"
    off = np.abs(np.asarray(Image.open(seen), float) - np.asarray(Image.open(golden), float)).max(2)
    assert off.max() < CELL and off.mean() < ALL, f"{seen}: {off.max():.0f} at most, {off.mean():.1f} on average"
