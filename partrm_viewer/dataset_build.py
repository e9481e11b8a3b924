"""Build a data set: objects are looked at, then their parts are drawn, each on any core of any computer."""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from model.camera import Camera
from model.errors import FormatError, PartRMError
from model.formats.disk import write_atomically
from model.partdrag4d.articulated import CATEGORIES, load
from model.partdrag4d.build import PARTIAL, DiskFull, Painter, whole, write_object, write_state
from model.partdrag4d.dataset import NAME, SIZE, StateId
from model.partdrag4d.states import State, all_states, named, numbers, parts, seed_of
from model.partdrag4d.views import PRESETS, Subject, cameras, subject
from model.progress import Progress, silent
from partrm_viewer.dataset_pool import Lost, Pool

# Objects that do not say what they are: the first word that their name holds.
WORDS = (
    ("dishwasher", "Dishwasher"), ("laptop", "Laptop"), ("microwave", "Microwave"), ("oven", "Oven"),
    ("fridge", "Refrigerator"), ("refrigerator", "Refrigerator"), ("washing", "WashingMachine"),
    ("trash", "TrashCan"), ("cabinet", "StorageFurniture"), ("drawer", "StorageFurniture"),
    ("table", "StorageFurniture"), ("desk", "StorageFurniture"), ("counter", "StorageFurniture"),
)  # fmt: skip
OTHER = "Other"
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


@dataclass(frozen=True)
class Report:
    """What a build has come to."""

    objects: int
    built: int
    kept: int
    left_out: tuple[LeftOut, ...]
    peak_mb: float
    seconds: float


def build(
    paths: Sequence[str],
    order: Order,
    pool: Pool,
    lists: Sequence[Path] = (),
    val_share: float = 0.1,
    progress: Progress = silent,
) -> Report:
    """Build a data set; what is whole already is kept. Raises FormatError, DiskFull; objects' own faults are reported.

    Ends early on Ctrl-C: every worker finishes the state it is at.
    """
    start = time.monotonic()
    wanted = _read_lists(lists)
    sources, left = _sources(paths, order, wanted)
    _agree(order)
    for folder in ("renders", "lists", PARTIAL):
        (order.root / folder).mkdir(parents=True, exist_ok=True)
    (order.root / PARTIAL / STOP).unlink(missing_ok=True)
    objects: dict[str, dict[str, Any]] = {}
    built = kept = 0
    peak = 0.0
    stop = (order.root / PARTIAL / STOP).touch

    def finish() -> None:
        shutil.rmtree(order.root / PARTIAL, ignore_errors=True)
        _write_lists(order, wanted, val_share)
        left.sort(key=lambda one: (one.mesh, one.what))
        _write_json(order.root / "report.json", {"left_out": [vars(one) for one in left]})

    try:
        shards: list[Shard] = []
        for source, looked in pool.run(look_at, sources, stop):
            if isinstance(looked, Lost):
                left.append(LeftOut(source.mesh, "all of it", looked.title))
                continue
            left += looked.left_out
            if looked.groups:
                objects[source.mesh] = looked.told
                category = str(looked.told["category"])
                shards += [Shard(source, category, ids) for ids in looked.groups.values()]
            progress(0.0, f"{len(objects)} of {len(sources)} objects looked at")
        shards.sort(key=lambda shard: shard.ids)
        total, done, drawing = sum(len(s.ids) for s in shards), 0, time.monotonic()
        _tell(order, objects)
        for shard, drawn in pool.run(draw_shard, shards, stop):
            done += len(shard.ids)
            if isinstance(drawn, Lost):
                missing = [id for id in shard.ids if not whole(order.root, id, shard.category)]
                left += [LeftOut(shard.source.mesh, str(id), drawn.title) for id in missing]
            else:
                built, kept, peak = built + drawn.built, kept + drawn.kept, max(peak, drawn.peak_mb)
                left += drawn.left_out
                if drawn.full:
                    raise DiskFull(drawn.full, "Make room, then run the same command again: what is whole is kept.")
            progress(min(done / total, 0.999), _estimate(done, total, time.monotonic() - drawing))
    except BaseException:
        with suppress(PartRMError):  # what stopped us is the news
            finish()
        raise
    finish()
    progress(1.0, "done")
    return Report(len(objects), built, kept, tuple(left), peak, time.monotonic() - start)


def summary(report: Report) -> str:
    """Return what people read at the end."""
    lines = [
        f"{report.built} states built, {report.kept} were there, of {report.objects} objects, in {report.seconds:.0f} s"
        f" (at most {report.peak_mb:.0f} MB a worker)"
    ]
    lines += [f"left out: {one.mesh}: {one.what}: {one.why}" for one in report.left_out]
    return "\n".join(lines)


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
        from partrm_viewer.blender import Blender

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
    category = made.category or guessed_category(source.mesh)
    if made.category and made.category not in CATEGORIES:
        raise FormatError(f"{made.category} is none of PartDrag-4D's eight categories", "Choose other objects.")
    it = subject(made, source.mesh, category, PRESETS[source.order.preset], source.order.seed)
    every = all_states(it.made, source.mesh, source.order.seed)
    if source.ids is None:
        return it, cameras(it, every), every, []
    found, absent = named(it.made, source.ids)
    return it, cameras(it, [*every, *found]), found, absent


