"""Pace: how coarse the next frame may be, so that things that move stay fluent on a slow computer; no Qt in it."""

from __future__ import annotations

FLUENT_S = 0.035  # what a frame may take while things move: 20 a second, with room for putting it on screen
COARSEST = 4  # the most by which a frame's sides are shortened
MOVING_S = 0.25  # things move as long as frames follow each other at least this often
REFINE_AFTER_MS = 120  # of rest; then a whole frame is drawn


class Pace:
    """Take in how long frames took, and say by how much the next one's sides are shortened."""

    def __init__(self) -> None:
        self.frame_s = 0.0  # how long the last frame took
        self._drawn_at = float("-inf")
        self._moving = 1  # how coarse frames are while things move

    def next(self, now_s: float) -> int:
        """Return 1 for a whole frame, 2 for half its width and height, and so on."""
        return self._moving if now_s - self._drawn_at < MOVING_S else 1

    def took(self, coarseness: int, seconds: float, now_s: float) -> None:
        """Tell that a frame is on screen, and how long it took to draw."""
        self.frame_s, self._drawn_at = seconds, now_s
        if coarseness == 1:
            # As if every pixel cost the same: the next frames show how much does not go by pixels.
            while self._moving < COARSEST and seconds > FLUENT_S * self._moving**2:
                self._moving += 1
            if seconds < FLUENT_S:
                self._moving = 1
        elif seconds > FLUENT_S:
            self._moving = min(coarseness + 1, COARSEST)
        elif seconds * (coarseness / (coarseness - 1)) ** 2 < FLUENT_S:
            self._moving = coarseness - 1
