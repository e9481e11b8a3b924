"""Project: a Document and where it is looked at from, in one file: a zip of document.json, arrays and pictures.

document.json holds every frozen object once, its fields by name, children before parents; {"object": 3} and
{"array": 5} refer to those and to arrays/0005.npy, or arrays/0005.png for pictures. What was shared in memory is shared
after reading.
"""

from __future__ import annotations

import io
import json
import types
import typing
import zipfile
import zlib
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera
from model.errors import FormatError
from model.formats.disk import open_file, unreadable, write_atomically
from model.gaussians import Gaussians
from model.progress import Progress, silent
from model.stages.again import PLACES, Held
from model.stages.state import Outline, Part, State
from partrm_viewer.document import Document, Snapshot, new_key
from partrm_viewer.tools.navigate import View

ENDING = ".partrm"
FORMAT = 2  # grows when an older program could not read what a newer one writes; project_1.py reads the first
MAX_BYTES = 8 << 30  # of all that a project holds, unpacked
MAX_TEXT = 64 << 20  # bytes of document.json
PACKED_MOST = 1100  # deflate makes nothing smaller than by this factor
SHAPES: dict[type, dict[str, str]] = {  # of arrays: one letter is one number, the same throughout the object
    Document: {"image": "H W 4 uint8"},
    State: {"image": "H W 3 uint8", "mask": "H W bool"},
    Gaussians: {
        "positions": "N 3 float32",
        "rotations": "N 4 float32",
        "scales": "N 3 float32",
        "opacities": "N float32",
        "sh": "N 1/4/9/16 3 float32",
    },
    Camera: {"T_world_camera": "4 4 float64"},
    Part: {"mask": "H W bool", "splats": "N bool", "grab": "3 float64"},
    Snapshot: {"moved": "N bool"},
    Outline: {"mask": "H W bool", "logits": "S S float32"},
    Held: {
        "grab": "3 float64",
        "mask": "H W bool",
        "splats": "O bool",
        "places": "K 3 float32",
        "added": "M 3 float32",
    },
    Joint: {"axis": "3 float64", "pivot": "3 float64"},
    View: {"target": "3 float64", "up": "3 float64"},
}


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A view that is kept under a name."""

    name: str
    view: View


@dataclass(frozen=True, eq=False)
class Project:
    """What a project file holds."""

    document: Document
    view: View | None = None  # of the 3D view
    viewpoints: tuple[Viewpoint, ...] = ()


def write(path: Path, project: Project, progress: Progress = silent) -> None:
    """Write a project, whole or not at all. Raises FormatError."""
    book = _Writer()
    root = book.plain(project)
    text = json.dumps({"format": FORMAT, "objects": book.objects, "project": root}, indent=1)

    def save(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("document.json", text)
            for k, array in enumerate(book.arrays):
                progress(k / len(book.arrays), f"Saving {path.name}")
                picture = _is_picture(array)
                data = _png(array) if picture else _npy(array)
                packed = array.dtype == bool  # floats hardly shrink, pictures have
                archive.writestr(
                    _name(k, picture), data, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED, compresslevel=1
                )

    write_atomically(path, save)
    progress(1.0, f"Saved {path.name}")


def read(path: Path, progress: Progress = silent) -> Project:
    """Read a project; nothing of it runs, and no name in it leads out of it.

    Raises FormatError for a file that is damaged, no project, or of a newer version than this program knows.
    """
    stream, _ = open_file(path)
    with stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                project = _read(path, archive, progress)
        except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, zlib.error) as error:
            raise unreadable(path, str(error)[:200] or type(error).__name__) from error
    return replace(project, document=_with_new_keys(project.document))


def _read(path: Path, archive: zipfile.ZipFile, progress: Progress) -> Project:
    infos = {info.filename: info for info in archive.infolist()}
    told = infos.get("document.json")
    if told is None:
        raise unreadable(path, "it holds no document.json", "This is no project of this program.")
    if told.file_size > MAX_TEXT or sum(info.file_size for info in infos.values()) > MAX_BYTES:
        raise unreadable(path, "it claims to be larger than any project is")
    if any(info.file_size > PACKED_MOST * info.compress_size + 1024 for info in infos.values()):
        raise unreadable(path, "it claims to be larger than what is in it can be")
    told_of = json.loads(archive.read(told))
    if not isinstance(told_of, dict) or not isinstance(told_of.get("format"), int):
        raise unreadable(path, "its document.json is not understood")
    if told_of["format"] > FORMAT:
        hint = "Install the newest version of this program, then open it again. The file was left as it is."
        raise FormatError(f"{path} was saved by a newer version", hint)
    if not isinstance(told_of.get("objects"), list):
        raise unreadable(path, "its document.json lists no objects")
    from partrm_viewer.project_1 import Project1, upgraded

    old = told_of["format"] == 1
    reader = _Reader(path, archive, infos, told_of["objects"], progress)
    project = reader.value(Project1 if old else Project, told_of.get("project"), "project")
    return upgraded(project) if old else project


class _Writer:
    """Lists objects and arrays, each once."""

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []
        self.arrays: list[np.ndarray] = []
        self._places: dict[int, dict[str, int]] = {}  # id -> reference
        self._kept: list[object] = []  # so that no id is used twice

    def plain(self, value: Any) -> Any:
        """Return what stands for a value in JSON."""
        if isinstance(value, np.ndarray) or is_dataclass(value):
            if id(value) not in self._places:
                self._kept.append(value)
                self._places[id(value)] = self._list(value)
            return self._places[id(value)]
        if isinstance(value, tuple | list):
            return [self.plain(item) for item in value]
        if isinstance(value, np.generic):
            return value.item()
        return str(value) if isinstance(value, Path) else value

    def _list(self, value: Any) -> dict[str, int]:
        if isinstance(value, np.ndarray):
            self.arrays.append(value)
            return {"array": len(self.arrays) - 1}
        told = {field.name: self.plain(getattr(value, field.name)) for field in fields(value)}
        self.objects.append(told)
        return {"object": len(self.objects) - 1}


class _Reader:
    """Builds values of the types that are expected, and of no others."""

    def __init__(
        self,
        path: Path,
        archive: zipfile.ZipFile,
        infos: dict[str, zipfile.ZipInfo],
        objects: list[Any],
        progress: Progress,
    ) -> None:
        self.path, self.archive, self.infos, self.told, self.progress = path, archive, infos, objects, progress
        self.objects: dict[int, Any] = {}
        self.arrays: dict[int, np.ndarray] = {}

    def value(self, kind: Any, told: Any, where: str, below: int | None = None) -> Any:
        """Return the value of a type that JSON tells of; objects refer to those before them, so no circle ends here."""
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            if told is None and type(None) in inner:
                return None
            return self.value(next(k for k in inner if k is not type(None)), told, where, below)
        if origin is Literal:
            return told if told in inner else self.wrong(where)
        if origin is tuple:
            if not isinstance(told, list) or (inner[-1] is not Ellipsis and len(inner) != len(told)):
                self.wrong(where)
            kinds = [inner[0]] * len(told) if inner[-1] is Ellipsis else inner
            return tuple(self.value(k, item, where, below) for k, item in zip(kinds, told))
        if kind is np.ndarray:
            return self.array(self.reference(told, "array", where))
        if is_dataclass(kind):
            return self.object(kind, self.reference(told, "object", where), where, below)
        if kind is Path and isinstance(told, str):
            return Path(told)
        if kind is float and isinstance(told, int | float) and not isinstance(told, bool):
            return float(told)
        if kind in (str, int, bool) and type(told) is kind:
            return told
        return self.wrong(where)

    def object(self, kind: Any, at: int, where: str, below: int | None) -> Any:
        """Return an object of the list, made once."""
        if not 0 <= at < len(self.told if below is None else self.told[:below]):
            self.wrong(where)
        if at not in self.objects:
            told, hints = self.told[at], _hints(kind)
            needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
            if not isinstance(told, dict) or not needed <= told.keys() <= hints.keys():
                self.wrong(where)
            made = {name: self.value(hints[name], told[name], f"{where}.{name}", at) for name in told}
            self.check_shapes(kind, made, where)
            self.objects[at] = kind(**made)
            check = CHECKS.get(kind)
            if check is not None and not check(self.objects[at]):
                self.wrong(where)
        if not isinstance(self.objects[at], kind):
            self.wrong(where)
        return self.objects[at]

    def check_shapes(self, kind: type, made: dict[str, Any], where: str) -> None:
        """Refuse arrays whose shapes do not fit one another, or that are not numbers."""
        letters: dict[str, int] = {}
        for name, form in SHAPES.get(kind, {}).items():
            array, (*sides, dtype) = made.get(name), form.split()
            if array is None:
                continue
            fits = array.dtype == dtype and array.ndim == len(sides)
            for side, length in zip(sides, array.shape):
                allowed = [letters.setdefault(side, length)] if side.isalpha() else [int(n) for n in side.split("/")]
                fits &= length in allowed
            if not fits or (array.dtype.kind == "f" and not np.isfinite(array).all()):
                self.wrong(f"{where}.{name}")

    def array(self, at: int) -> np.ndarray:
        """Return an array of the list, read once."""
        if at not in self.arrays:
            for picture in (False, True):
                info = self.infos.get(_name(at, picture))
                if info is not None:
                    self.progress(len(self.arrays) / max(len(self.infos) - 1, 1), f"Reading {self.path.name}")
                    data = self.archive.read(info)
                    self.arrays[at] = _from_png(data) if picture else _from_npy(data)
                    break
            else:
                self.wrong(f"array {at}")
        return self.arrays[at]

    def reference(self, told: Any, to: str, where: str) -> int:
        """Return the number of what is referred to."""
        if not isinstance(told, dict) or told.keys() != {to} or type(told[to]) is not int:
            self.wrong(where)
        return int(told[to])

    def wrong(self, where: str) -> typing.NoReturn:
        """Say which value cannot be."""
        raise unreadable(self.path, f"its {where} is not what it should be")


def _document_fits(document: Document) -> bool:
    if not 0 <= document.active < max(len(document.snapshots), 1):
        return False
    keys: set[int] = {0}
    for snapshot in document.snapshots:
        if snapshot.key in keys or snapshot.parent not in keys:  # what a state was made from comes before it
            return False
        keys.add(snapshot.key)
    return part_fits(document.shown, document.part) and _steps_fit(document)


def part_fits(shown: Snapshot | None, part: Part | None) -> bool:
    """Tell whether a part can be the selected one of the shown state."""
    if part is None:
        return True
    if shown is None or shown.state is None:
        return False
    return part.mask.shape == shown.state.mask.shape and len(part.splats) == len(shown.gaussians)


def _steps_fit(document: Document) -> bool:
    """Tell whether all parts that were pulled lie in the photo and are made of its Gaussians."""
    helds = {id(step.held): step.held for snapshot in document.snapshots for step in snapshot.steps}
    for held in helds.values():
        if held is None:
            continue
        if document.rest is None or min(held.corner_px) < 0:
            return False
        (x, y), (h, w), (high, wide) = held.corner_px, held.mask.shape, document.rest.mask.shape
        if x + w > wide or y + h > high or len(held.splats) not in (0, len(document.rest.gaussians)):
            return False
        if len(held.places) != min(PLACES, int(held.splats.sum())):
            return False
    return True


def _part_fits(part: Part) -> bool:
    return len(part.costs) == len(part.joints) and all(o.mask.shape == part.mask.shape for o in part.outlines)


CHECKS: dict[type, Any] = {
    Document: _document_fits,
    Part: _part_fits,
    Camera: lambda c: min(c.width, c.height) > 0 and min(c.fx, c.fy) > 0,
    State: lambda s: s.mask.shape == (s.camera.height, s.camera.width),
}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _with_new_keys(document: Document) -> Document:
    """Give a Document and its states keys that nothing else in this process has."""
    keys = {0: 0} | {snapshot.key: new_key() for snapshot in document.snapshots}
    snapshots = tuple(replace(s, key=keys[s.key], parent=keys[s.parent]) for s in document.snapshots)
    return replace(document, snapshots=snapshots, key=new_key())


def _name(k: int, picture: bool) -> str:
    return f"arrays/{k:04d}.{'png' if picture else 'npy'}"


def _is_picture(array: np.ndarray) -> bool:
    return array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (3, 4) and array.size > 0


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _from_npy(data: bytes) -> np.ndarray:
    """Read an array; what its header claims is compared with what is there before memory is taken."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError("an array of an unknown kind")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject or int(np.prod(shape, dtype=object)) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError("an array is not as large as it claims")
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))


def _png(array: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _from_png(data: bytes) -> np.ndarray:
    from PIL import Image

    from model.stages.load import MAX_PIXELS

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.mode not in ("RGB", "RGBA") or image.width * image.height > MAX_PIXELS:
                raise ValueError("a picture is not one that this program saves")
            return np.array(image)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"a picture is damaged ({error})") from error
