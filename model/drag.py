"""Drag: a grabbed point and where it should go."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from model.camera import Camera

Point3 = tuple[float, float, float]  # world units


@dataclass(frozen=True)
class Sight:
    """A pull in the world, as somebody made it who looked through some camera.

    The target lies on the plane through the grabbed point that faces the camera: how far along the line of sight the
    point should go, nobody said.
    """

    grab: Point3
    target: Point3
    camera: Camera = field(compare=False)


@dataclass(frozen=True)
class Drag:
    """A pull in the input view; pixels are the image's own, (x, y) from the upper left corner."""

    start_px: tuple[float, float]
    end_px: tuple[float, float]
    sight: Sight | None = (
        None  # where it was made from another side; the pixels are then what the input view sees of it
    )

    @property
    def length_px(self) -> float:
        """Return how far the pointer went, in pixels."""
        return float(np.hypot(self.end_px[0] - self.start_px[0], self.end_px[1] - self.start_px[1]))


def seen_drag(
    photo: Camera, sight: Sight, from_px: tuple[float, float] | None = None, reached: np.ndarray | None = None
) -> Drag:
    """Project a pull in the world into the input view.

    from_px: where the input view sees the part, if it does not see the grabbed point; the pull is carried there.
    reached (3,): what the pointer is on where that is known: the target does not tell how deep it goes.
    """
    goal = np.array(sight.target) if reached is None else reached
    (start, end), depth = photo.project(np.stack([sight.grab, goal]))
    if from_px is not None:
        there = photo.unproject(np.array(from_px), depth[0])
        end = photo.project(there + goal - sight.grab)[0]
        start = np.array(from_px)
    return Drag((float(start[0]), float(start[1])), (float(end[0]), float(end[1])), sight)
