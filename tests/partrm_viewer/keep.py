"""Stand-ins for what keeping asks, and a Document that has something to lose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.drag import Drag
from model.errors import PartRMError
from partrm_viewer.document import Document, Snapshot, Step, new_key
from partrm_viewer.project import Viewpoint
from partrm_viewer.tools.navigate import View
from tests.model.two_halves import two_halves


class Quiet:
    """A window that shows nothing."""

    def say(self, text: str) -> None: ...

    def tell(self, error: PartRMError, about: str = "") -> None: ...

    def view(self) -> View | None:
        return None

    def viewpoints(self) -> tuple[Viewpoint, ...]:
        return ()

    def kept_changed(self) -> None: ...


def work() -> Document:
    """Make a photo with a predicted state."""
    state = two_halves()
    rgba = np.dstack([state.image, np.full(state.mask.shape, 255, np.uint8)])
    photo = Snapshot("Photo", state.gaussians, state, key=new_key())
    document = Document("box.png", Path("box.png"), rgba, rest=state, key=1).with_snapshot(photo)
    step = Step(Drag((60.0, 40.0), (70.0, 45.0)), name="Pull 1")
    return document.with_snapshot(Snapshot("Pull 1", state.gaussians, state, (step,), parent=photo.key))
