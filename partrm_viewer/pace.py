"""Pace: how coarse frames must be to follow the pointer on a slow computer; no Qt in it."""

from __future__ import annotations

FLUENT_S = 0.035  # what a frame may take while things move: 20 a second, with room for putting it on screen
COARSEST = 4  # the most by which a frame's sides are shortened
FLUENT_SPLATS = 40_000  # the most that a coarse frame shows
REFINE_AFTER_MS = 120  # of rest; then a whole frame is drawn


class Pace:
    """Take in how long frames took, and say by how much the next one's sides are shortened.

    Whatever changes is shown coarse first where whole frames are slow: nobody knows yet whether it goes on changing.
    """

    def __init__(self) -> None:
        self.frame_s = 0.0  # how long the last frame took
        self._coarseness = 1
        self._whole_s = 0.0  # how long the last whole frame took
        self._coarse_s = 0.0  # and the last coarse one
        self._dearer = 1.0  # how many times the coarse one's, when the whole one was drawn after it

    def next(self) -> int:
        """Return 1 for a whole frame, 2 for half its width and height, and so on."""
        return self._coarseness

    def took(self, coarseness: int, seconds: float) -> None:
        """Tell how long a frame took to draw."""
        self.frame_s = seconds
        if coarseness == 1:
            # One slow frame may be an upload, or the first of its kind; two tell of a slow computer.
            whole_s, self._whole_s = min(seconds, self._whole_s), seconds
            if self._coarse_s:
                self._dearer = seconds / self._coarse_s  # coarse frames may show fewer splats, too
            # As if every pixel cost the same: the next frames show how much does not go by pixels.
            if whole_s > FLUENT_S:
                enough = (c for c in range(2, COARSEST) if whole_s <= FLUENT_S * max(c * c, self._dearer))
                self._coarseness = max(self._coarseness, next(enough, COARSEST))
            if seconds < FLUENT_S:
                self._coarseness = 1
            return
        self._coarse_s = seconds
        finer = (coarseness / (coarseness - 1)) ** 2 if coarseness > 2 else max(4.0, self._dearer)
        if seconds > FLUENT_S:
            self._coarseness = min(coarseness + 1, COARSEST)
        elif seconds * finer < FLUENT_S:
            self._coarseness = coarseness - 1
