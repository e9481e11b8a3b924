"""The page of weights: asked before anything is fetched, stopped and gone on with, and told what went wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from model import weights
from model.errors import WeightsError
from model.published import catalogue, download
from partrm_viewer.panels.weights import WeightsPage
from partrm_viewer.window import Window
from tests.model.hub import Hub

pytestmark = pytest.mark.app


@pytest.fixture
def page(hub: Hub, driver: Any) -> WeightsPage:
    """Open the page from the menu's action."""
    driver.window.bars.actions["weights"].trigger()
    page = driver.window._weights
    assert isinstance(page, WeightsPage) and page.isVisible()
    return page


def click(button: QPushButton) -> None:
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def cell(page: WeightsPage, name: str, column: int) -> str:
    page.select(name)
    item = page.table.item(page.table.currentRow(), column)
    assert item is not None
    return item.text()


def asked(page: WeightsPage, qtbot: QtBot) -> QMessageBox:
    """Wait for the question before a fetch."""
    qtbot.waitUntil(lambda: page.findChild(QMessageBox) is not None, timeout=20_000)
    box = page.findChild(QMessageBox)
    assert isinstance(box, QMessageBox)
    return box


def press(box: QMessageBox, text: str) -> None:
    (button,) = [button for button in box.buttons() if text in button.text()]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def idle(page: WeightsPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page._job is None, timeout=20_000)


def test_a_file_is_fetched_once_the_user_agrees(page: WeightsPage, hub: Hub, qtbot: QtBot) -> None:
    assert cell(page, "one", 2) == "no"
    click(page.fetch_button)
    box = asked(page, qtbot)
    assert "one, 240 kB" in box.text()
    assert "they/one" in box.informativeText() and "none stated" in box.informativeText()
    assert box.defaultButton().text() == "Do not fetch"
    assert not any("resolve" in path for path, _, _ in hub.asked)
    press(box, "Fetch 240 kB")
    qtbot.waitUntil(lambda: weights.place(weights.known("one")).is_file(), timeout=20_000)
    idle(page, qtbot)
    assert cell(page, "one", 2) == "yes" and "whole" in page.note.text() and not page.fetch_button.isEnabled()
    click(page.verify_button)
    idle(page, qtbot)
    assert "2 tensors in float32" in page.note.text()


def test_nothing_is_fetched_without_consent(page: WeightsPage, hub: Hub, qtbot: QtBot) -> None:
    page.select("sam_b")
    click(page.fetch_button)
    press(asked(page, qtbot), "Do not fetch")
    qtbot.wait(50)
    assert page._job is None and not hub.asked and cell(page, "sam_b", 2) == "no"


def test_a_fetch_can_be_cancelled_and_gone_on_with(
    page: WeightsPage, hub: Hub, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PAUSE_S", 60.0)
    hub.cuts = [100_000]
    page.select("one")
    click(page.fetch_button)
    press(asked(page, qtbot), "Fetch 240 kB")
    qtbot.waitUntil(lambda: page.doing.whole().startswith("one: 100 kB of"), timeout=20_000)
    assert page.bar.value() > 400 and not page.fetch_button.isEnabled()
    click(page.cancel_button)
    idle(page, qtbot)
    assert "kept" in page.note.text() and cell(page, "one", 2) == "100 kB of it"
    assert page.fetch_button.text() == "Fetch the rest…"
    click(page.fetch_button)
    press(asked(page, qtbot), "Fetch 140 kB")
    qtbot.waitUntil(lambda: cell(page, "one", 2) == "yes", timeout=20_000)


def test_a_failure_is_told_and_the_page_goes_on(page: WeightsPage, hub: Hub, qtbot: QtBot) -> None:
    hub.status = 404
    page.select("one")
    click(page.fetch_button)
    qtbot.waitUntil(lambda: "404" in page.note.text(), timeout=20_000)
    assert page.note.property("wrong") and page.fetch_button.isEnabled() and not page.cancel_button.isVisible()


def test_a_folder_is_imported(page: WeightsPage, hub: Hub, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "tuned.ckpt").write_bytes(hub.files["they/one/in/tuned.ckpt"])
    page.take(tmp_path / "old")
    idle(page, qtbot)
    assert cell(page, "tuned", 2) == "yes" and "tuned" in page.note.text()
    assert page.import_file.text() == "A file as tuned…"
    page.select("many")
    assert page.import_file.text() == "A folder as many…"


def test_the_window_closes_while_the_page_fetches(page: WeightsPage, hub: Hub, qtbot: QtBot, driver: Any) -> None:
    hub.cuts = [100_000, 0, 0, 0, 0]
    page.select("one")
    click(page.fetch_button)
    press(asked(page, qtbot), "Fetch")
    driver.window.close()
    assert not page.isVisible()


def test_missing_weights_lead_to_the_page(hub: Hub, driver: Any) -> None:
    driver.window.tell(WeightsError("The weights 'one' are not on this computer", "Fetch them."))
    messages = driver.window.parts.messages
    QTest.mouseClick(messages._help, Qt.MouseButton.LeftButton)
    assert driver.window._weights.isVisible() and messages.title == ""


def test_another_network_is_chosen_and_a_failing_one_leaves_the_old(
    qtbot: QtBot, fake: Any, photo: Path, tmp_path: Path, hub: Hub
) -> None:
    def predictor_of(name: str) -> Any:
        if name == "embedded":
            return fake
        raise WeightsError(f"The weights '{name}' are not on this computer", "Fetch them.")

    window = Window(lambda: predictor_of("mine"), "cpu", tmp_path / "s.json", predictor_of=predictor_of, network="mine")
    window.show()
    window.open(photo)
    qtbot.waitUntil(lambda: window.parts.messages.title != "")
    assert window.session.document.shown is None
    window.weights()
    page = window._weights
    assert page is not None and page.network.currentText() == "mine"
    page.network.textActivated.emit("embedded")
    qtbot.waitUntil(lambda: window.session.document.shown is not None)  # what had failed is done
    assert page.network.currentText() == "embedded" and window.parts.messages.title == ""
    page.network.textActivated.emit("mine")
    qtbot.waitUntil(lambda: window.parts.messages.title != "")
    assert page.network.currentText() == "embedded"
    window.use_network("embedded")
    qtbot.waitUntil(lambda: window.parts.messages.title == "")
    window.close()


def test_only_networks_that_are_here_can_be_chosen(
    driver: Any, hub: Hub, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    entries = tuple(replace(entry, kind="partrm") for entry in catalogue.CATALOGUE[:1])
    monkeypatch.setattr(catalogue, "CATALOGUE", entries)
    page = WeightsPage(driver.window, driver.window.working, lambda name: None)
    flags = [page.network.model().index(row, 0).flags() for row in range(2)]
    enabled = Qt.ItemFlag.ItemIsEnabled
    assert page.network.itemText(1) == "one" and enabled in flags[0] and enabled not in flags[1]
    page.stop()
