"""Workbench: turns what the user asks for into jobs, and their ends into Documents; no Qt in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from model.drag import Drag
from model.errors import PartRMError
from model.gaussians import Gaussians
from model.progress import Progress
from model.stages.atlas import Atlas
from model.stages.state import Motion, Part, Prediction, State
from partrm_viewer import outlining
from partrm_viewer.document import Document, Snapshot, open_image, open_splats
from partrm_viewer.engine import Engine, Predictor
from partrm_viewer.jobs import Job, Jobs
from partrm_viewer.notes import notes_on
from partrm_viewer.outlining import Outlining, lies_on
from partrm_viewer.project import ENDING, Project
from partrm_viewer.project import read as read_project
from partrm_viewer.session import Session
from partrm_viewer.shelf import Shelf
from partrm_viewer.steps import Steps, replay
from partrm_viewer.tools.box import Box
from partrm_viewer.tools.pull import Gesture
from partrm_viewer.words import tr

SURE = 0.99  # confidence in the joint under which the status bar says "perhaps"; even above it, 1 in 30 is wrong


class Face(outlining.Face, Protocol):
    """What the workbench tells the window; each call comes on the GUI thread."""

    def say(self, text: str) -> None:
        """Show one line in the status bar."""
        ...

    def part_found(self, gesture: Gesture) -> None:
        """The part of a gesture lights up."""
        ...

    def pull_ended(self, gesture: Gesture) -> None:
        """The preview of a gesture goes; the predicted state, if there is one, is shown already."""
        ...

    def project_opened(self, path: Path, opened: Project) -> None:
        """A project's Document is open."""
        ...

    def work_changed(self) -> None:
        """Something began or ended that may change what can be done."""
        ...


