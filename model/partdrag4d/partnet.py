"""PartNet-Mobility v0: a folder of part meshes, the tree of parts, their joints and points on their surface.

mobility_v2.json lists the parts that move against one another (each made of leaves of the part tree in result.json,
whose meshes lie in textured_objs) with their joints: hinges in degrees, sliders in the object's units.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from model.articulation.joint import Joint
from model.errors import FormatError
from model.partdrag4d.articulated import ArticulatedObject, Movable, Piece, Samples
from model.partdrag4d.meshes import mesh_pieces
from model.partdrag4d.reach import Reach

TURNS, SLIDES = ("hinge",), ("slider", "slider+")  # a slider that also turns (slider+, screws) only slides here
FIXED = ("heavy", "static", "free", "fixed", "junk", "")
LISTED = "partdrag4d.csv"  # columns category, id; read from the folder above where an object does not say what it is
MAX_TEXT = 64 << 20  # bytes
# PartNet's y is up and its front looks along z; PartDrag-4D takes (x, y, z) to (z, x, y) in a z-up world, and that
# world's (x, y, z) is our (x, z, -y).
T_WORLD_PARTNET = np.array([[0.0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]])


def read_partnet(folder: Path) -> ArticulatedObject:
    """Read one object's folder; it stands y up as in PartDrag-4D's world, its front towards +x. Raises FormatError."""
    name = folder.name
    reach = Reach(name, folder.resolve())
    entries = _entries(name, _json(folder, "mobility_v2.json", reach))
    leaves = _leaves(name, _json(folder, "result.json", reach))
    movables: list[Movable] = []
    link_of: dict[Any, int] = {-1: 0}  # of each entry's id
    pieces: list[Piece] = []
    link_of_part: dict[int, int] = {}
    for number in _parents_first(name, entries):
        entry = entries[number]
        link = link_of[entry["parent"]]
        joint = _movable(name, entry, number, link)
        if joint is not None:
            movables.append(joint)
            link = len(movables)
        link_of[entry["id"]] = link
        for part in entry.get("parts", []):
            if part["id"] not in leaves:
                raise FormatError(f"{name}: result.json has no part {part['id']}", "mobility_v2.json names it.")
            for leaf, meshes in leaves[part["id"]].items():
                link_of_part[leaf] = link
                for mesh in meshes:
                    path = reach.find(f"{mesh}.obj", folder / "textured_objs")
                    pieces += mesh_pieces(path, np.eye(4), link, None, reach)
    samples = _samples(folder, reach, link_of_part)
    made = ArticulatedObject(name, tuple(pieces), tuple(movables), _category(folder, reach), samples)
    return made.placed(T_WORLD_PARTNET)


def read_categories(path: Path) -> dict[str, str]:
    """Read a list of categories (columns category and id) as {id: category}; raises FormatError."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return {row["id"].strip(): row["category"].strip() for row in csv.DictReader(stream)}
    except (OSError, KeyError, AttributeError, ValueError, csv.Error) as problem:
        raise FormatError(f"{path.name} is no list of categories", "It needs the columns category and id.") from problem


def _json(folder: Path, file: str, reach: Reach) -> Any:
    path = reach.find(file, folder, most=MAX_TEXT)
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as problem:
        raise FormatError(f"{reach.name}: {file} is damaged", "Get the object again.") from problem


def _entries(name: str, listed: Any) -> list[dict[str, Any]]:
    """Return mobility_v2.json's entries; raises FormatError where their ids and parents make no tree."""
    if not isinstance(listed, list) or not all(isinstance(e, dict) and "id" in e and "parent" in e for e in listed):
        raise FormatError(f"{name}: mobility_v2.json is no list of parts", "Get the object again.")
    ids = [e["id"] for e in listed]
    if len(set(ids)) != len(ids):
        raise FormatError(f"{name}: mobility_v2.json names a part twice", "A part has one parent.")
    for entry in listed:
        if entry["parent"] != -1 and entry["parent"] not in ids:
            raise FormatError(
                f"{name}: the part {entry['id']} hangs on a part that is not there: {entry['parent']}",
                "Correct mobility_v2.json.",
            )
    return listed


def _parents_first(name: str, entries: list[dict[str, Any]]) -> list[int]:
    """Return the entries' places, parents before children and otherwise as they stand; raises FormatError."""
    order: list[int] = []
    known: set[Any] = {-1}
    while len(order) < len(entries):
        ready = [k for k, e in enumerate(entries) if e["id"] not in known and e["parent"] in known]
        if not ready:
            raise FormatError(f"{name}: its parts hang on one another in a cycle", "Correct mobility_v2.json.")
        order += ready
        known |= {entries[k]["id"] for k in ready}
    return order


