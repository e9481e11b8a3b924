"""URDF: links, joints and the meshes they show (http://wiki.ros.org/urdf/XML)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Literal

import numpy as np

from model.articulation.joint import Joint
from model.errors import FormatError
from model.partdrag4d.articulated import MAX_JOINTS, ArticulatedObject, Movable, Piece, package, piece
from model.partdrag4d.meshes import GREY, mesh_pieces
from model.partdrag4d.reach import Reach, read_xml

KINDS = ("fixed", "revolute", "continuous", "prismatic")
CORRECT = "Correct the file."


def read_urdf(path: Path) -> ArticulatedObject:
    """Read a URDF file in its own axes; raises FormatError."""
    root = read_xml(path)
    links = {e.get("name", ""): e for e in root.findall("link")}
    if len(links) < len(root.findall("link")):
        raise FormatError(f"{path.name} names a link twice", CORRECT)
    joints = root.findall("joint")
    _check_tree(path.name, links, joints)
    below: dict[str, list[ET.Element]] = {}
    for joint in joints:
        below.setdefault(_end(joint, "parent"), []).append(joint)
    children = {_end(j, "child") for j in joints}
    colours = {m.get("name", ""): _colour(m) for m in root.findall("material")}
    reaches = {"": Reach.of(path)}
    pieces: list[Piece] = []
    movables: list[Movable] = []
    waiting = [(name, np.eye(4), 0) for name in links if name not in children]
    while waiting:
        name, T, link = waiting.pop(0)
        for visual in links[name].findall("visual"):
            pieces += _visual(path, visual, T @ _origin(visual), link, colours, reaches)
        for element in below.get(name, []):
            there = T @ _origin(element)
            child = link
            if element.get("type") != "fixed":
                movables.append(_movable(path.name, element, there, link))
                child = len(movables)
            waiting.append((_end(element, "child"), there, child))
    return ArticulatedObject(path.stem, tuple(pieces), tuple(movables))


def stands_y_up(path: Path) -> bool:
    """Tell whether a URDF file shows glTF meshes only: glTF is y up by its standard, and such files follow it."""
    names = [m.get("filename", "").lower() for m in read_xml(path).iterfind("link/visual/geometry/mesh")]
    return bool(names) and all(n.endswith((".glb", ".gltf")) for n in names)


def _check_tree(name: str, links: dict[str, ET.Element], joints: list[ET.Element]) -> None:
    """Raise FormatError where the joints do not make trees of the links, or are of a kind that is not read."""
    if len(joints) > 100 * MAX_JOINTS:
        raise FormatError(f"{name} has {len(joints)} joints", f"At most {MAX_JOINTS} that move are read.")
    above: dict[str, str] = {}
    for joint in joints:
        who, kind = f"{name}: the joint '{joint.get('name', '')}'", joint.get("type")
        if kind not in KINDS:
            raise FormatError(f"{who} is of the kind '{kind}'", f"Read are {', '.join(KINDS)}.")
        if joint.find("mimic") is not None:
            raise FormatError(f"{who} follows another joint (mimic)", "Only joints that move by themselves are read.")
        parent, child = _end(joint, "parent"), _end(joint, "child")
        for end in (parent, child):
            if end not in links:
                raise FormatError(f"{who} names a link that is not there: '{end}'", CORRECT)
        if child in above:
            raise FormatError(f"{name}: the link '{child}' hangs on two joints", "A link has one parent.")
        above[child] = parent
    sound: set[str] = set()
    for link in above:
        chain: set[str] = set()
        while link in above and link not in sound:
            if link in chain:
                raise FormatError(f"{name}: the link '{link}' hangs on itself (a cycle of joints)", CORRECT)
            chain.add(link)
            link = above[link]
        sound |= chain


def _movable(name: str, element: ET.Element, T: np.ndarray, link: int) -> Movable:
    kind, called = element.get("type"), element.get("name", "")
    axis = T[:3, :3] @ _numbers(element.find("axis"), "xyz", (1.0, 0.0, 0.0))
    length = float(np.linalg.norm(axis))
    if not length > 1e-9:
        raise FormatError(f"{name}: the joint '{called}' has an axis without a length", CORRECT)
    how: Literal["prismatic", "revolute"] = "prismatic" if kind == "prismatic" else "revolute"
    joint = Joint(how, axis / length, T[:3, 3])
    if kind == "continuous":
        return Movable(called, joint, (-np.pi, np.pi), link, continuous=True)
    limit = element.find("limit")
    if limit is None or (limit.get("lower") is None and limit.get("upper") is None):
        raise FormatError(f"{name}: the joint '{called}' has no limits", "Write <limit lower=.. upper=..> into it.")
    low, high = float(limit.get("lower", 0)), float(limit.get("upper", 0))
    return Movable(called, joint, (min(low, high), max(low, high)), link)


def _visual(
    path: Path, visual: ET.Element, T: np.ndarray, link: int, colours: dict[str, np.ndarray | None],
    reaches: dict[str, Reach],
) -> list[Piece]:  # fmt: skip
    shape = visual.find("geometry")
    material = visual.find("material")
    own = None
    if material is not None:
        own = _colour(material)
        if own is None:
            own = colours.get(material.get("name", ""))
    form = None if shape is None or len(shape) == 0 else shape[0]
    if form is None:
        raise FormatError(f"{path.name} shows a link without a shape", CORRECT)
    if form.tag == "mesh":
        scaled = T.copy()
        scaled[:3, :3] *= _numbers(form, "scale", (1.0, 1.0, 1.0))
        mesh, reach = _find_mesh(path, form.get("filename", ""), reaches)
        return mesh_pieces(mesh, scaled, link, own, reach)
    trimesh = package("trimesh")
    if form.tag == "box":
        made = trimesh.creation.box(extents=_numbers(form, "size", (1.0, 1.0, 1.0)))
    elif form.tag == "cylinder":
        made = trimesh.creation.cylinder(float(form.get("radius", 1)), float(form.get("length", 1)))
    elif form.tag == "sphere":
        made = trimesh.creation.icosphere(radius=float(form.get("radius", 1)))
    else:
        raise FormatError(f"{path.name} shows a shape of an unknown kind: {form.tag}", CORRECT)
    return [piece(link, T, made.vertices, made.faces, np.array(GREY) if own is None else own)]


def _find_mesh(urdf: Path, name: str, reaches: dict[str, Reach]) -> tuple[Path, Reach]:
    """Find a mesh file: relative to the URDF, or below package:// in one of the folders above it.

    reaches: of each package named so far; "" is the file's own folders.
    """
    if not name.startswith("package://"):
        return reaches[""].find(name.removeprefix("file://"), urdf.parent), reaches[""]
    inside = name.removeprefix("package://")
    own = inside.partition("/")[0]
    above = [f for f in urdf.resolve().parents if own not in ("", ".", "..") and (f / own).is_dir()]
    if not above:
        raise FormatError(f"{urdf.name} names a mesh that is not there: {name}", f"No folder above it holds '{own}'.")
    reach = reaches.setdefault(own, Reach(urdf.name, (above[0] / own).resolve()))
    return reach.find(inside, above[0]), reach


def _end(joint: ET.Element, end: str) -> str:
    element = joint.find(end)
    return "" if element is None else element.get("link", "")


def _colour(material: ET.Element) -> np.ndarray | None:
    element = material.find("color")
    return None if element is None else _numbers(element, "rgba", (0.7, 0.7, 0.7, 1.0))[:3]


def _numbers(element: ET.Element | None, name: str, default: tuple[float, ...]) -> np.ndarray:
    text = None if element is None else element.get(name)
    if text is None:
        return np.array(default)
    values = np.array([float(x) for x in text.replace(",", " ").split()])  # some files write "1, 1, 1"
    if len(values) != len(default) or not np.isfinite(values).all():
        raise FormatError(f"{name} is not {len(default)} numbers: '{text[:60]}'", CORRECT)
    return values


def _origin(element: ET.Element) -> np.ndarray:
    """Return the (4, 4) of <origin xyz rpy>: rpy turns about the fixed x, then y, then z."""
    origin = element.find("origin")
    T = np.eye(4)
    if origin is None:
        return T
    T[:3, 3] = _numbers(origin, "xyz", (0.0, 0.0, 0.0))
    for axis, angle in enumerate(_numbers(origin, "rpy", (0.0, 0.0, 0.0))):
        T[:3, :3] = Joint("revolute", np.eye(3)[axis], np.zeros(3)).transform(float(angle))[:3, :3] @ T[:3, :3]
    return T
