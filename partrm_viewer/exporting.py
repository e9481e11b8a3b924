"""Exporting: pictures, films and sequences, made by a worker of their own, so that pulling never waits for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.camera import Camera
from model.errors import PartRMError
from model.gaussians import Gaussians
from model.progress import Progress
from partrm_viewer import dialogs
from partrm_viewer.document import Snapshot
from partrm_viewer.jobs import Job, Jobs
from partrm_viewer.panels.state_film import StateFilmSheet
from partrm_viewer.panels.still import StillSheet
from partrm_viewer.state_film import StateFilm
from partrm_viewer.still import Still
from partrm_viewer.tools import navigate
from partrm_viewer.viewport import BACKGROUNDS
from partrm_viewer.words import tr
from partrm_viewer.workbench import turn_of

if TYPE_CHECKING:
    from partrm_viewer.window import Window

FILM_SIZE = (1280, 720)  # px, of a turntable


class Exporting:
    """The window's actions that draw for files; each asks first, then makes a job. GUI thread only."""

    def __init__(self, window: Window, jobs: Jobs) -> None:
        self._window = window
        self.jobs = jobs
        self._current: list[Job] = []

    @property
    def running(self) -> str:
        """Name a job that closing would stop; nothing where there is none."""
        return self._current[0].name if self._current else ""

    def close(self) -> None:
        """End the worker."""
        self.jobs.close()

    # ---- actions

    def picture(self) -> None:
        """Ask how large, and save the shown state as a picture."""
        camera = self._window.parts.viewport.camera()
        if camera is not None:
            wish = Still(camera.width, camera.height, self._window.settings.background)
            StillSheet(self._window, wish, self._save_still).open()

    def film(self) -> None:
        """Ask where, and film one turn around the shown state, from where the 3D view looks at it."""
        window = self._window
        shown, camera = window.session.document.shown, window.parts.viewport.camera()
        if shown is None or camera is None:
            return
        path = self._ask_where(tr("Save film"), f"{shown.name}.mp4", dialogs.FILMS)
        if path is None:
            return
        background, turn = BACKGROUNDS[window.settings.background], self._turn(shown)

        def run(progress: Progress) -> Path:
            from partrm_viewer.export import TURNTABLE_FPS, TURNTABLE_FRAMES
            from renderer.base import choose
            from renderer.capture import turntable

            renderer, _ = choose("cpu")  # OpenGL belongs to the window
            count, fps = TURNTABLE_FRAMES, TURNTABLE_FPS
            splats, start = _turned(shown.gaussians, turn), camera
            if turn is not None:
                start = replace(camera, T_world_camera=turn @ camera.T_world_camera)
            return turntable(renderer, splats, start, path, count, FILM_SIZE, background, fps, progress)

        self._start(tr("Filming {name}").format(name=path.name), run, self._saved)

    def film_states(self) -> None:
        """Ask how, and film the states one after the other."""
        settings = self._window.settings
        wish = StateFilm(FILM_SIZE, settings.background, 1 / settings.pace, back=settings.play == "back and forth")
        StateFilmSheet(self._window, wish, self._save_state_film).open()

    def export_states(self) -> None:
        """Ask for a folder, and save all states as numbered PLY files."""
        window = self._window
        folder = dialogs.ask_folder(window, tr("Folder for the states"))
        if folder is None:
            return
        states = [(s.gaussians, turn_of(s, window.settings.upright)) for s in window.session.document.snapshots]

        def run(progress: Progress) -> Path:
            from model.formats import sequence

            sequence.write(folder, [_turned(splats, turn) for splats, turn in states], "state", progress)
            return folder

        self._start(tr("Saving {count} states").format(count=len(states)), run, self._saved)

    # ---- what the sheets ask for

    def _save_still(self, still: Still) -> None:
        window, viewport = self._window, self._window.parts.viewport
        shown, camera = window.session.document.shown, viewport.camera()
        if shown is None or camera is None:
            return
        ground = viewport.ground(camera)
        path = self._ask_where(tr("Save picture"), f"{shown.name}.png", dialogs.PICTURES)
        if path is None:
            return

        def run(progress: Progress) -> Path:
            from partrm_viewer import still as stills
            from renderer.base import choose

            renderer, _ = choose("cpu")
            made = stills.draw(still, shown.gaussians, camera, renderer, ground, progress)
            return stills.save(path, made, progress)

        self._start(tr("Drawing {name}").format(name=path.name), run, self._saved)

    def _save_state_film(self, film: StateFilm) -> None:
        window = self._window
        states, camera = [s.gaussians for s in window.session.document.snapshots], self._camera()
        kinds = dialogs.CLEAR_FILMS if film.background == "transparent" else dialogs.FILMS
        ending = ".webp" if film.background == "transparent" else ".mp4"
        path = self._ask_where(tr("Save film"), f"{Path(window.session.document.name).stem}{ending}", kinds)
        if path is None or camera is None:
            return

        def run(progress: Progress) -> Path:
            from partrm_viewer.state_film import film_states
            from renderer.base import choose

            renderer, _ = choose("cpu")
            return film_states(path, states, camera, film, renderer, progress)

        self._start(tr("Filming {name}").format(name=path.name), run, self._saved)

    # ---- jobs

    def _start(self, name: str, run: Callable[[Progress], Any], done: Callable[[Any], None]) -> None:
        def over() -> None:
            self._current.remove(job)
            self._window.work_changed()

        def finished(value: Any) -> None:
            over()
            done(value)

        def failed(error: PartRMError) -> None:
            over()
            self._window.tell(error, "export")

        job = Job(name, run, finished, failed, over)
        self._current.append(job)
        self.jobs.submit(job)
        self._window.work_changed()

    def _saved(self, path: Path) -> None:
        self._window.say(tr("Saved {path}").format(path=path))

    def _camera(self) -> Camera | None:
        return self._window.parts.viewport.camera()

    def _turn(self, shown: Snapshot) -> np.ndarray | None:
        """Return the rigid (4, 4) transform after which up is y, as the 3D view has it; None where it is already."""
        view = self._window.parts.viewport.view
        if shown.state is not None or view is None:
            return turn_of(shown, self._window.settings.upright)
        turn = np.eye(4)
        turn[:3, :3] = navigate.standing(view.up).T
        return None if np.array_equal(turn, np.eye(4)) else turn

    def _ask_where(self, title: str, name: str, kinds: str) -> Path | None:
        return dialogs.ask_where(self._window, title, self._window.settings.folder, name, kinds)


def _turned(splats: Gaussians, turn: np.ndarray | None) -> Gaussians:
    return splats if turn is None else splats.moved(turn)
