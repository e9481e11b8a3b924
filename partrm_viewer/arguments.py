"""Arguments: the words of the command line as numbers, drags and sizes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from model.errors import DragError

if TYPE_CHECKING:
    from model.drag import Drag


def drag(text: str) -> Drag:
    """Read X0,Y0,X1,Y1 as a drag. Raises DragError."""
    from model.drag import Drag

    x0, y0, x1, y1 = _numbers(text, "drag")
    return Drag((x0, y0), (x1, y1))


def box(text: str) -> tuple[float, float, float, float]:
    """Read X0,Y0,X1,Y1 as a box. Raises DragError."""
    return _numbers(text, "box")


def count(text: str) -> int:
    """Read a number of things, 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers within limits."""

    def number(text: str) -> float:  # argparse names it where the text is none
        if not low <= (value := float(text)) <= high:
            raise argparse.ArgumentTypeError(f"{text} is not {low:g} to {high:g}")
        return value

    return number


def size(text: str) -> tuple[int, int]:
    """Read WxH, or one number for both, in pixels."""
    width, _, height = text.partition("x")
    try:
        size = int(width), int(height or width)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a size: 512 or 1280x720") from None
    if not all(1 <= side <= 16384 for side in size):
        raise argparse.ArgumentTypeError(f"{text} is not 1 to 16384 pixels a side")
    return size


def join_negative(words: list[str]) -> list[str]:
    """Write `--drag -5,0,1,1` as `--drag=-5,0,1,1`: argparse takes a word that begins with a minus for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in ("--drag", "--box") and word[:1] == "-" and word[1:2].isdigit():
            joined[-1] += "=" + word
        else:
            joined.append(word)
    return joined


def _numbers(text: str, what: str) -> tuple[float, float, float, float]:
    try:
        x0, y0, x1, y1 = (float(word) for word in text.split(","))
    except ValueError:
        raise DragError(f"“{text}” is not a {what}.", f"Four numbers are needed: --{what} X0,Y0,X1,Y1") from None
    if not all(abs(v) < 1e6 for v in (x0, y0, x1, y1)):  # catches nan too
        raise DragError(f"“{text}” is not a {what}: its numbers are not pixels.", "Give pixels of the image.")
    return x0, y0, x1, y1
