"""MJCF text made whole: includes put in, files found and looked at, what only a simulation needs left out."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from model.errors import FormatError
from model.partdrag4d.reach import Reach, read_xml

KEPT = ("compiler", "default", "asset", "worldbody")  # the sections that are about how things look and move
UNKNOWN = ("region", "boundmass")  # what robosuite's fragments hold and MuJoCo does not
REFUSED = ("composite", "flexcomp", "flex", "skin", "model", "attach")  # many bodies from one line, or other models
MAX_INCLUDES = 200
MAX_COPIES = 1000  # of one <replicate>
FILES = ("file", "fileright", "fileleft", "fileup", "filedown", "filefront", "fileback")


def whole(path: Path) -> str:
    """Return the MJCF text of a file without includes, with absolute names of its files.

    Raises FormatError for files that are missing, lie outside of the object's folders, or are too large.
    """
    reach = Reach.of(path)
    root = read_xml(path)
    if root.tag != "mujoco":
        raise FormatError(f"{path.name} is no MJCF file", f"It begins with <{root.tag}>, not with <mujoco>.")
    _include(root, path, path, reach, [0])
    for child in [c for c in root if c.tag not in KEPT]:
        root.remove(child)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in REFUSED:
                raise FormatError(f"{path.name} holds <{child.tag}>, which is not read", "Write its bodies out.")
            if child.tag == "replicate" and not 0 <= int(child.get("count", "0")) <= MAX_COPIES:
                raise FormatError(f"{path.name} copies a body {child.get('count')} times", "That is too often.")
            if child.tag in UNKNOWN:
                parent.remove(child)
    _rename_repeated(root)
    _find_files(root, path, reach)
    for compiler in root.findall("compiler"):
        compiler.attrib.pop("inertiagrouprange", None)
    # Nothing is simulated: bodies without mass are fine.
    ET.SubElement(root, "compiler", boundmass="0.001", boundinertia="0.00001")
    return ET.tostring(root, encoding="unicode")


def _include(parent: ET.Element, path: Path, source: Path, reach: Reach, count: list[int]) -> None:
    """Put included files in their places, to any depth; they are named from the main file's folder."""
    children: list[ET.Element] = []
    for child in parent:
        if child.tag != "include":
            _include(child, path, source, reach, count)
            children.append(child)
            continue
        count[0] += 1
        if count[0] > MAX_INCLUDES:
            raise FormatError(f"{path.name} includes files without end", "One of them includes itself.")
        found = reach.find(child.get("file", ""), path.parent, source.parent)
        inner = read_xml(found)
        _include(inner, path, found, reach, count)
        children += inner
    parent[:] = children


def _rename_repeated(root: ET.Element) -> None:
    """Give a texture whose name was given before a name of its own; materials mean the one written last."""
    seen: dict[str, int] = {}
    for element in root.iterfind("asset/*"):
        if element.tag == "texture" and element.get("name"):
            name = element.get("name", "")
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                element.set("name", f"{name}#{seen[name]}")
        elif element.tag == "material" and seen.get(element.get("texture", ""), 0) > 1:
            name = element.get("texture", "")
            element.set("texture", f"{name}#{seen[name]}")


def _find_files(root: ET.Element, path: Path, reach: Reach) -> None:
    """Make the names of meshes and textures absolute; MuJoCo then reads those files and no others."""
    settings: dict[str, str] = {}
    for compiler in root.findall("compiler"):
        settings |= compiler.attrib
        for key in ("meshdir", "texturedir", "assetdir", "strippath"):
            compiler.attrib.pop(key, None)
    for element in root.iterfind("asset/*"):
        folder = settings.get("texturedir" if element.tag == "texture" else "meshdir", settings.get("assetdir", ""))
        if element.tag == "texture":
            reach.check_pixels(
                element.get("name", ""), *(int(element.get(side, "0") or 0) for side in ("width", "height"))
            )
        if element.tag == "hfield" and int(element.get("nrow", "0")) * int(element.get("ncol", "0")) > 10**7:
            raise FormatError(f"{path.name} holds a height field that is too large", "Make it smaller.")
        for key in FILES:
            named = element.get(key)
            if named is None:
                continue
            if settings.get("strippath") == "true":
                named = named.replace("\\", "/").rpartition("/")[2]
            found = reach.find(named, path.parent / folder, path.parent)
            if element.tag == "texture":
                reach.check_image(named, found)
            element.set(key, str(found))
