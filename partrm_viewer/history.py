"""Undo: a list of Documents, capped by the bytes that they hold together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partrm_viewer.document import Document, arrays


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
        """Count the bytes of all Documents, arrays that they share once."""
        owners = {}
        for entry in self._entries:
            for array in arrays(entry.document):
                while isinstance(array.base, np.ndarray):
                    array = array.base  # a view keeps the whole of its owner
                owners[id(array)] = array.nbytes
        return sum(owners.values())

    def _forget(self) -> None:
        while self._at > 0 and self.n_bytes > self._cap_bytes:
            del self._entries[0]
            self._at -= 1
