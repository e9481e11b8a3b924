"""Nothing is lost: a program that is killed while it works, a full disk, a folder that may not be written to."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from partrm_viewer import dialogs, project

pytestmark = pytest.mark.app


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a signal of POSIX systems")
@pytest.mark.parametrize("what", ["save", "copy", "export", "predict"])
def test_nothing_older_than_the_last_copy_is_lost_by_a_kill(
    make_window: Any, qtbot: QtBot, photo: Path, tmp_path: Path, what: str
) -> None:
    script = Path(__file__).with_name("killed.py")
    child = subprocess.Popen(
        [sys.executable, str(script), what, str(tmp_path), str(photo)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "busy"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert project.read(tmp_path / "saved.partrm").document.snapshots[1].name == "Pull 1"  # whole, as it was
    assert not (tmp_path / "state.ply").exists()
    window = make_window()
    window.filing.offer_recovery()
    assert "Unsaved work" in window.parts.messages.title
    window.parts.messages._do_help()
    qtbot.waitUntil(lambda: window.session.document.shown is not None, timeout=60_000)
    assert [s.name for s in window.session.document.snapshots] == ["Photo", "Ajar"]
    assert window.isWindowModified() and window.session.document.snapshots[1].steps[0].held is not None
    left = sorted(p.name for p in (tmp_path / "recovery").iterdir() if p.suffix != ".lock")
    assert len(left) == 1 and left[0].endswith(".partrm")  # no half files either


def mounted(folder: Path, options: str) -> bool:
    """Mount a small disk of memory; only root may."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of its own, 1 MB large; without the right to mount one, skip."""
    folder = tmp_path / "disk"
    if not mounted(folder, "size=1m"):
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def pulled(driver: Any, photo: Path, fake: Any) -> Any:
    """Open a photo and pull its part once."""
    fake.splats = 2000
    driver.open(photo)
    driver.pull_and_wait()
    return driver


def saved_once(driver: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Save, then change something; returns what lies in the file."""
    monkeypatch.setattr(dialogs, "ask_where", lambda *_: path)
    driver.window.filing.save()
    driver.wait(lambda: not driver.window.isWindowModified())
    driver.window.session.rename(1, "Open")
    return path.read_bytes()


def refused(driver: Any, path: Path, before: bytes, why: str) -> None:
    """Save once more, in vain."""
    document = driver.document
    driver.window.filing.save()
    driver.wait(lambda: why in driver.window.parts.messages.title)
    assert "Cannot write" in driver.window.parts.messages.title and "room" in driver.window.parts.messages.hint
    assert driver.window.isWindowModified() and driver.document is document
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.glob(".*")] == []


def test_a_disk_that_is_full_is_told_and_the_old_file_stays(
    pulled: Any, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_disk / "a.partrm"
    before = saved_once(pulled, path, monkeypatch)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"\1" * 4096)
    refused(pulled, path, before, "No space left")
    filler.unlink()
    pulled.window.filing.save()
    pulled.wait(lambda: not pulled.window.isWindowModified())
    assert project.read(path).document.snapshots[1].name == "Open"


def test_a_folder_that_may_not_be_written_to_is_told_and_the_old_file_stays(
    pulled: Any, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_disk / "a.partrm"
    before = saved_once(pulled, path, monkeypatch)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refused(pulled, path, before, "Read-only file system")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_whatever_the_disk_says_is_told_and_the_mark_stays(
    pulled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "folder" / "a.partrm"
    path.parent.mkdir()
    before = saved_once(pulled, path, monkeypatch)

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    refused(pulled, path, before, os.strerror(code))


def test_a_copy_that_cannot_be_kept_is_told(pulled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    pulled.window.filing.keeping.copy()
    pulled.wait(lambda: "No copy of the unsaved work" in pulled.window.parts.status.whole())
    assert pulled.window.isWindowModified()


def test_half_files_of_dead_programs_are_cleared_away(pulled: Any, tmp_path: Path) -> None:
    keeping = pulled.window.filing.keeping
    keeping.copy()
    pulled.wait(lambda: any((tmp_path / "recovery").glob("*.partrm")))
    dead = tmp_path / "recovery" / ".0123456789ab-7.partrm.beef0123"
    own = tmp_path / "recovery" / f".{keeping._token}-9.partrm.beef0123"
    for path in (dead, own):
        path.write_bytes(b"half")
    keeping.left_behind()
    assert not dead.exists() and own.exists()


def test_a_newer_project_is_refused_and_what_is_open_stays(
    pulled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, document = tmp_path / "newer.partrm", pulled.document
    with monkeypatch.context() as later:
        later.setattr(project, "FORMAT", project.FORMAT + 1)
        project.write(path, project.Project(document))
    pulled.window.open(path)
    pulled.wait(lambda: "newer version" in pulled.window.parts.messages.title)
    assert "newest version" in pulled.window.parts.messages.hint and pulled.document is document
