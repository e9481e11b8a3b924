"""glTF 2.0 (.glb, .gltf) with KHR_gaussian_splatting, the extension that Khronos ratified for 3D Gaussians.

Points with attributes: rotations xyzw, scales linear, opacities after the sigmoid, harmonics as 3DGS has them (order
m = -l..l, colour = 0.5 + sum, so the 0.5 is not in the file), display sRGB; COLOR_0, linear light, is only for programs
that know no Gaussians. glTF's world is y up in metres, as ours is: nothing is turned on the way in or out. Programs
that take PLY files to stand on their heads (splat-transform) turn them by 180 degrees about z between PLY and glTF.
https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Khronos/KHR_gaussian_splatting
"""

from __future__ import annotations

import base64
import json
import logging
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

import numpy as np

from model.errors import FormatError
from model.formats.cleaning import check_count, cleaned
from model.formats.disk import open_file, unreadable, write_atomically
from model.gaussians import (
    Gaussians,
    concatenate,
    matrix_from_quaternion,
    quaternion_from_matrix,
    quaternion_multiply,
    sh_basis,
)

EXTENSION = "KHR_gaussian_splatting"
LOOK = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}  # what the renderers draw
HINTS = {"projection": "perspective", "sortingMethod": "cameraDistance"}  # the only ones that the extension knows
MAX_JSON = 64 << 20  # bytes
MAX_GLB = 0xFFFFFFFF  # bytes; its header has 32 bits for them
HEAD = struct.Struct("<4sIII4s")  # magic, version, length of all, length of the JSON, kind of the first chunk
TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
HARMONICS = [f"{EXTENSION}:SH_DEGREE_{d}_COEF_{n}" for d in range(4) for n in range(2 * d + 1)]
ARRAY_BUFFER, POINTS = 34962, 0

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Document:
    path: Path
    top: dict[str, Any]  # the JSON
    binary: bytes | None  # a .glb's BIN chunk
    buffers: dict[int, bytes] = field(default_factory=dict)  # those read so far

    def items(self, holder: dict[str, Any], key: str) -> list[Any]:
        """Return a list, empty where there is none."""
        values = holder.get(key, [])
        if not isinstance(values, list):
            raise unreadable(self.path, f"'{key}' is not a list")
        return values

    def item(self, kind: str, index: object) -> dict[str, Any]:
        """Return one object of a list at the top, such as accessors."""
        values = self.items(self.top, kind)
        if type(index) is not int or not 0 <= index < len(values) or not isinstance(values[index], dict):
            raise unreadable(self.path, f"it names one of its {kind} that is not there")
        return values[index]

    def whole(self, holder: dict[str, Any], key: str, default: int | None = None) -> int:
        """Return a whole number from 0 up to the largest that JSON keeps exact."""
        value = holder.get(key, default)
        if type(value) is not int or not 0 <= value < 1 << 53:
            raise unreadable(self.path, f"'{key}' is not a whole number")
        return value

    def numbers(self, node: dict[str, Any], key: str, default: list[float]) -> np.ndarray:
        """Return as many numbers of a node as the default has, (len(default),) float64."""
        values = self.items(node, key) if key in node else default
        if len(values) != len(default) or not all(type(v) in (int, float) and abs(v) < 1e9 for v in values):
            raise unreadable(self.path, f"a node's {key} is not {len(default)} finite numbers")
        return np.array(values, np.float64)


def read(path: Path) -> Gaussians:
    """Read all Gaussians of a glTF file's scene, each primitive where its node puts it.

    Buffers lie in the file, or beside it and never outside its folder. Raises FormatError.
    """
    try:
        document = _open(path)
        placed = _primitives(document)
        accessors = [document.item("accessors", primitive["attributes"].get("POSITION")) for primitive, _ in placed]
        counts = [document.whole(accessor, "count") for accessor in accessors]
        if not placed:
            hint = "Only glTF files of 3D Gaussians can be opened, not meshes."
            raise unreadable(path, f"its scene has no points with {EXTENSION}", hint)
        check_count(path, sum(counts), sum(counts))  # many nodes may show one mesh
        with np.errstate(all="ignore"):  # what is not finite is dropped below
            parts = [_placed(path, _gaussians(document, p, n), T) for (p, T), n in zip(placed, counts, strict=True)]
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    g = concatenate(parts) if len(parts) > 1 else parts[0]
    return cleaned(path, g.positions, g.rotations, g.scales, g.opacities, g.sh)


