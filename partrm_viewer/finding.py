"""Finding: which lines of a table somebody means who types some words, in any order, perhaps not whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

Thing = TypeVar("Thing")
BEGINS, WITHIN, SCATTERED = 4.0, 2.0, 1.0  # how well a word fits
CLOSE = 3  # a scattered word may spread over so many times its own length


def find(query: str, things: Sequence[Thing], told: Callable[[Thing], tuple[str, str]]) -> list[Thing]:
    """Return what fits, the best first, in its own order where several fit alike; all of it for an empty query.

    told: the name of a thing, and what else is said of it; a word found in the name counts more.
    """
    words = query.casefold().split()
    scored = [(score(words, *told(thing)), -at, thing) for at, thing in enumerate(things)]
    fitting = [(points, at, thing) for points, at, thing in scored if points is not None]
    return [thing for _, _, thing in sorted(fitting, key=lambda found: found[:2], reverse=True)]


def score(words: Sequence[str], name: str, more: str) -> float | None:
    """Tell how well words fit; None where one does not at all."""
    total = 0.0
    for word in words:
        best = max(2 * _fits(word, name.casefold()), _fits(word, more.casefold(), scattered=False))
        if best == 0:
            return None
        total += best
    return total


def _fits(word: str, text: str, scattered: bool = True) -> float:
    if re.search(rf"(?<!\w){re.escape(word)}", text):
        return BEGINS
    if word in text:
        return WITHIN
    if scattered and len(word) > 1:
        spread = re.search(".*?".join(map(re.escape, word)), text)
        if spread is not None and len(spread[0]) <= CLOSE * len(word):
            return SCATTERED
    return 0.0
