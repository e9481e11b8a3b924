"""Undo: a list of Documents, capped by the bytes that they hold together.

What the present Document holds cannot be forgotten: its states are the user's. Steps that share all with it cost
nothing and stay; the oldest of those that alone keep something are forgotten first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partrm_viewer.document import Document, arrays
from partrm_viewer.shelf import on_shelf


@dataclass(frozen=True, eq=False)
class Entry:
    """A Document and what was done to reach it."""

    document: Document
    what: str


class History:
    """Go back and forth between Documents; the oldest are forgotten when together they exceed cap_bytes."""

    def __init__(self, document: Document | None = None, cap_bytes: int = 1 << 30) -> None:
        self._entries = [Entry(document or Document(), "")]
        self._at = 0
        self._cap_bytes = cap_bytes
        self._known: dict[int, tuple[object, tuple[tuple[int, int], ...]]] = {}  # so that no piece is walked twice

    @property
    def present(self) -> Document:
        """Return the Document that is open now."""
        return self._entries[self._at].document

    @property
    def undo_text(self) -> str | None:
        """Return what undo would take back, or None where there is nothing."""
        return self._entries[self._at].what if self._at else None

    @property
    def redo_text(self) -> str | None:
        """Return what redo would do again, or None where there is nothing."""
        return self._entries[self._at + 1].what if self._at + 1 < len(self._entries) else None

    def push(self, document: Document, what: str) -> None:
        """Make an edit that undo takes back; what was undone before is forgotten."""
        if document is self.present:
            return
        if self.present.empty:  # nobody wants to go back to an empty window
            self._entries = [Entry(document, "")]
            self._at = 0
            return
        self._entries = [*self._entries[: self._at + 1], Entry(document, what)]
        self._at += 1
        self._forget()

    def amend(self, document: Document) -> None:
        """Change the present without an undo step (what is selected or shown)."""
        self._entries[self._at] = Entry(document, self._entries[self._at].what)

    def undo(self) -> None:
        """Go one step back, if there is one."""
        self._at = max(self._at - 1, 0)

    def redo(self) -> None:
        """Go one step forward, if there is one."""
        self._at = min(self._at + 1, len(self._entries) - 1)

    @property
    def n_bytes(self) -> int:
        """Count the bytes that all Documents take in memory, arrays that they share once."""
        return sum(n for n, _ in self._held().values())

    def _held(self) -> dict[int, tuple[int, int]]:
        """Say for each array how many bytes it takes, and which entry is the last that holds it."""
        held: dict[int, tuple[int, int]] = {}
        met: set[int] = set()  # snapshots
        known, self._known = self._known, {}
        for at in reversed(range(len(self._entries))):
            document = self._entries[at].document
            new = [snapshot for snapshot in document.snapshots if id(snapshot) not in met]
            met.update(map(id, new))
            pieces = [document.image, document.rest, document.part]
            for piece in (*pieces, *(piece for s in new for piece in (s.gaussians, s.state, *s.steps))):
                if id(piece) not in self._known:
                    self._known[id(piece)] = known.get(id(piece)) or (piece, _owners(piece))
                    for owner, n in self._known[id(piece)][1]:
                        held.setdefault(owner, (n, at))
        return held

    def _forget(self) -> None:
        freed = [0] * len(self._entries)  # by forgetting the entry and all before it
        held = self._held().values()
        for n, last in held:
            freed[last] += n
        over, gone = sum(freed) - self._cap_bytes, 0
        for at in range(self._at):
            if over <= 0:
                break
            over -= freed[at]
            gone = at + 1 if freed[at] else gone
        del self._entries[:gone]
        self._at -= gone


def _owners(piece: object) -> tuple[tuple[int, int], ...]:
    """List the arrays that a piece of a Document keeps alive, by id, and how many bytes each takes in memory."""
    found = []
    for array in arrays(piece):
        while isinstance(array.base, np.ndarray):
            array = array.base  # a view keeps the whole of its owner
        found.append((id(array), 0 if on_shelf(array) else array.nbytes))
    return tuple(found)