class Workbench:
    """Owns no thread and no widget: session, jobs and engine are handed in. GUI thread only."""

    def __init__(self, session: Session, jobs: Jobs, engine: Engine, face: Face) -> None:
        self._session = session
        self._jobs = jobs
        self._engine = engine
        self._face = face
        self._shelf = Shelf()
        self._current: dict[str, Job] = {}  # about -> the newest job of that kind, while it lasts
        self._atlases: WeakKeyDictionary[State, Atlas] = WeakKeyDictionary()
        self.outlining = Outlining(session, jobs, engine, face)
        session.on_change(self._look_ahead)

    @property
    def building(self) -> bool:
        """Tell whether the photo's first state is being made."""
        return "object" in self._current

    @property
    def predicting(self) -> bool:
        """Tell whether a pull has been let go and its prediction has not ended."""
        return "pull" in self._current

    @property
    def running(self) -> str:
        """Name a job that closing would stop; nothing where there is none."""
        return next((job.name for job in self._current.values()), "")

    def atlas(self, state: State) -> Atlas | None:
        """Return the parts of a state that move; None as long as they are not known."""
        return self._atlases.get(state)

    def warm_up(self) -> None:
        """Load the model before it is asked for."""
        job = Job("Loading the model", self._engine.predictor, lambda _: None, lambda e: self._face.tell(e, "object"))
        self._jobs.submit(job)

    def use(self, make: Callable[[], Predictor], then: Callable[[bool], None]) -> None:
        """Predict with another network from now on, if it can be loaded; then is told whether it could."""

        def done(_: None) -> None:
            then(True)
            shown = self._session.document.shown
            if self._session.document.image is not None and shown is None:
                self.build()
            elif shown is not None and shown.state is not None:
                self._prepare(shown.state)

        def failed(error: PartRMError) -> None:
            then(False)
            self._face.tell(error, "object")

        def run(progress: Progress) -> None:
            self._engine.change(make, progress)

        self._jobs.submit(Job("Loading the model", run, done, failed, lambda: then(False)))

    # ---- files

    def open(self, path: Path) -> None:
        """Open an image, a splat file or a project; what is open stays until the new one is read."""
        from model.formats.files import FORMATS

        splats = path.name.lower().endswith(tuple(known.ending for known in FORMATS))

        def read(progress: Progress) -> np.ndarray | Gaussians | Project:
            progress(0.0, f"Reading {path.name}")
            if path.suffix.lower() == ENDING:
                return read_project(path, progress)
            if splats:
                from model.formats.files import read

                return read(path)
            from model.stages.load import load_image

            return load_image(path)

        def done(value: np.ndarray | Gaussians | Project) -> None:
            if isinstance(value, Project):
                self._session.open(value.document)
                self._face.project_opened(path, value)
                return
            document = open_splats(path, value) if isinstance(value, Gaussians) else open_image(path, value)
            self._session.open(document)
            if isinstance(value, Gaussians):
                self._face.say(f"{path.name}: {len(value):,} splats")
            else:
                self.build()

        self._start("file", f"Opening {path.name}", read, done)

    def build(self, box: Box | None = None) -> None:
        """Make the first state of the open photo; box (image pixels) says where the object is."""
        document = self._session.document
        image = document.image
        assert image is not None

        def run(progress: Progress) -> tuple[State, float]:
            predictor = self._engine.predictor(progress)
            start = time.perf_counter()
            return predictor.open(image, box=box, progress=progress), time.perf_counter() - start

        def done(value: tuple[State, float]) -> None:
            state, seconds = value
            if self._session.add_rest(document.key, state, "object box" if box is not None else ""):
                built = f"{document.name}: {len(state.gaussians):,} splats in {seconds:.2f} s"
                self._face.say(" · ".join([built, *map(tr, state.notes)]))

        self._start("object", f"Building {document.name} in 3D", run, done)

    def save(self, path: Path, upright: bool = True) -> None:
        """Write the shown state as a splat file, upright or in its photo's axes; the ending says which kind."""
        shown = self._session.document.shown
        assert shown is not None

        def run(progress: Progress) -> list[str]:
            from model.formats.files import write

            progress(0.0, f"Saving {path.name}")
            turn = turn_of(shown, upright)
            return write(path, shown.gaussians if turn is None else shown.gaussians.moved(turn))

        def done(lost: list[str]) -> None:
            self._face.say(". ".join([f"Saved {path}", *lost]))

        self._start("save", f"Saving {path.name}", run, done)

    # ---- pulls

    def find_part(self, gesture: Gesture) -> None:
        """Find the part under the press; a newer press replaces this one. One that was changed by hand is kept."""
        held = self.outlining.held()

        def run(progress: Progress) -> Part:
            predictor = self._engine.predictor(progress)
            part = held.part
            if part is not None and part.by_hand and lies_on(part.mask, gesture.start_px):
                gesture.part = predictor.grabbed(gesture.state, part, gesture.start_px)
            else:
                gesture.part = predictor.part(gesture.state, gesture.start_px, progress)
            return gesture.part

        def done(part: Part) -> None:
            if self._session.select(gesture.source.key, part):
                self._face.part_found(gesture)

        def failed(error: PartRMError) -> None:
            gesture.refused = True
            self._session.select(gesture.source.key, None)
            self._face.tell(error, "part")
            self._face.pull_ended(gesture)

        self._face.say("Finding the part…")
        first = not self.outlining.busy  # else it must wait for what changes the part
        self._jobs.submit(Job("Finding the part", run, done, failed, preview=first))

    def motion_of(self, gesture: Gesture) -> Motion | None:
        """Return the rigid preview of a pull, or None where there is none; the status bar says why."""
        assert gesture.part is not None and gesture.drag is not None
        try:
            return self._engine.motion_of(gesture.state, gesture.part, gesture.drag)
        except PartRMError as error:
            self._face.say(error.title)
            return None

    def predict(self, gesture: Gesture, drag: Drag) -> None:
        """Predict where a pull leads; the preview stays until it ends."""
        if gesture.refused:
            return
        source: Snapshot = gesture.source

        def run(progress: Progress) -> tuple[Drag, Prediction, float]:
            predictor = self._engine.predictor(progress)
            start = time.perf_counter()
            # The part job of the same gesture ran before this one, so its part is known by now.
            part, asked = gesture.part, drag
            if part is not None and drag.sight is not None:
                asked = gesture.along(drag, predictor.motion(gesture.state, part, drag))
            prediction = predictor.predict(gesture.state, [asked], part, progress)
            seconds = time.perf_counter() - start
            return asked, replace(prediction, state=self._shelf.put(prediction.state)), seconds

        def done(value: tuple[Drag, Prediction, float]) -> None:
            asked, prediction, seconds = value
            if prediction.motion is not None:
                notes = notes_on(prediction.motion, asked, gesture.state, prediction.part)
                prediction = replace(prediction, notes=(*prediction.notes, *notes))
            if self._session.add_prediction(source.key, asked, prediction, seconds):
                self._face.say(told(self._session.document.snapshots[-1]))

        self._start("pull", "Predicting", run, done, lambda: self._face.pull_ended(gesture))

    def replay(self, steps: Steps, name: str, what: str, ended: Callable[[], None]) -> None:
        """Do the steps of the shown state once more, as they are told now; the result is a new state of that name."""
        document = self._session.document
        shown = document.shown
        assert shown is not None

        def run(progress: Progress) -> tuple[State, float]:
            predictor = self._engine.predictor(progress)
            start = time.perf_counter()
            state, seconds = replay(predictor, document, steps, progress), time.perf_counter() - start
            known = any(state is other.state for other in document.snapshots)
            return state if known or state is document.rest else self._shelf.put(state), seconds

        def done(value: tuple[State, float]) -> None:
            state, seconds = value
            made = Snapshot(name, state.gaussians, state, steps, seconds)
            if self._session.add_replay(shown.key, made, what):
                self._face.say(tr("{name} · done again in {seconds:.2f} s").format(name=name, seconds=seconds))

        self._start("pull", tr("Doing the pulls again"), run, done, ended)

    def _look_ahead(self, old: Document, new: Document) -> None:
        """Let the worker do what the first click on a new state needs, while it has nothing else to do."""
        shown = new.shown
        if shown is None or shown.state is None or (old.shown is not None and old.shown.state is shown.state):
            return
        self._prepare(shown.state)

    def _prepare(self, state: State) -> None:
        """Find the parts of a state, so that they light up under the pointer; then do the rest."""

        def look(progress: Progress) -> Atlas:
            return self._atlases.get(state) or self._engine.predictor(progress).atlas(state, progress)

        def found(atlas: Atlas) -> None:
            self._atlases[state] = atlas
            self._jobs.submit(Job("Looking ahead", run, lambda _: None, failed, idle=True))

        def run(progress: Progress) -> None:
            self._engine.predictor(progress).prepare(state, progress)

        def failed(error: PartRMError) -> None:
            self._face.tell(error, "part")

        self._jobs.submit(Job("Looking for parts", look, found, failed, idle=True))

    def _start(
        self,
        about: str,
        name: str,
        run: Callable[[Progress], Any],
        done: Callable[[Any], None],
        ended: Callable[[], None] = lambda: None,  # after done, failed or cancelled
    ) -> None:
        """Submit a job; it takes the place of an older one about the same thing."""

        def over() -> None:
            if self._current.get(about) is job:
                del self._current[about]
            ended()
            self._face.work_changed()

        def finished(value: Any) -> None:
            done(value)
            over()

        def failed(error: PartRMError) -> None:
            self._face.tell(error, about)
            over()

        job = Job(name, run, finished, failed, over)
        older = self._current.get(about)
        self._current[about] = job
        if older is not None:
            self._jobs.cancel(older)
        self._jobs.submit(job)
        self._face.work_changed()


def turn_of(snapshot: Snapshot, upright: bool) -> np.ndarray | None:
    """Return the rigid (4, 4) transform into the axes of a snapshot's photo; None where it is to stay upright."""
    from model.stages.frame import photo_axes

    return None if upright or snapshot.state is None else photo_axes(snapshot.state.crop)


def told(snapshot: Snapshot) -> str:
    """Say in one line what a prediction came to."""
    words = [snapshot.name]
    if snapshot.motion is not None:
        amount = abs(snapshot.motion.amount)
        how = (
            f"slides by {amount:.2f}"
            if snapshot.motion.joint.kind == "prismatic"
            else f"turns by {np.rad2deg(amount):.0f}°"
        )
        words.append(how if snapshot.motion.confidence > SURE else f"perhaps {how}")
    if snapshot.seconds is not None:
        words.append(f"predicted in {snapshot.seconds:.2f} s")
    words += snapshot.notes
    return " · ".join(words)
