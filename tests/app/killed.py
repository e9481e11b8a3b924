"""A program that is killed while it works: opens a photo, pulls, waits for the copy, begins a job and never ends it.

python tests/app/killed.py save|copy|export|predict FOLDER PHOTO
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from model.drag import Drag
from partrm_viewer.app import application
from partrm_viewer.tools.pull import Gesture
from partrm_viewer.window import Window
from tests.app.conftest import ON_PART, PULLED, FakePipeline


def main(what: str, folder: Path, photo: Path) -> None:
    """Get to the middle of a job, say so, and stay there."""
    app, fake = application(), FakePipeline()
    window = Window(lambda: fake, "cpu", folder / "settings.json")
    session, bench, keeping = window.session, window.bench, window.filing.keeping

    def wait(condition: Callable[[], object]) -> None:
        while not condition():
            app.processEvents()
            time.sleep(0.005)

    def pull() -> None:
        shown = session.document.shown
        assert shown is not None and shown.state is not None
        bench.predict(Gesture(shown, shown.state, ON_PART), Drag(ON_PART, PULLED))

    def stay(*_: object) -> None:
        print("busy", flush=True)
        time.sleep(600)

    window.open(photo)
    wait(lambda: session.document.shown is not None)
    pull()
    wait(lambda: len(session.document.snapshots) == 2)
    keeping.save(folder / "saved.partrm")
    wait(lambda: not keeping.dirty)
    session.rename(1, "Ajar")
    keeping.copy()
    wait(lambda: list((folder / "recovery").glob("*.partrm")))
    session.rename(1, "Open")
    if what == "predict":
        fake.hold = stay  # type: ignore[method-assign, assignment]
        pull()
    else:
        os.fsync = stay  # type: ignore[assignment]  # all is written, nothing is in its place yet
        jobs = {"save": keeping.save, "copy": lambda _: keeping.copy(), "export": bench.save}
        jobs[what](folder / ("state.ply" if what == "export" else "saved.partrm"))
    wait(lambda: False)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
