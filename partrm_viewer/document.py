"""Document: what the user has open and may undo; frozen, so that an edit is a new Document sharing its arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from model.drag import Drag
from model.gaussians import Gaussians
from model.stages.again import Held
from model.stages.state import Motion, Part, State

_keys = count(1)


def new_key() -> int:
    """Return a number that no other thing in this process has."""
    return next(_keys)


@dataclass(frozen=True, eq=False)
class Step:
    """One pull on the way from the photo to a state."""

    drag: Drag
    held: Held | None = None  # the part, to find it again; None: what lies under the drag's start
    motion: Motion | None = None
    name: str = ""  # of the state that it led to first
    on: bool = True  # or left out of the state


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One state in the list: how the object looks after some pulls."""

    name: str
    gaussians: Gaussians
    state: State | None = None  # None for a splat file: it can be looked at, not pulled
    steps: tuple[Step, ...] = ()  # what led here from the photo, oldest first
    seconds: float | None = None  # how long the prediction took; None where nothing was predicted
    parent: int = 0  # key of the state that it was made from; 0 where there is none in the list
    key: int = 0  # stays when the snapshot is renamed
    times_s: tuple[tuple[str, float], ...] = ()  # what each stage of the prediction took
    moved: np.ndarray | None = None  # (N,) bool, which Gaussians of the state before moved
    notes: tuple[str, ...] = ()  # what the user should know of it, one sentence each

    @property
    def drags(self) -> tuple[Drag, ...]:
        """Return the drags of the steps that are on."""
        return tuple(step.drag for step in self.steps if step.on)

    @property
    def motion(self) -> Motion | None:
        """Return how the last step that is on moved its part."""
        return next((step.motion for step in reversed(self.steps) if step.on), None)

    @property
    def predicted(self) -> bool:
        """Tell whether a predictor made this state."""
        return any(step.on for step in self.steps)


@dataclass(frozen=True, eq=False)
class Document:
    """A photo (or a splat file), the states made from it, the one shown, and the selected part of that one."""

    name: str = ""
    path: Path | None = None
    image: np.ndarray | None = None  # (H, W, 4) uint8, the photo
    snapshots: tuple[Snapshot, ...] = ()
    active: int = 0
    part: Part | None = None
    rest: State | None = None  # the photo's own state; stays when its snapshot is removed
    key: int = 0  # stays for as long as it is the same photo

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to show."""
        return self.image is None and not self.snapshots

    @property
    def shown(self) -> Snapshot | None:
        """Return the state on screen."""
        return self.snapshots[self.active] if self.snapshots else None

    @property
    def before(self) -> Snapshot | None:
        """Return the state that the shown one was made from; None where there is none in the list."""
        at = self.find(self.shown.parent) if self.shown is not None else None
        return self.snapshots[at] if at is not None else None

    @property
    def after(self) -> Snapshot | None:
        """Return the newest state that was made from the shown one; None where there is none."""
        key = self.shown.key if self.shown is not None else 0
        return next((s for s in reversed(self.snapshots) if key and s.parent == key), None)

    def find(self, key: int) -> int | None:
        """Return where the snapshot of this key lies, or None where it is gone."""
        return next((i for i, snapshot in enumerate(self.snapshots) if key and snapshot.key == key), None)

    def with_snapshot(self, snapshot: Snapshot) -> Document:
        """Append a state and show it; nothing is selected in it yet."""
        if not snapshot.key:
            snapshot = replace(snapshot, key=new_key())
        return replace(self, snapshots=(*self.snapshots, snapshot), active=len(self.snapshots), part=None)

    def showing(self, index: int) -> Document:
        """Show another state; a part belongs to its state, so the selection goes."""
        assert 0 <= index < len(self.snapshots), index
        return self if index == self.active else replace(self, active=index, part=None)

    def renamed(self, index: int, name: str) -> Document:
        """Give a state another name; blank names are ignored."""
        name = " ".join(name.split())
        if not name or name == self.snapshots[index].name:
            return self
        snapshot = replace(self.snapshots[index], name=name)
        return replace(self, snapshots=(*self.snapshots[:index], snapshot, *self.snapshots[index + 1 :]))

    def without(self, index: int) -> Document:
        """Take a state out of the list; the last one stays.

        What was made from it stays too, and counts as made from the state before it, which is shown where the removed
        one was.
        """
        if len(self.snapshots) < 2:
            return self
        gone = self.snapshots[index]
        others = (*self.snapshots[:index], *self.snapshots[index + 1 :])
        snapshots = tuple(replace(s, parent=gone.parent) if s.parent == gone.key else s for s in others)
        if self.active != index:
            return replace(self, snapshots=snapshots, active=self.active - (self.active > index))
        parent = self.find(gone.parent)
        return replace(
            self, snapshots=snapshots, active=min(index if parent is None else parent, len(snapshots) - 1), part=None
        )

    def next_name(self) -> str:
        """Return the name of the next predicted state."""
        pulls = {step.name for snapshot in self.snapshots for step in snapshot.steps}
        names = pulls | {snapshot.name for snapshot in self.snapshots}
        return next(name for k in count(1 + len(pulls)) if (name := f"Pull {k}") not in names)


def open_image(path: Path, image: np.ndarray) -> Document:
    """Start a Document from a photo, (H, W, 4) uint8; it has no state until the pipeline made one."""
    return Document(path.name, path, image, key=new_key())


def open_splats(path: Path, gaussians: Gaussians) -> Document:
    """Start a Document from a splat file."""
    return Document(path.name, path, key=new_key()).with_snapshot(Snapshot(path.stem, gaussians))


def arrays(thing: object) -> Iterator[np.ndarray]:
    """Walk all arrays that a Document (or anything in it) holds; shared ones come as often as they are met."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, (tuple, list)):
        for item in thing:
            yield from arrays(item)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from arrays(getattr(thing, field.name))
