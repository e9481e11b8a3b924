"""Notes: what a pull asked for and did not get, in plain words; no Qt in it."""

from __future__ import annotations

import numpy as np

from model.articulation.joint import SLIDE_LIMITS, TURN_LIMITS_RAD, Joint
from model.drag import Drag
from model.stages.state import Motion, Part, State
from partrm_viewer.words import tr

FOLLOWS = 0.5  # of the drag's length: a part that stays further behind the pointer does not follow it
SURPRISE = 4.0  # a difference of costs: the joint that the pull asks for looked 50 times less likely than another
ALIKE = 0.93  # cosine between the axes of joints that count as the same
SHORT_PX = 12.0  # of the image, for its longer side of 1000: on shorter drags nothing can be told


def notes_on(motion: Motion, drag: Drag, state: State, part: Part | None) -> tuple[str, ...]:
    """Say where a part cannot go where the drag asks, or goes there in a way that it does not look made for."""
    asked = asked_px(drag, state)
    if asked < SHORT_PX * max(state.mask.shape) / 1000:
        return ()
    if motion.miss_px > FOLLOWS * asked:
        limit = (SLIDE_LIMITS if motion.joint.kind == "prismatic" else TURN_LIMITS_RAD)[1]
        if abs(motion.amount) > 0.98 * limit:
            return (tr("Pulled further than the part can go"),)
        return (tr("The part cannot go that way: it goes as near as its joint lets it"),)
    if part is None or not part.costs or surprise(motion.joint, part) < SURPRISE:
        return ()
    likely = part.joints[int(np.argmin(part.costs))]
    if likely.kind == motion.joint.kind:
        return (tr("Pulled across the way that the part looks made for"),)
    if likely.kind == "prismatic":
        return (tr("The part looks as if it slides; pulled this way, it turns"),)
    return (tr("The part looks as if it turns; pulled this way, it slides"),)


def surprise(joint: Joint, part: Part) -> float:
    """Return how much less likely a joint looked before the pull than the likeliest one, as a difference of costs."""
    alike = [
        cost
        for other, cost in zip(part.joints, part.costs, strict=True)
        if other.kind == joint.kind and abs(float(other.axis @ joint.axis)) > ALIKE
    ]
    return min(alike, default=np.inf) - min(part.costs)


def asked_px(drag: Drag, state: State) -> float:
    """Return how far a drag asks the grabbed point to go, image pixels where that point is."""
    if drag.sight is None:
        return drag.length_px
    depth = float(state.camera.project(np.array(drag.sight.grab))[1])
    return float(np.linalg.norm(np.subtract(drag.sight.target, drag.sight.grab))) * state.camera.fx / max(depth, 1e-6)
