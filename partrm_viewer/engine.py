"""Engine: the predictor behind the window; made by the worker at its first use, so that the window opens without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from model.drag import Drag
from model.progress import Progress, silent
from model.stages.again import Held
from model.stages.state import Click, Motion, Part, Prediction, State
from partrm_viewer.tools.box import Box

if TYPE_CHECKING:
    from model.stages.atlas import Atlas  # late, as the next: torch takes its time
    from model.stages.pipeline import Pipeline, SidesBy
    from renderer.base import Renderer


class Predictor(Protocol):
    """What the window needs of model.stages.pipeline.Pipeline."""

    def open(self, image: np.ndarray, *, box: Box | None = None, progress: Progress = silent) -> State: ...

    def prepare(self, state: State, progress: Progress = silent) -> None: ...

    def atlas(self, state: State, progress: Progress = silent) -> Atlas: ...

    def part(self, state: State, click_px: tuple[float, float], progress: Progress = silent) -> Part: ...

    def clicked(
        self, state: State, part: Part, click: Click, radius_px: float, progress: Progress = silent
    ) -> Part: ...

    def painted(
        self, state: State, part: Part | None, area: np.ndarray, adds: bool, progress: Progress = silent
    ) -> Part: ...

    def another(self, state: State, part: Part, progress: Progress = silent) -> Part: ...

    def grabbed(self, state: State, part: Part, at_px: tuple[float, float]) -> Part: ...

    def motion(self, state: State, part: Part, drag: Drag) -> Motion: ...

    def predict(
        self, state: State, drags: Sequence[Drag], part: Part | None = None, progress: Progress = silent
    ) -> Prediction: ...

    def again(
        self,
        rest: State,
        state: State,
        drag: Drag,
        held: Held | None,
        motion: Motion | None,
        progress: Progress = silent,
    ) -> Prediction: ...


class Engine:
    """Holds the one predictor. All calls belong to the worker thread, except motion_of."""

    def __init__(self, make: Callable[[], Predictor]) -> None:
        self._make = make
        self._predictor: Predictor | None = None

    def predictor(self, progress: Progress) -> Predictor:
        """Return the predictor; the first call makes it, and one that failed is tried again by the next."""
        if self._predictor is None:
            progress(0.0, "Loading the model")
            self._predictor = self._make()
        return self._predictor

    def change(self, make: Callable[[], Predictor], progress: Progress) -> None:
        """Take another predictor; where it cannot be made, the one before stays."""
        progress(0.0, "Loading the model")
        made = make()
        progress(1.0, "Loading the model")  # one that was cancelled meanwhile is not taken
        self._predictor, self._make = made, make

    def motion_of(self, state: State, part: Part, drag: Drag) -> Motion:
        """Return the rigid preview of a pull; GUI thread, a few milliseconds of NumPy."""
        assert self._predictor is not None  # it found the part
        return self._predictor.motion(state, part, drag)


def pipeline(
    weights: str = "embedded",
    device: str = "auto",
    renderer: Renderer | None = None,
    sam: Literal["auto"] | None = None,
    sides: SidesBy = "auto",
) -> Pipeline:
    """Build the real predictor; a renderer (the CPU's, if none is given) draws its predicted states.

    sam: "auto" lets SAM outline the parts, where its weights are on this computer. sides: who draws PartRM's views.
    """
    from model.stages.pipeline import Pipeline

    if renderer is None:
        from renderer.cpu import CpuRenderer

        renderer = CpuRenderer()
    draw = renderer.render
    return Pipeline(weights, device, lambda g, camera: draw(g, camera).colour, sam, sides)
