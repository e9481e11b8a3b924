"""What a tool on the photo hears; positions are image pixels, (x, y) from the upper left corner."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

Point = tuple[float, float]


class Hand(Enum):
    """What is held together with the mouse: nothing, or what means to add to the part, or to take from it."""

    PLAIN = "left button"
    ADD = "Ctrl"
    TAKE = "Alt, Shift or the right button"


class Tool(Protocol):
    """Takes the left and right button on the photo while it is chosen."""

    name: str
    hint: str  # one line: what to do with it

    def press(self, at_px: Point, hand: Hand = Hand.PLAIN) -> None:
        """A button went down."""
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
