"""The jobs panel, messages with their details, and the log page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from model.errors import ImageError
from partrm_viewer import dialogs, logs
from partrm_viewer.panels.jobs import JobsPanel
from partrm_viewer.panels.log import LogPage
from partrm_viewer.window import Window

pytestmark = pytest.mark.app


def panel_of(window: Window) -> JobsPanel:
    QTest.mouseClick(window.parts.jobs, Qt.MouseButton.LeftButton)
    panel = window.helping.sheet(JobsPanel)
    assert isinstance(panel, JobsPanel) and panel.isVisible()
    return panel


def test_a_running_job_is_shown_from_the_status_bar_and_cancelled_there(driver: Any, photo: Path, fake: Any) -> None:
    panel = panel_of(driver.window)
    fake.wait.clear()
    driver.window.open(photo)
    driver.wait(lambda: any(job.name == "Building box.png in 3D" and open_ for job, open_ in panel.lines))
    line = next(line for (job, open_), line in panel.lines.items() if open_ and job.name.startswith("Building"))
    driver.wait(lambda: "%" in line._times.text())
    driver.wait(line.cancel.isVisible)
    assert "Building box.png" in line.cancel.accessibleName()
    line.cancel.click()
    driver.wait(lambda: not driver.window.bench.building)
    driver.wait(lambda: any("Cancelled" in line._times.text() for line in panel.lines.values()))
    driver.wait(lambda: not any(open_ for _, open_ in panel.lines))
    panel.close()


def test_closing_while_weights_are_fetched_asks_once(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def ask(_: object, name: str, running: str) -> str:
        asked.append((name, running))
        return "stay"

    monkeypatch.setattr(dialogs, "ask_unsaved", ask)
    monkeypatch.setattr(Window, "fetching", "Fetching sam_vit_b")
    driver.window.close()
    assert asked == [("", "Fetching sam_vit_b")] and driver.window.isVisible()
    monkeypatch.setattr(dialogs, "ask_unsaved", lambda *_: "discard")


def test_an_error_can_be_copied_with_all_that_is_needed_to_mend_it(driver: Any, photo: Path, fake: Any) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of nothing")

    fake.open = fail
    driver.window.open(photo)
    bar = driver.window.parts.messages
    driver.wait(lambda: "ZeroDivisionError" in bar.title)
    bar._copy.click()
    text = QApplication.clipboard().text()
    assert "of nothing" in text and "in fail" in text and "Renderer: CPU renderer" in text
    assert str(photo.parent) not in text and str(Path.home() / "x")[:-1] not in text


def test_an_offer_has_no_details(driver: Any) -> None:
    bar = driver.window.parts.messages
    bar.show_error(ImageError("Unsaved work was found", ""), "recovery", "Open it", lambda: None)
    assert not bar._copy.isVisible() and not bar._log.isVisible()
    bar.show_error(ImageError("No", "Yes"))
    assert bar._copy.isVisible() and bar._log.isVisible()


def test_the_log_is_one_click_away(driver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "folder", lambda: tmp_path)
    (tmp_path / "log.txt").write_text("first\nsecond\n")
    driver.window.tell(ImageError("No", "Yes"))
    driver.window.parts.messages._log.click()
    page = driver.window.helping.sheet(LogPage)
    assert isinstance(page, LogPage) and "second" in page.text.toPlainText()
    page.copy_button.click()
    assert QApplication.clipboard().text() == "first\nsecond\n"
    page.close()
