"""What a worker does for a data set: look at an object, draw the states of one of its parts."""

from __future__ import annotations

import resource
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from model.camera import Camera
from model.errors import FormatError, PartRMError
from model.partdrag4d.articulated import CATEGORIES, load
from model.partdrag4d.build import PARTIAL, DiskFull, Painter, whole, write_object, write_state
from model.partdrag4d.dataset import StateId
from model.partdrag4d.states import State, all_states, named, numbers, parts
from model.partdrag4d.views import PRESETS, Subject, cameras, subject

OTHER = "Other"  # the category of what does not say what it is
STOP = "stop"  # a file in the folder of what is not finished: workers end after the state they are at


@dataclass(frozen=True)
class Order:
    """What is asked of all objects alike."""

    root: Path
    preset: str = "partdrag4d"
    seed: int = 0
    blender: str = ""  # the Python that has bpy; "" = our own renderer


@dataclass(frozen=True)
class Source:
    """One object and the states that are asked of it."""

    order: Order
    path: str
    mesh: str
    ids: tuple[StateId, ...] | None = None  # None = all


@dataclass(frozen=True)
class Looked:
    """What an object turned out to be."""

    told: dict[str, Any]  # for dataset.json
    groups: dict[int, tuple[StateId, ...]] = field(default_factory=dict)  # what each part's states are called
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Shard:
    """The states of one part: what one worker does at a time."""

    source: Source
    category: str
    ids: tuple[StateId, ...]


@dataclass(frozen=True)
class Drawn:
    """What a shard has come to."""

    built: int
    kept: int  # whole before
    left_out: tuple[LeftOut, ...] = ()
    peak_mb: float = 0.0  # of the worker's memory
    full: str = ""  # why nothing more can be written


@dataclass(frozen=True)
class LeftOut:
    """Something that was asked for and is not there."""

    mesh: str
    what: str
    why: str


def look_at(source: Source) -> Looked:
    """Load an object, write what its states share, and name its states."""
    try:
        it, _, states, absent = _ready(source)
        write_object(source.order.root, it)
    except PartRMError as problem:
        return Looked({}, left_out=(LeftOut(source.mesh, "all of it", problem.title),))
    _, still = parts(it.made)
    names = numbers(it.made)
    left = [LeftOut(source.mesh, str(id), "the object has no such state") for id in absent]
    if source.ids is None:
        left += [LeftOut(source.mesh, f"part {names[k]} ({it.made.movables[k].name})", why) for k, why in still.items()]
    if not states:
        left.append(LeftOut(source.mesh, "all of it", "none of its parts gives a state"))
    groups: dict[int, list[StateId]] = defaultdict(list)
    for state in states:
        groups[state.id.part].append(state.id)
    told = {
        "category": it.category, "source": source.path, "yaw_deg": it.yaw_deg,
        "parts": {str(n): m.name for n, m in zip(names, it.made.movables)},
    }  # fmt: skip
    return Looked(told, {part: tuple(ids) for part, ids in groups.items()}, tuple(left))


def draw_shard(shard: Shard) -> Drawn:
    """Write those states of a part that are not whole yet."""
    order = shard.source.order
    painter: Painter | None = None
    if order.blender:
        from partrm_viewer.dataset.blender import Blender

        painter = Blender(order.blender)
    built, left = 0, []
    todo = [id for id in shard.ids if not whole(order.root, id, shard.category)]
    kept = len(shard.ids) - len(todo)
    try:
        if todo:
            it, cams, states, _ = _ready(shard.source)
            by_id = {state.id: state for state in states}
        for id in todo:
            if (order.root / PARTIAL / STOP).exists():
                break
            try:
                write_state(order.root, it, by_id[id], cams, painter)
                built += 1
            except DiskFull:
                raise
            except PartRMError as problem:
                left.append(LeftOut(shard.source.mesh, str(id), problem.title))
    except DiskFull as problem:
        return Drawn(built, kept, tuple(left), _peak_mb(), problem.title)
    except PartRMError as problem:
        left.append(LeftOut(shard.source.mesh, f"part {shard.ids[0].part}", problem.title))
    return Drawn(built, kept, tuple(left), _peak_mb())


@lru_cache(maxsize=1)
def _ready(source: Source) -> tuple[Subject, list[Camera], list[State], list[StateId]]:
    """Return an object before its cameras, its states, and the asked names that it cannot have. Raises PartRMError."""
    made = load(source.path)
    category = made.category or OTHER
    if made.category and made.category not in CATEGORIES:
        raise FormatError(f"{made.category} is none of PartDrag-4D's eight categories", "Choose other objects.")
    it = subject(made, source.mesh, category, PRESETS[source.order.preset], source.order.seed)
    every = all_states(it.made, source.mesh, source.order.seed)
    if source.ids is None:
        return it, cameras(it, every), every, []
    found, absent = named(it.made, source.ids)
    return it, cameras(it, [*every, *found]), found, absent


def _peak_mb() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)
