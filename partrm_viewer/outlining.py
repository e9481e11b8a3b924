"""Outlining: the selected part is changed by clicks, strokes and other outlines, one undo step each; no Qt in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.errors import PartRMError
from model.progress import Progress
from model.stages.state import Click, Part, State
from partrm_viewer.engine import Engine, Predictor
from partrm_viewer.jobs import Job, Jobs
from partrm_viewer.session import Session
from partrm_viewer.tools.base import Point
from partrm_viewer.tools.brush import Stroke


@dataclass(eq=False)
class Held:
    """The selected part as the worker knows it: it changes it in the order in which the user asked."""

    part: Part | None


@dataclass(eq=False)
class Change:
    """A change of the selected part that has not come back from the worker."""

    snapshot_key: int
    held: Held
    stroke: Stroke | None  # what it will do to the mask, where that is known
    job: Job | None = None


Changing = Callable[[Predictor, State, Part | None, Progress], Part]


class Face(Protocol):
    """What is told to the window; each call comes on the GUI thread."""

    def tell(self, error: PartRMError, about: str = "") -> None:
        """Show a failure; about is "file", "object", "part" or "pull"."""
        ...

    def part_changed(self, part: Part | None) -> None:
        """A change of the part has ended; None where it did not come about."""
        ...


class Outlining:
    """Hand changes of the selected part to the worker, in order, and their results to the session. GUI thread only."""

    def __init__(self, session: Session, jobs: Jobs, engine: Engine, face: Face) -> None:
        self._session = session
        self._jobs = jobs
        self._engine = engine
        self._face = face
        self._changes: list[Change] = []  # on their way

    @property
    def busy(self) -> bool:
        """Tell whether a change has not come back from the worker."""
        return bool(self._changes)

    def click(self, at_px: Point, adds: bool, radius_px: float) -> None:
        """Add what is under a click to the selected part, or take it away."""
        click = Click(at_px, adds)

        def change(predictor: Predictor, state: State, part: Part | None, progress: Progress) -> Part:
            if part is None:
                return predictor.part(state, at_px, progress)
            return predictor.clicked(state, part, click, radius_px, progress)

        self._change("add to the part" if adds else "take from the part", change)

    def paint(self, stroke: Stroke) -> None:
        """Add what a brush covered to the selected part, or take it away; where none is selected, begin one."""

        def change(predictor: Predictor, state: State, part: Part | None, progress: Progress) -> Part:
            return predictor.painted(state, part, stroke.area, stroke.adds, progress)

        self._change("paint" if stroke.adds else "erase", change, stroke)

    def another(self) -> None:
        """Take the next of the selected part's outlines."""

        def change(predictor: Predictor, state: State, part: Part | None, progress: Progress) -> Part:
            assert part is not None
            return predictor.another(state, part, progress)

        self._change("other outline", change)

    def take_back(self) -> bool:
        """Stop the newest change of the shown state's part that is on its way; returns False where there is none."""
        for change in reversed(self._mine()):
            if change.job is not None and not change.job.stop.is_set():
                self._jobs.cancel(change.job)
                return True
        return False

    def mask(self) -> np.ndarray | None:
        """Return the selected part's mask with the strokes that are on their way, (H, W) bool."""
        document = self._session.document
        mask = document.part.mask if document.part is not None else None
        for change in self._mine():
            if change.stroke is not None:
                mask = change.stroke.on(np.zeros_like(change.stroke.area) if mask is None else mask)
        return mask

    def held(self) -> Held:
        """Return the selected part as it will be when all that was asked for is done."""
        mine = self._mine()
        return mine[-1].held if mine else Held(self._session.document.part)

    def _mine(self) -> list[Change]:
        """Return the changes that are of the shown state; the results of others are dropped."""
        shown = self._session.document.shown
        return [change for change in self._changes if shown is not None and change.snapshot_key == shown.key]

    def _change(self, what: str, run_change: Changing, stroke: Stroke | None = None) -> None:
        source = self._session.document.shown
        assert source is not None and source.state is not None
        state, change = source.state, Change(source.key, self.held(), stroke)

        def run(progress: Progress) -> Part:
            predictor = self._engine.predictor(progress)
            part = run_change(predictor, state, change.held.part, progress)
            progress(1.0, "Outlining the part")  # one that was taken back changes nothing
            change.held.part = part
            return part

        def ended() -> None:
            self._changes.remove(change)

        def done(part: Part) -> None:
            ended()
            self._face.part_changed(part if self._session.refine(source.key, part, what) else None)

        def failed(error: PartRMError) -> None:
            ended()
            self._face.tell(error, "part")
            self._face.part_changed(None)

        def cancelled() -> None:
            ended()
            self._face.part_changed(None)

        change.job = Job("Outlining the part", run, done, failed, cancelled, brief=True)
        self._changes.append(change)
        self._jobs.submit(change.job)


def lies_on(mask: np.ndarray, at_px: Point) -> bool:
    """Tell whether an image pixel is set in an (H, W) bool mask."""
    x, y = int(at_px[0]), int(at_px[1])
    return bool(0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x])