def _open(path: Path) -> _Document:
    stream, size = open_file(path)
    with stream:
        is_text = path.suffix.lower() == ".gltf"
        text, binary = (stream.read(MAX_JSON + 1), None) if is_text else _chunks(path, stream, size)
    if len(text) > MAX_JSON:
        raise unreadable(path, f"more than {MAX_JSON:,} bytes are too many for its JSON", "Save it as .glb.")
    try:
        top = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"its JSON is not understood ({str(error)[:100]})") from error
    if not isinstance(top, dict):
        raise unreadable(path, "its JSON is not an object")
    return _Document(path, top, binary)


def _chunks(path: Path, stream: BinaryIO, size: int) -> tuple[bytes, bytes | None]:
    """Return a .glb's JSON, one byte too much where it is too long, and its BIN chunk."""
    magic, version, length, json_bytes, kind = HEAD.unpack(stream.read(HEAD.size).ljust(HEAD.size, b"\0"))
    if (magic, version, kind) != (b"glTF", 2, b"JSON"):
        raise unreadable(path, "it does not begin as a .glb of version 2", "This is not a GLB file: check its ending.")
    left = min(length, size) - HEAD.size - json_bytes
    if length > size or left < 0:
        raise unreadable(path, f"its header claims {length:,} bytes, {json_bytes:,} of them JSON; it has {size:,}")
    text = stream.read(min(json_bytes, MAX_JSON + 1))
    binary_bytes, kind = struct.unpack("<I4s", stream.read(8).ljust(8, b"\0"))
    if kind != b"BIN\0":
        return text, None
    if binary_bytes > left - 8:
        raise unreadable(path, f"its header claims {binary_bytes:,} bytes of data, there are {left - 8:,}")
    return text, stream.read(binary_bytes)


def _primitives(document: _Document) -> list[tuple[dict[str, Any], np.ndarray]]:
    """Return every primitive of Gaussians in the scene with the (4, 4) matrix of its node."""
    scene = document.item("scenes", document.top.get("scene", 0))
    queue = [(index, np.eye(4)) for index in document.items(scene, "nodes")]
    seen: set[int] = set()
    found = []
    for index, T_world_parent in queue:  # grows while it is walked
        node = document.item("nodes", index)
        if index in seen:
            raise unreadable(document.path, f"node {index} hangs in its scene twice")
        seen.add(index)
        with np.errstate(all="ignore"):
            T = T_world_parent @ _matrix(document, node)
        queue += [(child, T) for child in document.items(node, "children")]
        mesh = document.item("meshes", node["mesh"]) if "mesh" in node else {}
        found += [(p, T) for p in document.items(mesh, "primitives") if _has_gaussians(document, p)]
    return found


def _matrix(document: _Document, node: dict[str, Any]) -> np.ndarray:
    """Return a node's own (4, 4) transform."""
    T = document.numbers(node, "matrix", np.eye(4).ravel().tolist()).reshape(4, 4).T  # the file has columns
    if "matrix" not in node:
        q = document.numbers(node, "rotation", [0, 0, 0, 1])[[3, 0, 1, 2]]
        R = matrix_from_quaternion(q / max(np.linalg.norm(q), 1e-12))
        T[:3, :3] = R * document.numbers(node, "scale", [1, 1, 1])
        T[:3, 3] = document.numbers(node, "translation", [0, 0, 0])
    return T


def _has_gaussians(document: _Document, primitive: object) -> bool:
    """Tell whether a primitive carries the extension; refuse one that carries it and is no points."""
    extensions = primitive.get("extensions") if isinstance(primitive, dict) else None
    if not isinstance(primitive, dict) or not isinstance(extensions, dict) or EXTENSION not in extensions:
        return False
    if primitive.get("mode", 4) != POINTS or not isinstance(primitive.get("attributes"), dict):
        raise unreadable(document.path, f"a primitive with {EXTENSION} is not made of points with attributes")
    look = extensions[EXTENSION] if isinstance(extensions[EXTENSION], dict) else {}
    for key, known in LOOK.items():
        if look.get(key, known) != known:
            log.warning("%s: its %s is not %s but is drawn as if it were", document.path, key, known)
    return True


