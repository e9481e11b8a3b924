"""Projects in the window: saving, opening, the mark of what is unsaved, closing, and what a crash leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from partrm_viewer import dialogs, project
from partrm_viewer.tools import navigate

pytestmark = pytest.mark.app


def answer_where(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> None:
    """Let the dialog that asks for a place answer at once."""
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: path)


@pytest.fixture
def pulled(driver: Any, photo: Path) -> Any:
    """Open a photo and pull its part once."""
    driver.open(photo)
    driver.pull_and_wait()
    return driver


def test_a_photo_alone_is_not_unsaved_work_a_pull_is(driver: Any, photo: Path) -> None:
    driver.open(photo)
    assert not driver.window.isWindowModified()
    driver.pull_and_wait()
    assert driver.window.isWindowModified()
    driver.window.undo()
    assert not driver.window.isWindowModified()


def test_save_asks_once_and_takes_the_mark_away(pulled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window, path = pulled.window, tmp_path / "a.partrm"
    answer_where(monkeypatch, path)
    window.bars.actions["save"].trigger()
    pulled.wait(lambda: not window.isWindowModified())
    assert window.windowTitle().startswith("a.partrm")
    answer_where(monkeypatch, None)  # would be cancelled if it were asked again
    window.session.rename(1, "Open")
    assert window.isWindowModified()
    first = path.read_bytes()
    window.bars.actions["save"].trigger()
    pulled.wait(lambda: not window.isWindowModified())
    assert path.read_bytes() != first
    assert project.read(path).document.snapshots[1].name == "Open"


def test_a_project_opens_where_it_was_looked_at(pulled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = pulled.window
    viewport = window.parts.viewport
    viewport.set_view(navigate.orbit(viewport.view, 80, 10))
    there = viewport.view.camera.T_world_camera
    answer_where(monkeypatch, tmp_path / "a.partrm")
    window.filing.save()
    pulled.wait(lambda: not window.isWindowModified())
    saved = pulled.document
    pulled.open(tmp_path / "a.partrm")
    assert [s.name for s in pulled.document.snapshots] == [s.name for s in saved.snapshots]
    np.testing.assert_array_equal(viewport.view.camera.T_world_camera, there)
    assert not window.isWindowModified() and str(tmp_path / "a.partrm") in window.settings.recent
    pulled.pull_and_wait((80.0, 170.0))  # it can be gone on with
    assert window.isWindowModified()


def test_a_damaged_project_is_told_and_what_was_open_stays(pulled: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.partrm"
    bad.write_bytes(b"PK not really")
    before = pulled.document
    pulled.window.open(bad)
    pulled.wait(lambda: "bad.partrm" in pulled.window.parts.messages.title)
    assert pulled.document is before


def test_a_save_that_fails_is_told_and_the_work_stays_marked(
    pulled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_where(monkeypatch, tmp_path / "no" / "such" / "folder.partrm")
    pulled.window.filing.save()
    pulled.wait(lambda: "Cannot write" in pulled.window.parts.messages.title)
    assert pulled.window.isWindowModified()


def test_closing_asks_and_can_be_called_off(pulled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def stay(parent: object, name: str, running: str) -> str:
        asked.append(name)
        return "stay"

    monkeypatch.setattr(dialogs, "ask_unsaved", stay)
    assert not pulled.window.close()
    assert pulled.window.isVisible() and asked == ["box.png"]
    monkeypatch.setattr(dialogs, "ask_unsaved", lambda *_: "discard")
    assert pulled.window.close()


def test_closing_saves_first_where_that_is_the_answer(
    pulled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_where(monkeypatch, tmp_path / "last.partrm")
    monkeypatch.setattr(dialogs, "ask_unsaved", lambda *_: "save")
    pulled.window.close()
    pulled.wait(lambda: not pulled.window.isVisible())
    assert len(project.read(tmp_path / "last.partrm").document.snapshots) == 2


def test_closing_while_predicting_asks_once(
    driver: Any, fake: Any, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.open(photo)
    asked: list[str] = []

    def go(parent: object, name: str, running: str) -> str:
        asked.append(running)
        return "discard"

    monkeypatch.setattr(dialogs, "ask_unsaved", go)
    driver.press((120.0, 130.0))
    driver.wait(lambda: driver.document.part is not None)
    fake.wait.clear()
    driver.move((85.0, 165.0))
    driver.release((85.0, 165.0))
    driver.wait(lambda: driver.window.bench.predicting)
    assert driver.window.close()
    assert asked == ["Predicting"]


@pytest.mark.parametrize(("button", "answer"), [("Save", "save"), ("Don't save", "discard"), ("Cancel", "stay")])
def test_the_question_offers_all_three_ways(driver: Any, button: str, answer: str, monkeypatch: Any) -> None:
    monkeypatch.undo()

    def choose(box: QMessageBox) -> int:
        next(b for b in box.buttons() if b.text() == button).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", choose)
    assert dialogs.ask_unsaved(driver.window, "box.png", "") == answer


def test_copies_go_when_the_work_is_saved_or_given_up(
    pulled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "recovery"
    pulled.window.filing.keeping.copy()
    pulled.wait(lambda: len(list(copies.glob("*.partrm"))) == 1)
    pulled.window.filing.keeping.copy()  # nothing has changed
    answer_where(monkeypatch, tmp_path / "a.partrm")
    pulled.window.filing.save()
    pulled.wait(lambda: not list(copies.glob("*.partrm")))
    pulled.window.session.rename(1, "Open")
    pulled.window.filing.keeping.copy()
    pulled.wait(lambda: len(list(copies.glob("*.partrm"))) == 1)
    assert pulled.window.close()
    assert not list(copies.glob("*.partrm"))


def test_keeping_a_copy_leaves_the_status_bar_alone(pulled: Any, tmp_path: Path) -> None:
    pulled.window.say("Read me")
    pulled.window.filing.keeping.copy()
    pulled.wait(lambda: any(tmp_path.rglob("recovery/*.partrm")))
    pulled.qtbot.wait(200)
    assert pulled.window.parts.status.whole() == "Read me"


def test_opening_another_photo_keeps_a_copy_of_unsaved_work(pulled: Any, photo: Path, tmp_path: Path) -> None:
    pulled.open(photo)
    copies = tmp_path / "recovery"
    pulled.wait(lambda: len(list(copies.glob("*.partrm"))) == 1)
    assert not pulled.window.isWindowModified()


CHILD = """
    import sys, time
    from pathlib import Path
    import numpy as np
    sys.path.insert(0, {root!r})
    from PySide6.QtCore import QCoreApplication
    from partrm_viewer.jobs import Jobs
    from partrm_viewer.keeping import Keeping
    from partrm_viewer.session import Session
    from tests.partrm_viewer.keep import Quiet, work
    app = QCoreApplication([])
    session, box = Session(), []
    keeping = Keeping(session, Jobs(box.append, "saver"), Quiet(), Path({folder!r}))
    session.open(work())
    keeping.copy()
    while not list(Path({folder!r}).glob("*.partrm")):
        time.sleep(0.02)
    print("kept", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a signal of POSIX systems")
def test_recovers_after_kill(make_window: Any, qtbot: QtBot, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    code = textwrap.dedent(CHILD).format(root=str(root), folder=str(tmp_path / "recovery"))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "kept"
    window = make_window()
    window.filing.offer_recovery()
    assert not window.parts.messages.title  # the other program is alive: its copy is its own
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    window.filing.offer_recovery()
    assert "Unsaved work" in window.parts.messages.title
    window.parts.messages._do_help()
    qtbot.waitUntil(lambda: window.session.document.shown is not None, timeout=20_000)
    assert len(window.session.document.snapshots) == 2 and window.isWindowModified()
    assert "not saved yet" in window.parts.status.whole()
    assert len(list((tmp_path / "recovery").glob("*.partrm"))) == 1  # ours now, until it is saved
    assert window.close()
    assert not list((tmp_path / "recovery").glob("*.partrm"))
