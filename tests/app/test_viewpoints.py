"""Saved viewpoints in the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from partrm_viewer import dialogs, project
from partrm_viewer.tools import navigate

pytestmark = pytest.mark.app


@pytest.fixture
def two(driver: Any, photo: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open a photo and keep two viewpoints, Front and Side."""
    driver.open(photo)
    names = iter(["Front", "Q&A"])
    monkeypatch.setattr(dialogs, "ask_name", lambda *_: next(names))
    driver.window.bars.actions["add_viewpoint"].trigger()
    viewport = driver.window.parts.viewport
    viewport.set_view(navigate.orbit(viewport.view, 180, 20))
    driver.window.bars.actions["add_viewpoint"].trigger()
    return driver


def test_keys_go_to_viewpoints_smoothly_and_home_is_home_again(two: Any) -> None:
    window, viewport = two.window, two.window.parts.viewport
    window.activateWindow()
    two.wait(window.isActiveWindow)
    side = viewport.view
    assert not viewport.at_home
    QTest.keyClick(window, Qt.Key.Key_1)
    two.wait(lambda: viewport.at_home)
    QTest.keyClick(window, Qt.Key.Key_PageDown)
    two.wait(lambda: viewport.view is side)
    QTest.keyClick(window, Qt.Key.Key_PageDown)
    two.wait(lambda: viewport.at_home)
    QTest.keyClick(window, Qt.Key.Key_PageUp)
    two.wait(lambda: viewport.view is side)
    QTest.keyClick(window, Qt.Key.Key_7)  # there is none
    assert viewport.view is side


def test_only_those_that_there_are_are_offered_by_their_names(two: Any) -> None:
    actions = two.window.bars.actions
    assert actions["viewpoint_2"].isVisible() and actions["viewpoint_2"].text() == "&2  Q&&A"
    assert actions["viewpoint_1"].text() == "&1  Front" and not actions["viewpoint_3"].isVisible()


def test_they_are_renamed_moved_and_deleted(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    window, points = two.window, two.window.viewpoints
    monkeypatch.setattr(dialogs, "ask_name", lambda *_: "Left")
    window.bars.actions["rename_viewpoint"].trigger()
    assert [point.name for point in points.all] == ["Front", "Left"]
    viewport = window.parts.viewport
    viewport.set_view(navigate.zoom(viewport.view, 3))
    window.bars.actions["move_viewpoint"].trigger()
    assert points.all[1].view is viewport.view
    window.bars.actions["remove_viewpoint"].trigger()
    window.bars.actions["remove_viewpoint"].trigger()
    assert points.all == () and not window.bars.actions["next_viewpoint"].isEnabled()
    assert not window.bars.actions["remove_viewpoint"].isEnabled()


def test_a_name_that_is_not_given_keeps_nothing(driver: Any, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.open(photo)
    monkeypatch.setattr(dialogs, "ask_name", lambda *_: None)
    driver.window.bars.actions["add_viewpoint"].trigger()
    assert driver.window.viewpoints.all == ()


def test_they_are_work_to_save_and_come_back_with_the_project(
    two: Any, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, path = two.window, tmp_path / "a.partrm"
    assert window.isWindowModified()
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: path)
    window.filing.save()
    two.wait(path.exists)
    two.wait(lambda: not window.isWindowModified())
    there = window.viewpoints.all[1].view.camera.T_world_camera
    two.open(photo)
    assert window.viewpoints.all == ()
    two.open(path)
    assert [point.name for point in window.viewpoints.all] == ["Front", "Q&A"]
    np.testing.assert_array_equal(window.viewpoints.all[1].view.camera.T_world_camera, there)
    assert not window.isWindowModified()
    window.bars.actions["viewpoint_1"].trigger()
    two.wait(lambda: window.parts.viewport.at_home)


def test_opening_another_photo_keeps_a_copy_of_them(two: Any, photo: Path, tmp_path: Path) -> None:
    copies = tmp_path / "recovery"
    two.open(photo)
    two.wait(lambda: len(list(copies.glob("*.partrm"))) == 1)
    kept = project.read(next(copies.glob("*.partrm")))
    assert [point.name for point in kept.viewpoints] == ["Front", "Q&A"]
    assert not two.window.isWindowModified()
