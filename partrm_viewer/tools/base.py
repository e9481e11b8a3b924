"""What a tool on the photo hears; positions are image pixels, (x, y) from the upper left corner."""

from __future__ import annotations

from typing import Protocol

Point = tuple[float, float]


class Tool(Protocol):
    """Takes the left button on the photo while it is chosen."""

    name: str
    hint: str  # one line: what to do with it

    def press(self, at_px: Point) -> None:
        """The button went down."""
        ...

    def move(self, at_px: Point, far: bool) -> None:
        """The pointer moved with the button down; far: it has left the few screen pixels that a click may take."""
        ...

    def release(self, at_px: Point) -> None:
        """The button went up."""
        ...

    def cancel(self) -> None:
        """Forget what was begun."""
        ...
