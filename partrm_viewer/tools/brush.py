"""Brush: paint what belongs to the selected part, erase what does not; every stroke is a step that undo takes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from partrm_viewer.tools.base import Hand, Point


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels to add to a part's mask, or to take away."""

    area: np.ndarray  # (H, W) bool, image pixels
    adds: bool

    def on(self, mask: np.ndarray) -> np.ndarray:
        """Return an (H, W) bool mask after this stroke."""
        return mask | self.area if self.adds else mask & ~self.area


class BrushTool:
    """Collect a stroke while the button is down; hand it over when it goes up."""

    name = "brush"
    hint = "Paint the part · Shift or right button erases · wheel: size"

    def __init__(
        self,
        paintable: Callable[[], np.ndarray | None],  # (H, W) bool, the object; None where nothing can be painted now
        radius_px: Callable[[], float],  # image pixels
        show: Callable[[Stroke | None], None],
        finish: Callable[[Stroke], None],
    ) -> None:
        self._paintable = paintable
        self._radius_px = radius_px
        self._show = show
        self._finish = finish
        self._object: np.ndarray | None = None
        self._last: Point = (0.0, 0.0)
        self.stroke: Stroke | None = None

    def press(self, at_px: Point, hand: Hand = Hand.PLAIN) -> None:
        """Begin a stroke."""
        self._object = self._paintable()
        if self._object is None:
            return
        self.stroke = Stroke(np.zeros_like(self._object), adds=hand is not Hand.TAKE)
        self._last = at_px
        self._to(at_px)

    def move(self, at_px: Point, far: bool) -> None:
        """Go on with it."""
        if self.stroke is not None:
            self._to(at_px)

    def release(self, at_px: Point) -> None:
        """Paint or erase what it covers."""
        stroke, self.stroke = self.stroke, None
        if stroke is not None:
            self._finish(stroke)

    def cancel(self) -> None:
        """Forget the stroke."""
        if self.stroke is not None:
            self.stroke = None
            self._show(None)

    def _to(self, at_px: Point) -> None:
        assert self.stroke is not None and self._object is not None
        draw_line(self.stroke.area, self._object, self._last, at_px, self._radius_px())
        self._last = at_px
        self._show(self.stroke)


def draw_line(area: np.ndarray, within: np.ndarray, a: Point, b: Point, radius_px: float) -> None:
    """Set the pixels of an area, where they are within another (H, W bool both), near the line between two points."""
    h, w = area.shape
    x0, x1 = (int(np.clip(v, 0, w)) for v in (min(a[0], b[0]) - radius_px, max(a[0], b[0]) + radius_px + 1))
    y0, y1 = (int(np.clip(v, 0, h)) for v in (min(a[1], b[1]) - radius_px, max(a[1], b[1]) + radius_px + 1))
    if x0 >= x1 or y0 >= y1:
        return
    x, y = np.arange(x0, x1) + 0.5 - a[0], (np.arange(y0, y1) + 0.5 - a[1])[:, None]
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)  # where on the line it is nearest
    reach = max(radius_px, 0.71)  # the pixel under the pointer is always painted
    near = (x - along * dx) ** 2 + (y - along * dy) ** 2 <= reach**2
    area[y0:y1, x0:x1] |= near & within[y0:y1, x0:x1]
