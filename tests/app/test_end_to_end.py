"""A whole session with a photograph and the real networks, with a kill in the middle of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from model.formats import files
from partrm_viewer import dialogs, project
from partrm_viewer.engine import pipeline
from partrm_viewer.filing import SAMPLE
from partrm_viewer.gallery import PULL
from tests.app.watchdog import Watchdog

ROOT = Path(__file__).parents[2]
PHOTOGRAPH = ROOT.parent / "shared" / "data" / "images" / "freeart3d" / "cabinet" / "00.png"
AROUND = (112.0, 8.0, 410.0, 386.0)  # the nightstand in it


def job() -> tuple[Path, str, str]:
    """Return a photo, a box and a pull: of a photograph where there is one, else of the sample."""
    if PHOTOGRAPH.exists():
        box, pull = AROUND, (*PULL.start_px, *PULL.end_px)
    else:
        box, pull = (150.0, 60.0, 850.0, 900.0), tuple(json.loads(SAMPLE.with_suffix(".json").read_text())["drag"])
    return (PHOTOGRAPH if PHOTOGRAPH.exists() else SAMPLE), ",".join(map(str, box)), ",".join(map(str, pull))


def answering(path: Path) -> Callable[..., Path]:
    """Return what answers each question for a place with this one."""
    return lambda *_: path


@pytest.mark.app
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a signal of POSIX systems")
def test_a_photograph_is_outlined_pulled_saved_killed_recovered_and_exported(
    make_window: Any, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, box, pull = job()
    command = [sys.executable, str(ROOT / "tests" / "app" / "journey.py"), str(tmp_path), str(photo), box, pull]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told: list[str] = []
    while (line := child.stdout.readline().strip()) != "busy":
        assert line or child.poll() is None, told
        told.append(line)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    print(*told, sep="\n")
    assert [line for line in told[1:] if line] == []  # no block

    saved = project.read(tmp_path / "saved.partrm").document
    assert [s.name for s in saved.snapshots] == ["Photo", "Pull 1"]

    with Watchdog() as watchdog:
        window = make_window("auto", pipeline)
        watchdog.rest()
        window.filing.offer_recovery()
        window.parts.messages._do_help()
        session = window.session
        qtbot.waitUntil(lambda: session.document.shown is not None, timeout=60_000)
        assert [s.name for s in session.document.snapshots] == ["Photo", "Ajar"]
        assert window.isWindowModified()
        session.show(1)
        shown = session.document.shown
        assert shown.motion.joint.kind == "prismatic" and abs(shown.motion.amount) > 0.02

        monkeypatch.setattr("partrm_viewer.exporting.FILM_SIZE", (320, 180))
        monkeypatch.setattr("partrm_viewer.export.TURNTABLE_FRAMES", 24)
        for action, name in (("export_state", "state.spz"), ("film", "turn.mp4")):
            answer = answering(tmp_path / name)
            monkeypatch.setattr(dialogs, "ask_where", answer)
            window.bars.actions[action].trigger()
            qtbot.waitUntil(lambda: window.parts.status.whole().startswith(f"Saved {answer()}"), timeout=300_000)  # noqa: B023
    print(f"longest {1000 * watchdog.longest_s:.0f} ms", watchdog.told(), sep="\n")
    assert watchdog.told() == ""
    spz = files.read(tmp_path / "state.spz")
    assert len(spz) == len(shown.gaussians)
    np.testing.assert_allclose(spz.positions, shown.gaussians.positions, atol=1e-2)
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "turn.mp4"))
    assert frames == 24 and seconds > 0
