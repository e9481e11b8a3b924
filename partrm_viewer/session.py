"""Session: the open Document, its history, and who wants to know when it changes; no Qt in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from model.drag import Drag
from model.stages.again import hold
from model.stages.state import Part, Prediction, State
from partrm_viewer.document import Document, Snapshot, Step, new_key
from partrm_viewer.history import History

Listener = Callable[[Document, Document], None]


class Session:
    """Hold the present Document; every change calls the listeners with (old, new). GUI thread only."""

    def __init__(self, cap_bytes: int = 1 << 30) -> None:
        self._history = History(cap_bytes=cap_bytes)
        self._listeners: list[Listener] = []

    def on_change(self, listener: Listener) -> None:
        """Call listener(old, new) after every change."""
        self._listeners.append(listener)

    @property
    def document(self) -> Document:
        """Return the Document that is open now."""
        return self._history.present

    @property
    def undo_text(self) -> str | None:
        """Return what undo would take back."""
        return self._history.undo_text

    @property
    def redo_text(self) -> str | None:
        """Return what redo would do again."""
        return self._history.redo_text

    @property
    def undo_bytes(self) -> int:
        """Count the bytes of what is open and of all that undo and redo can bring back."""
        return self._history.n_bytes

    def open(self, document: Document) -> None:
        """Show another Document; undo brings back the one before."""
        self._push(document, f"open {document.name}")

    def add_rest(self, document_key: int, state: State, step: str = "") -> bool:
        """Give the photo its first state; returns False where that photo is no longer open.

        step names what the user did to get it, where undo is to bring back what was before.
        """
        if self.document.key != document_key:
            return False
        document = replace(self.document, snapshots=(), active=0, part=None, rest=state)
        document = document.with_snapshot(Snapshot("Photo", state.gaussians, state, notes=state.notes))
        if step:
            self._push(document, step)
        else:
            self._amend(document)
        return True

    def select(self, snapshot_key: int, part: Part | None) -> bool:
        """Select a part of the shown state; returns False where another state is shown by now."""
        shown = self.document.shown
        if shown is None or shown.key != snapshot_key:
            return False
        if part is not self.document.part:
            self._amend(replace(self.document, part=part))
        return True

    def refine(self, snapshot_key: int, part: Part, what: str) -> bool:
        """Change the selected part of the shown state, as a step; returns False where another state is shown by now."""
        shown = self.document.shown
        if shown is None or shown.key != snapshot_key:
            return False
        self._push(replace(self.document, part=part), what)
        return True

    def add_prediction(self, snapshot_key: int, drag: Drag, prediction: Prediction, seconds: float) -> bool:
        """Append the predicted state; returns False where the state it started from is gone."""
        at = self.document.find(snapshot_key)
        if at is None:
            return False
        source, state, rest = self.document.snapshots[at], prediction.state, self.document.rest
        name, part = self.document.next_name(), prediction.part
        held = None
        if part is not None and source.state is not None and rest is not None:
            held = hold(part, source.state, rest)
        made = Snapshot(
            name,
            state.gaussians,
            state,
            (*source.steps, Step(drag, held, prediction.motion, name)),
            seconds,
            parent=source.key,
            key=new_key(),
            times_s=tuple(prediction.times_s.items()),
            moved=part.splats if part is not None else None,
            notes=prediction.notes,
        )
        self._push(self.document.with_snapshot(made), "pull")
        return True

    def add_replay(self, snapshot_key: int, made: Snapshot, what: str) -> bool:
        """Append a state made by doing the steps of another once more; returns False where that one is gone."""
        if self.document.find(snapshot_key) is None:
            return False
        self._push(self.document.with_snapshot(replace(made, parent=snapshot_key)), what)
        return True

    def show(self, index: int) -> None:
        """Show another state of the list."""
        self._amend(self.document.showing(index))

    def rename(self, index: int, name: str) -> None:
        """Give a state another name."""
        self._push(self.document.renamed(index, name), "rename")

    def remove(self, index: int) -> None:
        """Take a state out of the list."""
        self._push(self.document.without(index), "remove state")

    def undo(self) -> None:
        """Go one step back."""
        self._step(self._history.undo)

    def redo(self) -> None:
        """Go one step forward."""
        self._step(self._history.redo)

    def _push(self, document: Document, what: str) -> None:
        self._step(lambda: self._history.push(document, what))

    def _amend(self, document: Document) -> None:
        self._step(lambda: self._history.amend(document))

    def _step(self, move: Callable[[], None]) -> None:
        old = self.document
        move()
        if self.document is not old:
            for listener in self._listeners:
                listener(old, self.document)
