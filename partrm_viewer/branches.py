"""Branches: how the film strip draws which state was made from which: a lane for each branch, a line to each parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LANES = 5  # at most; what needs more shares the last one


@dataclass(frozen=True)
class Line:
    """A line through one cell, from its left edge or its dot to its dot or its right edge."""

    start: int | None  # lane at the left edge; None: the cell's dot
    end: int | None  # lane at the right edge; None: the cell's dot
    child: int  # index of the state that the line leads to


@dataclass(frozen=True)
class Cell:
    """What is drawn above one state's picture."""

    lane: int  # of its dot
    lines: tuple[Line, ...]


def cells(parents: Sequence[int | None]) -> list[Cell]:
    """Lay out states in their order; parents[k] < k is what state k was made from, None where there is nothing.

    The first state made from another goes on in its lane where that is free; others take the topmost lane that is.
    """
    lanes: list[int] = []
    taken: list[set[int]] = [set() for _ in parents]  # lanes in use at each cell
    lines: list[list[Line]] = [[] for _ in parents]
    for child, parent in enumerate(parents):
        way = range(child if parent is None else parent + 1, child + 1)
        own = lanes[parent] if parent is not None else 0
        free = (lane for lane in (own, *range(LANES)) if not any(lane in taken[k] for k in way))
        lane = next(free, LANES - 1)
        lanes.append(lane)
        for k in way:
            taken[k].add(lane)
        if parent is not None:
            lines[parent].append(Line(None, lane, child))
            for k in way[:-1]:
                lines[k].append(Line(lane, lane, child))
            lines[child].append(Line(lane, None, child))
    return [Cell(lane, tuple(of)) for lane, of in zip(lanes, lines, strict=True)]


def way_to(parents: Sequence[int | None], at: int) -> set[int]:
    """Return a state and all that it was made from, one from the other."""
    way: set[int] = set()
    here: int | None = at
    while here is not None and here not in way:
        way.add(here)
        here = parents[here]
    return way