def _gaussians(document: _Document, primitive: dict[str, Any], count: int) -> Gaussians:
    """Return one primitive's Gaussians as they stand in the file: not cleaned, not yet placed."""
    attributes = primitive["attributes"]

    def column(name: str, kind: str) -> np.ndarray:  # (count, WIDTHS[kind]) float32
        if name not in attributes:
            raise unreadable(document.path, f"its Gaussians have no {name}")
        return _accessor(document, document.item("accessors", attributes[name]), name, kind, count)

    degree = max((d for d in range(4) if not attributes.keys().isdisjoint(HARMONICS[d * d : (d + 1) ** 2])), default=0)
    return Gaussians(
        column("POSITION", "VEC3"),
        column(f"{EXTENSION}:ROTATION", "VEC4")[:, [3, 0, 1, 2]],
        column(f"{EXTENSION}:SCALE", "VEC3"),
        column(f"{EXTENSION}:OPACITY", "SCALAR")[:, 0],
        np.stack([column(name, "VEC3") for name in HARMONICS[: (degree + 1) ** 2]], axis=1),
    )


def _accessor(document: _Document, accessor: dict[str, Any], name: str, kind: str, count: int) -> np.ndarray:
    """Return an accessor's elements, (count, WIDTHS[kind]) float32, normalised where it says so."""
    path, component = document.path, document.whole(accessor, "componentType")
    if component not in TYPES or accessor.get("type") != kind or document.whole(accessor, "count") != count:
        raise unreadable(path, f"its {name} is not {count:,} times {kind}")
    if "sparse" in accessor or "bufferView" not in accessor:
        hint = "Save it again without compression and without sparse accessors."
        raise unreadable(path, f"its {name} is sparse or compressed", hint)
    view = document.item("bufferViews", accessor["bufferView"])
    data = _buffer(document, document.whole(view, "buffer"))
    dtype = np.dtype(TYPES[component])
    size = WIDTHS[kind] * dtype.itemsize
    stride = document.whole(view, "byteStride", size)
    start, length = document.whole(view, "byteOffset", 0), document.whole(view, "byteLength")
    offset = document.whole(accessor, "byteOffset", 0)
    if start + length > len(data) or stride < size:
        raise unreadable(path, f"the data of its {name} lie outside of the file or overlap")
    check_count(path, count, (length - offset - size) // stride + 1 if length - offset >= size else 0)
    values = np.ndarray((count, WIDTHS[kind]), dtype, data, start + offset, (stride, dtype.itemsize))
    if accessor.get("normalized") is True and dtype.kind in "iu":
        return np.maximum(values.astype(np.float32) / np.float32(np.iinfo(dtype).max), -1, dtype=np.float32)
    return values.astype(np.float32)


def _buffer(document: _Document, index: int) -> bytes:
    """Return a buffer's bytes: the BIN chunk, what a data: URI holds, or a file in the same folder."""
    if index not in document.buffers:
        buffer = document.item("buffers", index)
        length, uri = document.whole(buffer, "byteLength"), buffer.get("uri")
        data = _load(document.path, uri, length) if isinstance(uri, str) else document.binary
        if data is None or length > len(data) or (index > 0 and "uri" not in buffer):
            raise unreadable(document.path, f"its buffer {index} is not there or shorter than {length:,} bytes")
        document.buffers[index] = data
    return document.buffers[index]


def _load(path: Path, uri: str, length: int) -> bytes:
    if match := re.match(r"data:[^,]{0,200};base64,", uri):
        try:
            return base64.b64decode(uri[match.end() :], validate=True)
        except ValueError as error:
            raise unreadable(path, "its data: URI is not base64") from error
    try:
        beside = (path.parent / unquote(uri)).resolve()
        inside = ":" not in uri and beside.is_relative_to(path.parent.resolve())
    except (OSError, ValueError, RuntimeError):  # a zero byte, a name too long, links in a circle
        inside = False
    if not inside:
        hint = "Only files in the folder of the .gltf are opened: put them there, or save it as .glb."
        raise unreadable(path, f"its data lie elsewhere ({uri[:60]!r})", hint)
    try:
        stream, size = open_file(beside)
    except FormatError as error:
        raise unreadable(path, f"its data ({uri[:60]!r}) cannot be read", error.hint) from error
    with stream:
        return stream.read(min(length, size, MAX_GLB))


def _placed(path: Path, g: Gaussians, T: np.ndarray) -> Gaussians:
    """Put Gaussians where a (4, 4) matrix of rotation, translation and one scale says; turns the harmonics, too."""
    if np.array_equal(T, np.eye(4)):
        return g
    scale = np.linalg.norm(T[:3, 0])
    R = T[:3, :3] / scale
    if not np.abs(R.T @ R - np.eye(3)).max() < 1e-3 or np.linalg.det(R) < 0:  # not: NaN is refused, too
        raise unreadable(path, "a node mirrors or stretches its Gaussians", "Apply the node's scale before saving.")
    positions = (g.positions @ T[:3, :3].T + T[:3, 3]).astype(np.float32)
    rotations = quaternion_multiply(quaternion_from_matrix(R), g.rotations)
    sh = _turn(R, g.sh.shape[1]).astype(np.float32) @ g.sh
    return Gaussians(positions, rotations, g.scales * np.float32(scale), g.opacities, sh)


def _turn(R: np.ndarray, count: int) -> np.ndarray:
    """Return the (count, count) matrix that turns harmonics by R (3, 3), found by looking in many directions."""
    directions = np.random.default_rng(0).standard_normal((64, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    after, before = (sh_basis(d, count) for d in (directions, directions @ R))  # colour'(d) = colour(R^T d)
    return np.linalg.lstsq(after, before, rcond=None)[0]


def write(path: Path, gaussians: Gaussians) -> list[str]:
    """Write a .glb of float32 attributes, in the order given; returns what the format cannot hold.

    Raises FormatError where the file cannot be written, would be above 4 GiB, or nothing finite is left to write.
    """
    columns = _columns(gaussians)
    finite = np.logical_and.reduce([np.isfinite(column).all(axis=1) for column in columns.values()])  # (N,)
    if not finite.any():
        raise FormatError(f"Cannot write {path}: there is no finite Gaussian", "Save at least one Gaussian.")
    report = ["The antialiased flag dropped: glTF has no place for it."] if gaussians.antialiased else []
    if not finite.all():
        columns = {name: column[finite] for name, column in columns.items()}
        report.append(f"{int((~finite).sum()):,} Gaussians that are not finite dropped: glTF allows none.")
    text = json.dumps(_json(columns), separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    size = sum(column.nbytes for column in columns.values())  # a multiple of 4
    total = HEAD.size + len(text) + 8 + size
    if total > MAX_GLB:
        raise FormatError(f"Cannot write {path}: a .glb holds at most 4 GiB", "Save it as .ply.")

    def pour(stream: BinaryIO) -> None:
        stream.write(HEAD.pack(b"glTF", 2, total, len(text), b"JSON") + text + struct.pack("<I4s", size, b"BIN\0"))
        for column in columns.values():  # one at a time: a copy of all would double the memory
            stream.write(column.astype(column.dtype.newbyteorder("<")).tobytes())

    write_atomically(path, pour)
    return report


def _columns(g: Gaussians) -> dict[str, np.ndarray]:
    """Return the attributes by name, each (N, 1), (N, 3) or (N, 4), float32 or uint8."""
    shown = g.colours
    light = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    rgba = np.nan_to_num(np.concatenate([light, g.opacities[:, None]], axis=1))
    return {
        "POSITION": g.positions,
        "COLOR_0": np.round(rgba * 255).astype(np.uint8),
        f"{EXTENSION}:ROTATION": g.rotations[:, [1, 2, 3, 0]],
        f"{EXTENSION}:SCALE": g.scales,
        f"{EXTENSION}:OPACITY": g.opacities[:, None],
        **{name: g.sh[:, k] for k, name in enumerate(HARMONICS[: g.sh.shape[1]])},
    }


def _json(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Describe the attributes, which follow one another in one buffer."""
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []
    end = 0
    for i, column in enumerate(columns.values()):
        views.append({"buffer": 0, "byteOffset": end, "byteLength": column.nbytes, "target": ARRAY_BUFFER})
        kind = next(kind for kind, width in WIDTHS.items() if width == column.shape[1])
        component = {"componentType": 5121, "normalized": True} if column.dtype == np.uint8 else {"componentType": 5126}
        accessors.append({"bufferView": i, "type": kind, "count": len(column), **component})
        end += column.nbytes
    accessors[0] |= {key: getattr(columns["POSITION"], key)(axis=0).tolist() for key in ("min", "max")}
    attributes = {name: i for i, name in enumerate(columns)}
    primitive = {"attributes": attributes, "mode": POINTS, "extensions": {EXTENSION: {**LOOK, **HINTS}}}
    scene = {"scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "meshes": [{"primitives": [primitive]}]}
    data = {"accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": end}]}
    asset = {"version": "2.0", "generator": "partrm-viewer"}
    return {"asset": asset, "extensionsUsed": [EXTENSION], **scene, **data}
