"""Whatever is done in whatever order: no exception, no warning of Qt, nothing left behind."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from model.formats import ply
from partrm_viewer import filing
from tests.app.conftest import box_of_splats, write_photo
from tests.app.monkey import Monkey

SPLATS = 1500


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return photos, splats, and what cannot be opened."""
    ply.write(tmp_path / "box.ply", box_of_splats(SPLATS))
    (tmp_path / "text.png").write_text("no image")
    photo, nothing = write_photo(tmp_path / "box.png"), write_photo(tmp_path / "nothing.png", alpha=False)
    return [photo, photo, photo, nothing, tmp_path / "box.ply", tmp_path / "text.png", tmp_path / "gone.ply"]


def live(
    window: Any, qtbot: QtBot, qtlog: Any, fake: Any, files: list[Path], at: Path, seed: int, count: int, patch: Any
) -> Monkey:
    """Let a monkey act so many times; where it breaks something, tell what it did last."""
    fake.splats = SPLATS
    patch.setattr(filing, "SAMPLE", files[0])
    at.mkdir(exist_ok=True)
    monkey = Monkey(window, qtbot, fake, files, at, seed, patch)
    window.open(files[0])
    with qtbot.capture_exceptions() as exceptions:
        try:
            for _ in range(count):
                monkey.act()
                faults = [traceback.format_exception(error) for _, error, _ in exceptions]
                assert not faults, "".join(faults[0])
                assert warnings(qtlog) == []
            monkey.calm()
        except BaseException:
            print(f"seed {seed}, action {monkey.count}; the last ones:", *monkey.diary, sep="\n  ")
            raise
    assert not exceptions and warnings(qtlog) == []
    return monkey


def warnings(qtlog: Any) -> list[str]:
    """Return what Qt has complained of."""
    return [record.message for record in qtlog.records if record.log_type_name not in ("QtDebugMsg", "QtInfoMsg")]


def check(
    make_window: Any, qtbot: QtBot, fake: Any, qtlog: Any, files: Any, at: Path, seed: int, n: int, p: Any
) -> None:
    """Let a monkey live in a window of its own, then close it."""
    before = set(threading.enumerate())
    window = make_window()
    live(window, qtbot, qtlog, fake, files, at / "written", seed, n, p)
    assert window.close()
    assert set(threading.enumerate()) <= before


@pytest.mark.app
def test_a_monkey_breaks_nothing(
    make_window: Any, qtbot: QtBot, fake: Any, qtlog: Any, files: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    check(make_window, qtbot, fake, qtlog, files, tmp_path, 7, 300, monkeypatch)


@pytest.mark.app
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 6))
def test_five_monkeys_of_a_thousand_actions_each(
    make_window: Any, qtbot: QtBot, fake: Any, qtlog: Any, files: Any, tmp_path: Path, monkeypatch: Any, seed: int
) -> None:
    check(make_window, qtbot, fake, qtlog, files, tmp_path, seed, 1000, monkeypatch)