def guessed_category(name: str) -> str:
    """Return the category that an object's name speaks of."""
    return next((category for word, category in WORDS if word in name.lower()), OTHER)


def _peak_mb() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _sources(
    paths: Sequence[str], order: Order, wanted: dict[str, tuple[StateId, ...]] | None
) -> tuple[list[Source], list[LeftOut]]:
    """Name the objects; returns those to be built, and what lists ask of objects that are not there."""
    names = [_mesh_name(path, 1) for path in paths]
    depth = 2
    while len(set(names)) < len(names) and depth < 6:  # two microwaves: their folders tell them apart
        names = [_mesh_name(path, depth) if names.count(name) > 1 else name for path, name in zip(paths, names)]
        depth += 1
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise FormatError(f"Objects are given twice: {', '.join(twice[:3])}", "Give each object once.")
    found = dict(zip(names, paths))
    if wanted is None:
        return [Source(order, path, name) for name, path in found.items()], []
    asked: dict[str, list[StateId]] = defaultdict(list)
    for ids in wanted.values():
        for id in ids:
            asked[id.mesh].append(id)
    left = [
        LeftOut(mesh, f"{len(ids)} listed states", "no such object is given")
        for mesh, ids in asked.items()
        if mesh not in found
    ]
    return [Source(order, found[mesh], mesh, tuple(ids)) for mesh, ids in asked.items() if mesh in found], left


def _mesh_name(path: str, depth: int) -> str:
    """Name an object after its file and `depth - 1` folders above it; names hold no underscore."""
    if not Path(path).exists():  # procedural:7, or a path that loading will complain of
        words = [path.rpartition("/")[2]]
    else:
        place = Path(path).resolve()
        words = [*place.parts[-depth:-1], place.name if place.is_dir() else place.stem]
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in "-".join(words)).strip("-") or "object"


def _read_lists(lists: Sequence[Path]) -> dict[str, tuple[StateId, ...]] | None:
    """Read lists of states as PartDrag-4D publishes them; one whose name begins with "val" is the validation list."""
    if not lists:
        return None
    found: dict[str, tuple[StateId, ...]] = {"train": (), "val": ()}
    for path in lists:
        try:
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FormatError(f"Cannot read {path}: {error}", "Give a list of states, one a line.") from error
        names = [line.strip().rstrip("/").rpartition("/")[2] for line in lines]
        ids = tuple(StateId.parse(name) for name in names if NAME.fullmatch(name))
        if not ids:
            raise FormatError(f"{path} names no state", "A state is <mesh>_<part>_<state>, as 7120_0_3.")
        which = "val" if path.name.startswith("val") else "train"
        found[which] = tuple(dict.fromkeys([*found[which], *ids]))
    return found


def _write_lists(order: Order, wanted: dict[str, tuple[StateId, ...]] | None, val_share: float) -> None:
    """Write the splits: the lists that were given, else whole objects, drawn by the seed; only what is on disk."""
    there = sorted(StateId.parse(f.name) for f in (order.root / "renders").iterdir() if NAME.fullmatch(f.name))
    if wanted is None:
        meshes = sorted({id.mesh for id in there}, key=lambda mesh: seed_of(f"{order.seed}/{mesh}"))
        count = min(round(val_share * len(meshes)) or int(val_share > 0), len(meshes) - 1)
        held = set(meshes[: max(count, 0)])
        split = {"val": [id for id in there if id.mesh in held], "train": [id for id in there if id.mesh not in held]}
    else:
        split = {which: [id for id in ids if id in set(there)] for which, ids in wanted.items()}
    for which, ids in split.items():
        _write_text(order.root / "lists" / f"{which}.txt", "".join(f"{id}\n" for id in ids))


def _settings(order: Order) -> dict[str, Any]:
    preset = PRESETS[order.preset]
    return {
        "preset": order.preset, "seed": order.seed, "size": SIZE, "scale": preset.scale, "offset": list(preset.offset),
        "renderer": "blender" if order.blender else "raster",
    }  # fmt: skip


def _agree(order: Order) -> None:
    """Raise FormatError where a folder holds a data set that was made in another way."""
    path = order.root / "dataset.json"
    if not path.exists():
        return
    told = _read_json(path)
    for key, value in _settings(order).items():
        if told.get(key) != value:
            raise FormatError(
                f"{order.root} holds a data set of another {key}: {told.get(key)}, not {value}",
                "Choose another folder, or the settings that it was made with.",
            )


def _tell(order: Order, objects: dict[str, dict[str, Any]]) -> None:
    """Write dataset.json; objects of earlier builds stay in it."""
    path = order.root / "dataset.json"
    before = _read_json(path).get("objects", {}) if path.exists() else {}
    _write_json(path, {**_settings(order), "objects": dict(sorted({**before, **objects}.items()))})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FormatError(f"Cannot read {path}: {error}", "Delete it, or choose another folder.") from error
    return told if isinstance(told, dict) else {}


def _write_json(path: Path, told: dict[str, Any]) -> None:
    _write_text(path, json.dumps(told, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))


def _estimate(done: int, total: int, seconds: float) -> str:
    left = round(seconds / max(done, 1) * (total - done))
    return f"{done} of {total} states, {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} to go"
