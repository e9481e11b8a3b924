"""Drag: a grabbed point and where it should go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Drag:
    """A pull in the input view; pixels are the image's own, (x, y) from the upper left corner."""

    start_px: tuple[float, float]
    end_px: tuple[float, float]

    @property
    def length_px(self) -> float:
        """Return how far the pointer went, in pixels."""
        return float(np.hypot(self.end_px[0] - self.start_px[0], self.end_px[1] - self.start_px[1]))
