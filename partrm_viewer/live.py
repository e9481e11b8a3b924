"""Live: while a part is pulled, predictions follow as fast as they come; they are shown and not kept."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from model.drag import Drag
from model.errors import PartRMError
from model.progress import Progress
from model.stages.state import Prediction, State
from partrm_viewer.engine import Engine
from partrm_viewer.jobs import Job, Jobs
from partrm_viewer.tools.pull import Gesture


class Live:
    """Asks for one prediction at a time, always with the newest drag, so that none ever waits. GUI thread only."""

    def __init__(
        self,
        jobs: Jobs,
        engine: Engine,
        show: Callable[[Gesture, Prediction, float], None],
        tell: Callable[[PartRMError], None],
    ) -> None:
        self._jobs, self._engine, self._show, self._tell = jobs, engine, show, tell
        self._job: Job | None = None
        self._wanted: tuple[Gesture, Drag] | None = None
        self.asked: Drag | None = None  # the last drag that was sent

    @property
    def busy(self) -> bool:
        """Tell whether a prediction is on its way."""
        return self._job is not None

    def follow(self, gesture: Gesture) -> None:
        """Predict where a pull leads as it stands; the part must be known."""
        if gesture.drag is not None and gesture.drag != self.asked:
            self._wanted = (gesture, gesture.drag)
            self._next()

    def stop(self) -> None:
        """Predict no more; what is on its way is dropped."""
        self._wanted = self.asked = None
        if self._job is not None:
            self._jobs.cancel(self._job)

    def _next(self) -> None:
        if self._job is not None or self._wanted is None:
            return
        (gesture, drag), self._wanted = self._wanted, None
        part = gesture.part
        self.asked = drag

        def run(progress: Progress) -> tuple[Prediction, float]:
            start = time.perf_counter()
            predictor = self._engine.predictor(progress)
            told = predictor.predict(gesture.state, [drag], part, lambda fraction, what: progress(0.0, what))
            return told, time.perf_counter() - start

        def done(value: tuple[Prediction, float]) -> None:
            self._job = None
            if not gesture.released:
                self._show(gesture, *value)
            self._next()

        def failed(error: PartRMError) -> None:
            self._job = None
            self._tell(error)
            self._next()

        def cancelled() -> None:
            self._job = None
            self._next()

        self._job = self._jobs.submit(Job("Predicting while you pull", run, done, failed, cancelled, brief=True))


def part_in(before: State, prediction: Prediction) -> np.ndarray | None:
    """Find the part among a prediction's Gaussians, (N,) bool, where it kept those of before in their order."""
    was, now, part = before.gaussians.positions, prediction.state.gaussians.positions, prediction.part
    if part is None or len(now) < len(was):
        return None
    rest = ~part.splats
    if not np.array_equal(now[: len(was)][rest], was[rest]):
        return None
    return np.concatenate([part.splats, np.zeros(len(now) - len(was), bool)])
