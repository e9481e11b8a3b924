"""Box: draw a rectangle around the object where it was not found by itself."""

from __future__ import annotations

from collections.abc import Callable

from partrm_viewer.tools.base import Hand, Point

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in image pixels, x0 < x1, y0 < y1
SMALLEST_PX = 8.0


class BoxTool:
    """Show the rectangle while it is drawn; hand it over when the button goes up."""

    name = "box"
    hint = "Draw a box around the object"

    def __init__(self, show: Callable[[Box | None], None], finish: Callable[[Box], None]) -> None:
        self._show = show
        self._finish = finish
        self._start: Point | None = None

    def press(self, at_px: Point, hand: Hand = Hand.PLAIN) -> None:
        """Set the first corner."""
        self._start = at_px

    def move(self, at_px: Point, far: bool) -> None:
        """Stretch the box to the pointer."""
        if self._start is not None and far:
            self._show(_box(self._start, at_px))

    def release(self, at_px: Point) -> None:
        """Use the box, unless it is so small that it was meant as a click."""
        if self._start is None:
            return
        box = _box(self._start, at_px)
        self._start = None
        self._show(None)
        if min(box[2] - box[0], box[3] - box[1]) >= SMALLEST_PX:
            self._finish(box)

    def cancel(self) -> None:
        """Forget the box."""
        self._start = None
        self._show(None)


def _box(a: Point, b: Point) -> Box:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))
