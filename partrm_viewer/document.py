"""Document: what the user has open and may undo; frozen, so that an edit is a new Document sharing its arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from model.drag import Drag
from model.gaussians import Gaussians
from model.stages.state import Motion, Part, State

_keys = count(1)


def new_key() -> int:
    """Return a number that no other thing in this process has."""
    return next(_keys)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One state in the list: how the object looks after some pulls."""

    name: str
    gaussians: Gaussians
    state: State | None = None  # None for a splat file: it can be looked at, not pulled
    drags: tuple[Drag, ...] = ()  # what led here from the photo, oldest first
    motion: Motion | None = None  # of the last drag
    seconds: float | None = None  # how long the prediction took; None where nothing was predicted
    key: int = 0  # stays when the snapshot is renamed
    notes: tuple[str, ...] = ()  # what the user should know of it, one sentence each

    @property
    def predicted(self) -> bool:
        """Tell whether a predictor made this state."""
        return bool(self.drags)


@dataclass(frozen=True, eq=False)
class Document:
    """A photo (or a splat file), the states made from it, the one shown, and the selected part of that one."""

    name: str = ""
    path: Path | None = None
    image: np.ndarray | None = None  # (H, W, 4) uint8, the photo
    snapshots: tuple[Snapshot, ...] = ()
    active: int = 0
    part: Part | None = None
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
        """Return the state that the shown one was pulled from; None where there is none in the list."""
        if self.shown is None or not self.shown.drags:
            return None
        earlier = reversed(self.snapshots[: self.active])
        return next((snapshot for snapshot in earlier if snapshot.drags == self.shown.drags[:-1]), None)

    def find(self, key: int) -> int | None:
        """Return where the snapshot of this key lies, or None where it is gone."""
        return next((i for i, snapshot in enumerate(self.snapshots) if snapshot.key == key), None)

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
        """Take a state out of the list; the last one stays."""
        if len(self.snapshots) < 2:
            return self
        snapshots = (*self.snapshots[:index], *self.snapshots[index + 1 :])
        active = min(self.active - (self.active > index), len(snapshots) - 1)
        return replace(self, snapshots=snapshots, active=active, part=self.part if self.active != index else None)

    def next_name(self) -> str:
        """Return the name of the next predicted state."""
        return f"Pull {1 + sum(snapshot.predicted for snapshot in self.snapshots)}"


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
