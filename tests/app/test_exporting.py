"""Pictures, films and sequences from the window, made beside the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QDialogButtonBox

from model.formats import sequence
from partrm_viewer import dialogs
from partrm_viewer.export import BACKGROUNDS
from partrm_viewer.panels.state_film import StateFilmSheet
from partrm_viewer.panels.still import StillSheet
from renderer.cpu import CpuRenderer
from tests.app.conftest import PULLED

pytestmark = pytest.mark.app


@pytest.fixture
def pulled(driver: Any, photo: Path) -> Any:
    """Open a photo and pull once."""
    driver.open(photo)
    driver.pull_and_wait()
    return driver


def sheet(driver: Any, action: str, kind: type) -> Any:
    """Open a sheet by its action."""
    driver.window.bars.actions[action].trigger()
    return driver.window.findChild(kind)


def ends(driver: Any) -> None:
    """Wait until nothing is exported any more."""
    driver.wait(lambda: driver.window.exporting.running == "")


def test_a_picture_is_what_the_view_shows_at_any_size(pulled: Any, tmp_path: Path, monkeypatch: Any) -> None:
    window, path = pulled.window, tmp_path / "a.png"
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: path)
    asked = sheet(pulled, "picture", StillSheet)
    viewport = window.parts.viewport
    assert asked.width_px.value() == viewport.width() and asked.height_px.value() == viewport.height()
    asked.width_px.setValue(300)
    height = asked.height_px.value()
    assert height == round(300 * viewport.height() / viewport.width())
    asked.background.setCurrentIndex(2)
    asked.accept()
    ends(pulled)
    shown = pulled.document.shown.gaussians
    expected = CpuRenderer().render(shown, viewport.camera().fitted(300, height)).rgba8()
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), expected)
    assert window.parts.status.whole() == f"Saved {path}" and BACKGROUNDS["transparent"] is None


def test_what_is_too_large_is_told_and_cannot_be_saved(pulled: Any) -> None:
    asked = sheet(pulled, "picture", StillSheet)
    asked.keep.setChecked(False)
    asked.width_px.setValue(30000)
    asked.height_px.setValue(30000)
    save = asked.buttons.button(QDialogButtonBox.StandardButton.Save)
    assert "memory" in asked.told.text() and not save.isEnabled()
    asked.height_px.setValue(1000)
    assert "30.0 million" in asked.told.text() and save.isEnabled()
    asked.reject()


def test_a_part_is_pulled_while_a_picture_is_drawn_which_can_be_cancelled(
    pulled: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    window, path = pulled.window, tmp_path / "large.png"
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: path)
    asked = sheet(pulled, "picture", StillSheet)
    asked.width_px.setValue(8000)
    asked.accept()
    assert window.exporting.running
    window.session.show(0)
    pulled.pull_and_wait(PULLED)
    assert window.exporting.running  # the pull did not wait for it
    pulled.wait(window.parts.progress.isVisible)
    window.cancel()
    ends(pulled)
    assert not path.exists()


def test_states_are_filmed_in_order(pulled: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("partrm_viewer.exporting.FILM_SIZE", (64, 48))
    path = tmp_path / "states.webp"
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: path)
    asked = sheet(pulled, "film_states", StateFilmSheet)
    assert asked.seconds.value() == pytest.approx(0.5)
    asked.background.setCurrentIndex(2)
    asked.accept()
    ends(pulled)
    with Image.open(path) as film:
        assert film.n_frames == 2 and film.size == (64, 48) and film.mode == "RGBA"  # type: ignore[attr-defined]


def test_states_are_saved_as_a_sequence(pulled: Any, tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "states"
    folder.mkdir()
    monkeypatch.setattr(dialogs, "ask_folder", lambda *_: folder)
    pulled.window.bars.actions["export_states"].trigger()
    ends(pulled)
    frames = sequence.OnDisk(sequence.files_of([folder]))
    for frame, snapshot in zip(frames, pulled.document.snapshots, strict=True):
        np.testing.assert_allclose(frame.positions, snapshot.gaussians.positions)


def test_a_place_that_cannot_be_written_is_told(pulled: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: tmp_path / "file" / "a.png")
    asked = sheet(pulled, "picture", StillSheet)
    asked.width_px.setValue(64)
    asked.accept()
    ends(pulled)
    assert "a.png" in pulled.window.parts.messages.title


def test_closing_while_something_is_exported_asks(pulled: Any, tmp_path: Path, monkeypatch: Any) -> None:
    asked_with: list[str] = []

    def answer(parent: object, name: str, running: str) -> str:
        asked_with.append(running)
        return "discard"

    monkeypatch.setattr(dialogs, "ask_unsaved", answer)
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: tmp_path / "large.png")
    asked = sheet(pulled, "picture", StillSheet)
    asked.width_px.setValue(8000)
    asked.accept()
    assert pulled.window.close()
    assert asked_with == ["Drawing large.png"] and not (tmp_path / "large.png").exists()
