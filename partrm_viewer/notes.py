"""Notes: what a pull asked for and did not get, in plain words; no Qt in it."""

from __future__ import annotations

import numpy as np

from model.drag import Drag
from model.stages.rigid import SLIDE_LIMITS, TURN_LIMITS_RAD
from model.stages.state import Motion, State
from partrm_viewer.words import tr

FOLLOWS = 0.5  # of the drag's length: a part that stays further behind the pointer does not follow it
SHORT_PX = 12.0  # of the image, for its longer side of 1000: on shorter drags nothing can be told


def notes_on(motion: Motion, drag: Drag, state: State) -> tuple[str, ...]:
    """Say where a part cannot go where the drag asks."""
    asked = asked_px(drag, state)
    if asked < SHORT_PX * max(state.mask.shape) / 1000 or motion.miss_px < FOLLOWS * asked:
        return ()
    limit = (SLIDE_LIMITS if motion.joint.kind == "prismatic" else TURN_LIMITS_RAD)[1]
    if abs(motion.amount) > 0.98 * limit:
        return (tr("Pulled further than the part can go"),)
    return (tr("The part cannot go that way: it goes as near as its joint lets it"),)


def asked_px(drag: Drag, state: State) -> float:
    """Return how far a drag asks the grabbed point to go, image pixels where that point is."""
    if drag.sight is None:
        return drag.length_px
    depth = float(state.camera.project(np.array(drag.sight.grab))[1])
    return float(np.linalg.norm(np.subtract(drag.sight.target, drag.sight.grab))) * state.camera.fx / max(depth, 1e-6)
