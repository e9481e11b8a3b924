"""URDF: links, joints and the meshes they show (http://wiki.ros.org/urdf/XML)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Literal

import numpy as np

from model.articulation.joint import Joint
from model.errors import FormatError
from model.partdrag4d.articulated import ArticulatedObject, Movable, Piece, package, piece

GREY = (0.7, 0.7, 0.7)


def read_urdf(path: Path) -> ArticulatedObject:
    """Read a URDF file in its own axes; raises FormatError."""
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as problem:
        raise FormatError(f"{path.name} is not XML ({problem})", "Check that it is a URDF file.") from problem
    links = {e.get("name", ""): e for e in root.findall("link")}
    joints = root.findall("joint")
    children = {_name(j, "child") for j in joints}
    colours = {m.get("name", ""): _colour(m) for m in root.findall("material")}
    pieces: list[Piece] = []
    movables: list[Movable] = []
    waiting = [(name, np.eye(4), 0) for name in links if name not in children]
    while waiting:
        name, T, link = waiting.pop(0)
        for visual in links[name].findall("visual") if name in links else ():
            pieces += _visual(path, visual, T @ _origin(visual), link, colours)
        for element in joints:
            if _name(element, "parent") != name:
                continue
            there = T @ _origin(element)
            kind = element.get("type", "fixed")
            child = link
            if kind in ("revolute", "continuous", "prismatic"):
                axis = there[:3, :3] @ _numbers(element.find("axis"), "xyz", (1.0, 0.0, 0.0))
                how: Literal["prismatic", "revolute"] = "prismatic" if kind == "prismatic" else "revolute"
                joint = Joint(how, axis / max(float(np.linalg.norm(axis)), 1e-12), there[:3, 3])
                movables.append(Movable(element.get("name", ""), joint, _limits(element, kind), link))
                child = len(movables)
            waiting.append((_name(element, "child"), there, child))
    return ArticulatedObject(path.stem, tuple(pieces), tuple(movables))


def _limits(element: ET.Element, kind: str) -> tuple[float, float]:
    """Return the joint's limits; a continuous joint has none and may turn once round."""
    limit = element.find("limit")
    if kind == "continuous" or limit is None:
        return (-np.pi, np.pi)
    low, high = float(limit.get("lower", 0)), float(limit.get("upper", 0))
    return (min(low, high), max(low, high))


def _visual(
    path: Path, visual: ET.Element, T: np.ndarray, link: int, colours: dict[str, np.ndarray | None]
) -> list[Piece]:
    shape = visual.find("geometry")
    material = visual.find("material")
    own = None
    if material is not None:
        own = _colour(material)
        if own is None:
            own = colours.get(material.get("name", ""))
    if shape is None or len(shape) == 0:
        return []
    trimesh = package("trimesh")
    form = shape[0]
    if form.tag == "mesh":
        scaled = T.copy()
        scaled[:3, :3] *= _numbers(form, "scale", (1.0, 1.0, 1.0))
        return mesh_pieces(find_mesh(path, form.get("filename", "")), scaled, link, own)
    if form.tag == "box":
        made = trimesh.creation.box(extents=_numbers(form, "size", (1.0, 1.0, 1.0)))
    elif form.tag == "cylinder":
        made = trimesh.creation.cylinder(float(form.get("radius", 1)), float(form.get("length", 1)))
    elif form.tag == "sphere":
        made = trimesh.creation.icosphere(radius=float(form.get("radius", 1)))
    else:
        return []
    return [piece(link, T, made.vertices, made.faces, np.array(GREY) if own is None else own)]


def find_mesh(urdf: Path, name: str) -> Path:
    """Find a mesh file: relative to the URDF, or below package:// in one of the folders above it."""
    if name.startswith("package://"):
        inside = name.removeprefix("package://")
        places = [folder / inside for folder in urdf.resolve().parents]
    else:
        places = [urdf.parent / name.removeprefix("file://")]
    found = next((p for p in places if p.is_file()), None)
    if found is None:
        raise FormatError(f"{urdf.name} names a mesh that is not there: {name}", f"Looked in {places[0].parent}.")
    return found


def mesh_pieces(path: Path, T: np.ndarray, link: int, own: np.ndarray | None) -> list[Piece]:
    """Read a mesh file of any kind that trimesh knows; the URDF's own colour counts where the mesh has no texture."""
    trimesh = package("trimesh")
    resolver = trimesh.resolvers.FilePathResolver(str(path), allow_anywhere=True)  # textures may lie beside the folder
    with path.open("rb") as stream:
        scene = trimesh.load_scene(stream, file_type=path.suffix[1:].lower(), resolver=resolver)
    made = []
    for mesh in scene.dump():
        if not hasattr(mesh, "faces") or len(mesh.faces) == 0:
            continue
        colour, uv, texture = _look(mesh, own)
        made.append(piece(link, T, mesh.vertices, mesh.faces, colour, uv, texture))
    return made


def _look(mesh: Any, own: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Return colours (3,) or (F, 3), uv (F, 3, 2) and texture of a trimesh mesh."""
    visual = mesh.visual
    if visual.kind == "texture":
        material = visual.material
        image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        factor = getattr(material, "baseColorFactor", None)
        if factor is None:
            factor = getattr(material, "diffuse", None)
        colour = np.ones(3) if factor is None else np.asarray(factor, np.float64)[:3] / 255
        if image is not None and visual.uv is not None:
            uv = np.asarray(visual.uv, np.float64)[mesh.faces]
            uv[..., 1] = 1 - uv[..., 1]  # trimesh counts v from the last row
            colour = (
                np.ones(3) if colour.max() < 0.05 else colour
            )  # a black diffuse under a texture is an export's slip
            return colour, uv, np.asarray(image.convert("RGB"))
        return (colour if own is None else own), None, None
    if own is not None:
        return own, None, None
    if visual.kind is None:
        return np.array(GREY), None, None
    return np.asarray(visual.face_colors, np.float64)[:, :3] / 255, None, None


def _name(joint: ET.Element, end: str) -> str:
    element = joint.find(end)
    return "" if element is None else element.get("link", "")


def _colour(material: ET.Element) -> np.ndarray | None:
    element = material.find("color")
    return None if element is None else _numbers(element, "rgba", (0.7, 0.7, 0.7, 1.0))[:3]


def _numbers(element: ET.Element | None, name: str, default: tuple[float, ...]) -> np.ndarray:
    text = None if element is None else element.get(name)
    if text is None:
        return np.array(default)
    return np.array([float(x) for x in text.replace(",", " ").split()])  # some files write "1, 1, 1"


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
