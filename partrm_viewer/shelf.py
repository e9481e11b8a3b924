"""Shelf: predicted states lie in files without a name, so that many of them need little memory.

Their arrays are views of those files: the system brings in what is looked at, and a file goes with its last array.
Where there is no room on disk, or enough lies there, a state simply stays in memory. Worker thread.
"""

from __future__ import annotations

import logging
import mmap
import tempfile
import weakref
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from model.stages.state import State

MOST = 150  # states: each takes a file handle, of which some systems give a process 256
MOST_BYTES = 4 << 30
ALIGN = 64  # bytes
ON_DISK = Path("/var/tmp")  # where /tmp may be memory
log = logging.getLogger(__name__)


class Shelf:
    """Takes states; gives back equal ones whose arrays need no memory while nobody looks at them."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or (ON_DISK if ON_DISK.is_dir() else None)
        self._maps: weakref.WeakValueDictionary[int, mmap.mmap] = weakref.WeakValueDictionary()
        self._count = 0

    def put(self, state: State) -> State:
        """Return the same state with its picture and Gaussians on the shelf; what lay there before leaves memory."""
        for lying in list(self._maps.values()):
            if hasattr(lying, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
                lying.madvise(mmap.MADV_DONTNEED)  # read again when it is looked at
        taken = sum(len(lying) for lying in self._maps.values())
        if len(self._maps) >= MOST or taken >= MOST_BYTES:
            return state
        try:
            return self._put(state)
        except OSError as error:
            log.warning("a state stays in memory: %s", error)
            return state

    def _put(self, state: State) -> State:
        arrays = {name: array for thing in (state, state.gaussians) for name, array in _arrays(thing).items()}
        places: dict[str, int] = {}
        with tempfile.TemporaryFile(dir=self._folder) as file:
            for name, array in arrays.items():
                file.write(b"\0" * (-file.tell() % ALIGN))
                places[name] = file.tell()
                file.write(np.ascontiguousarray(array).data)
            file.flush()
            lying = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self._count += 1
        self._maps[self._count] = lying
        views = {name: _view(lying, places[name], array) for name, array in arrays.items()}
        splats: dict[str, Any] = {name: views[name] for name in _arrays(state.gaussians)}
        return replace(state, image=views["image"], mask=views["mask"], gaussians=replace(state.gaussians, **splats))


def on_shelf(array: np.ndarray) -> bool:
    """Tell whether an array takes no memory of its own."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)


def _arrays(thing: object) -> dict[str, np.ndarray]:
    values = {field.name: getattr(thing, field.name) for field in fields(thing)}  # type: ignore[arg-type]
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _view(lying: mmap.mmap, start: int, array: np.ndarray) -> np.ndarray:
    return np.frombuffer(lying, array.dtype, array.size, start).reshape(array.shape)
