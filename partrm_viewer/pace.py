"""Pace: how coarse frames must be to follow the pointer on a slow computer; no Qt in it."""

from __future__ import annotations

FLUENT_S = 0.035  # what a frame may take while things move: 20 a second, with room for putting it on screen
COARSEST = 4  # the most by which a frame's sides are shortened
REFINE_AFTER_MS = 120  # of rest; then a whole frame is drawn


class Pace:
    """Take in how long frames took, and say by how much the next one's sides are shortened.

    Whatever changes is shown coarse first where whole frames are slow: nobody knows yet whether it goes on changing.
    """

    def __init__(self) -> None:
        self.frame_s = 0.0  # how long the last frame took
        self._coarseness = 1
        self._whole_s = 0.0  # how long the last whole frame took

    def next(self) -> int:
        """Return 1 for a whole frame, 2 for half its width and height, and so on."""
        return self._coarseness

    def took(self, coarseness: int, seconds: float) -> None:
        """Tell how long a frame took to draw."""
        self.frame_s = seconds
        if coarseness == 1:
            # One slow frame may be an upload, or the first of its kind; two tell of a slow computer.
            whole_s, self._whole_s = min(seconds, self._whole_s), seconds
            # As if every pixel cost the same: the next frames show how much does not go by pixels.
            while self._coarseness < COARSEST and whole_s > FLUENT_S * self._coarseness**2:
                self._coarseness += 1
            if seconds < FLUENT_S:
                self._coarseness = 1
        elif seconds > FLUENT_S:
            self._coarseness = min(coarseness + 1, COARSEST)
        elif seconds * (coarseness / (coarseness - 1)) ** 2 < FLUENT_S:
            self._coarseness = coarseness - 1