def _movable(name: str, entry: dict[str, Any], number: int, parent: int) -> Movable | None:
    """Return an entry's joint, or None where it does not move by itself.

    The axis is turned round where the limits fall, so that from lower to upper is from the file's a to its b.
    """
    kind, called = entry.get("joint", ""), f"{entry.get('name', 'part')}_{number}"
    who = f"{name}: the joint '{called}'"
    if kind in FIXED:
        return None
    if kind not in TURNS + SLIDES:
        raise FormatError(f"{who} is of the kind '{kind}'", f"Read are {', '.join(TURNS + SLIDES + FIXED[:3])}.")
    told = entry.get("jointData") or {}
    limit, axis = told.get("limit") or {}, told.get("axis") or {}
    turns = kind in TURNS
    origin = [0.0 if x is None and not turns else x for x in axis.get("origin") or ([None] * 3)]
    direction = list(axis.get("direction") or [])
    if len(origin) != 3 or len(direction) != 3 or None in origin or None in direction:
        raise FormatError(f"{who} has no axis", "Correct mobility_v2.json.")
    way = np.array(direction, np.float64)
    length = float(np.linalg.norm(way))
    if not length > 1e-9:
        raise FormatError(f"{who} has an axis without a length", "Correct mobility_v2.json.")
    how: Literal["prismatic", "revolute"] = "revolute" if turns else "prismatic"
    joint = Joint(how, way / length, np.array(origin, np.float64))
    if turns and limit.get("noLimit"):
        return Movable(called, joint, (-np.pi, np.pi), parent, continuous=True, number=number)
    if limit.get("a") is None or limit.get("b") is None or limit.get("noLimit"):
        raise FormatError(f"{who} has no limits", "Correct mobility_v2.json.")
    a, b = (float(limit[end]) * (np.pi / 180 if turns else length) for end in ("a", "b"))
    if a > b:
        joint, a, b = Joint(how, -joint.axis, joint.pivot), 0.0 - a, 0.0 - b
    return Movable(called, joint, (a, b), parent, number=number)


def _leaves(name: str, tree: Any) -> dict[int, dict[int, list[str]]]:
    """Return the leaves below each node of result.json, {node: {leaf: its meshes}}; raises FormatError."""
    found: dict[int, dict[int, list[str]]] = {}

    def visit(node: dict[str, Any]) -> dict[int, list[str]]:
        if node.get("children"):
            own: dict[int, list[str]] = {}
            for child in node["children"]:
                own |= visit(child)
        else:
            own = {int(node["id"]): [str(mesh) for mesh in node.get("objs", [])]}
        found[int(node["id"])] = own
        return own

    try:
        for root in tree:
            visit(root)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise FormatError(f"{name}: result.json is no tree of parts", "Get the object again.") from problem
    return found


def _samples(folder: Path, reach: Reach, link_of_part: dict[int, int]) -> Samples | None:
    """Read the points on the surface and the links that move them; None where the object has none."""
    files = [folder / "point_sample" / file for file in ("pts-10000.txt", "label-10000.txt")]
    if not all(file.exists() for file in files):
        return None
    points, labels = (reach.find(file.name, file.parent, most=MAX_TEXT) for file in files)
    try:
        at = np.loadtxt(points, np.float64, ndmin=2)[:, :3]
        parts = np.loadtxt(labels, np.float64, ndmin=1).reshape(-1).astype(np.int64)
    except (ValueError, IndexError) as problem:
        raise FormatError(f"{reach.name}: its surface points are damaged", "Get point_sample again.") from problem
    if len(at) != len(parts) or at.shape[1] != 3 or not np.isfinite(at).all():
        raise FormatError(f"{reach.name}: {len(at)} surface points, {len(parts)} labels", "Get point_sample again.")
    # Points of parts that mobility_v2.json leaves out stay with the body, as in PartDrag-4D.
    return Samples(at, np.array([link_of_part.get(int(p), 0) for p in parts], np.int64))


def _category(folder: Path, reach: Reach) -> str:
    """Return what the object is: its meta.json says so, or a list beside the objects; "" = unknown."""
    if (folder / "meta.json").exists():
        meta = _json(folder, "meta.json", reach)
        return str(meta.get("model_cat", "")) if isinstance(meta, dict) else ""
    listed = folder.resolve().parent / LISTED
    return read_categories(listed).get(folder.name, "") if listed.is_file() else ""
