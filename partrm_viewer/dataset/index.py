"""What a data set's folder says of itself: which objects, which lists, how it was made."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.errors import FormatError
from model.formats.disk import write_atomically
from model.partdrag4d.dataset import NAME, SIZE, StateId
from model.partdrag4d.states import seed_of
from model.partdrag4d.views import PRESETS
from partrm_viewer.dataset.work import LeftOut, Order, Source


def find_sources(
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


def read_lists(lists: Sequence[Path]) -> dict[str, tuple[StateId, ...]] | None:
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


def write_lists(order: Order, wanted: dict[str, tuple[StateId, ...]] | None, val_share: float) -> None:
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


def agree(order: Order) -> None:
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


def tell(order: Order, objects: dict[str, dict[str, Any]]) -> None:
    """Write dataset.json; objects of earlier builds stay in it."""
    path = order.root / "dataset.json"
    before = _read_json(path).get("objects", {}) if path.exists() else {}
    write_json(path, {**_settings(order), "objects": dict(sorted({**before, **objects}.items()))})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FormatError(f"Cannot read {path}: {error}", "Delete it, or choose another folder.") from error
    return told if isinstance(told, dict) else {}


def write_json(path: Path, told: dict[str, Any]) -> None:
    _write_text(path, json.dumps(told, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
