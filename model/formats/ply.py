"""3DGS PLY: what every splat program reads and writes.

One `vertex` element; scales are logarithms, opacities logits, quaternions wxyz, `f_rest` channel by channel
(all red coefficients, then green, then blue). Kerbl et al. 2023 and the files their followers write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from model.formats.cleaning import check_count, cleaned
from model.formats.disk import open_file, unreadable, write_atomically
from model.gaussians import Gaussians

MAX_HEADER = 1 << 20  # bytes
MAX_PROPERTIES = 4096  # a vertex
MIP = re.compile(r"splatrendermode:\s*mip|antialiased:?\s*(1|true)", re.IGNORECASE)
NEEDED = ("x", "y", "z", "f_dc_0", "opacity", "scale_0", "rot_0")
TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"float": "f4", "double": "f8"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float32": "f4", "float64": "f8"},
}


@dataclass
class _Element:
    name: str
    count: int
    properties: list[tuple[str, str]]  # (name, NumPy type without byte order)
    has_list: bool = False


@dataclass(frozen=True)
class _Header:
    order: str  # "<", ">" or "" for ascii
    elements: list[_Element]
    antialiased: bool


def read(path: Path) -> Gaussians:
    """Read a 3DGS PLY, ascii or binary of either byte order; properties it does not know are passed over.

    `nx` and `f_rest` may be missing. Raises FormatError.
    """
    stream, size = open_file(path)
    with stream:
        try:
            header = _read_header(path, stream)
            vertices = _read_vertices(path, stream, size, header)
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error
    return _gaussians(path, vertices, header.antialiased)


def _read_header(path: Path, stream: BinaryIO) -> _Header:
    if stream.readline(16).strip() != b"ply":
        raise unreadable(path, "it does not begin with 'ply'", "This is not a PLY file: check its ending.")
    order: str | None = None
    elements: list[_Element] = []
    antialiased = False
    while True:
        raw = stream.readline(MAX_HEADER)
        if not raw or stream.tell() > MAX_HEADER:
            raise unreadable(path, "its header has no end")
        line = raw.decode("latin-1").strip()
        match line.split():
            case ["end_header"]:
                break
            case ["comment" | "obj_info", *_]:
                antialiased |= MIP.search(line) is not None
            case ["format", ("ascii" | "binary_little_endian" | "binary_big_endian") as kind, *_]:
                order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[kind]
            case ["element", name, count] if count.isascii() and count.isdigit() and len(count) < 19:
                elements.append(_Element(name, int(count), []))
            case ["property", "list", _, _, _] if elements:
                elements[-1].has_list = True
            case ["property", kind, name] if elements and kind in TYPES:
                elements[-1].properties.append((name, TYPES[kind]))
            case []:
                continue
            case _:
                raise unreadable(path, f"its header is not understood at '{line[:60]}'")
    if order is None:
        raise unreadable(path, "its header names no format")
    return _Header(order, elements, antialiased)


def _read_vertices(path: Path, stream: BinaryIO, size: int, header: _Header) -> np.ndarray:
    """Return the vertex element as a structured array, (N,)."""
    vertex = next((e for e in header.elements if e.name == "vertex"), None)
    before = header.elements[: header.elements.index(vertex)] if vertex else []
    names = [name for name, _ in vertex.properties] if vertex else []
    if "packed_position" in names:
        hint = "Open it in SuperSplat and save it as an uncompressed PLY."
        raise unreadable(path, "it is a compressed PLY, which is not supported", hint)
    if vertex is None or not set(NEEDED) <= set(names):
        missing = [name for name in NEEDED if name not in names]
        hint = "Only PLY files of 3D Gaussians can be opened, not meshes or point clouds."
        raise unreadable(path, f"its vertices have no {', '.join(missing)}", hint)
    if vertex.has_list or len(set(names)) < len(names) or len(names) > MAX_PROPERTIES:
        raise unreadable(path, "its vertices have lists or the same property twice")
    left = size - stream.tell()
    if not header.order:
        return _read_ascii(path, stream, left, vertex, sum(e.count for e in before))
    if any(e.has_list for e in before):
        raise unreadable(path, "it has lists before the vertices")
    skip = sum(e.count * _record(e, header.order).itemsize for e in before)
    record = _record(vertex, header.order)
    check_count(path, vertex.count, max(left - skip, 0) // record.itemsize)
    stream.seek(skip, 1)
    data = np.fromfile(stream, record, vertex.count)
    if len(data) < vertex.count:
        raise unreadable(path, f"it ends after {len(data):,} of {vertex.count:,} Gaussians")
    return data


def _record(element: _Element, order: str) -> np.dtype:
    return np.dtype([(name, order + kind) for name, kind in element.properties])


def _read_ascii(path: Path, stream: BinaryIO, left: int, vertex: _Element, lines_before: int) -> np.ndarray:
    check_count(path, vertex.count, left // (2 * len(vertex.properties)))  # at least a digit and a space each
    if lines_before > left:
        raise unreadable(path, f"its header claims {lines_before:,} lines before the vertices")
    lines = islice(stream, lines_before, lines_before + vertex.count)
    rows = [line.decode("latin-1") for line in lines if line.strip()]
    if len(rows) < vertex.count:
        raise unreadable(path, f"it ends after {len(rows):,} of {vertex.count:,} Gaussians")
    try:
        table = np.loadtxt(rows, np.float64, comments=None, ndmin=2)
    except (ValueError, OverflowError) as error:
        raise unreadable(path, f"its numbers are not understood ({str(error)[:100]})") from error
    if table.shape[1] != len(vertex.properties):
        raise unreadable(path, f"its rows have {table.shape[1]} numbers, its header says {len(vertex.properties)}")
    return np.rec.fromarrays(table.T, [(name, "f8") for name, _ in vertex.properties])


def _gaussians(path: Path, vertices: np.ndarray, antialiased: bool) -> Gaussians:
    names = vertices.dtype.names or ()

    def columns(*wanted: str) -> np.ndarray:  # (N, len(wanted)) float32
        missing = [name for name in wanted if name not in names]
        if missing:
            raise unreadable(path, f"its vertices have no {', '.join(missing[:4])}")
        with np.errstate(over="ignore"):
            return np.stack([vertices[name] for name in wanted], axis=1, dtype=np.float32, casting="unsafe")

    per_channel, odd = divmod(sum(re.fullmatch(r"f_rest_\d+", name) is not None for name in names), 3)
    if odd:
        raise unreadable(path, f"{3 * per_channel + odd} f_rest properties are not three equal channels")
    degree = min(int((per_channel + 1) ** 0.5) - 1, 3)  # higher bands have no place in the program
    keep = (degree + 1) ** 2 - 1
    sh = columns(*(f"f_dc_{c}" for c in range(3)))[:, None]
    if keep:
        rest = columns(*(f"f_rest_{c * per_channel + k}" for k in range(keep) for c in range(3)))
        sh = np.concatenate([sh, rest.reshape(-1, keep, 3)], axis=1)
    with np.errstate(over="ignore"):
        scales = np.exp(columns("scale_0", "scale_1", "scale_2"))
        opacities = 1 / (1 + np.exp(-columns("opacity")[:, 0]))
    rotations = columns("rot_0", "rot_1", "rot_2", "rot_3")
    return cleaned(path, columns("x", "y", "z"), rotations, scales, opacities, sh, antialiased)


def write(path: Path, gaussians: Gaussians, f_rest: bool = False) -> list[str]:
    """Write a binary 3DGS PLY; f_rest pads to SH degree 3, which some viewers insist on.

    Returns what the format cannot hold (nothing). Raises FormatError where the file cannot be written.
    """
    n = len(gaussians)
    rest = gaussians.sh[:, 1:]  # (N, K - 1, 3)
    if f_rest:
        rest = np.pad(rest, ((0, 0), (0, 15 - rest.shape[1]), (0, 0)))
    alpha = np.clip(gaussians.opacities.astype(np.float64), 1e-6, 1 - 1e-6)
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2"]
    names += [f"f_rest_{i}" for i in range(3 * rest.shape[1])]
    names += ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    columns = [
        gaussians.positions,
        gaussians.sh[:, 0],
        rest.transpose(0, 2, 1).reshape(n, -1),
        np.log(alpha / (1 - alpha))[:, None],
        np.log(np.maximum(gaussians.scales, 1e-12)),
        gaussians.rotations,
    ]
    data = np.concatenate(columns, axis=1, dtype=np.dtype("<f4"), casting="unsafe")
    header = ["ply", "format binary_little_endian 1.0"]
    header += ["comment SplatRenderMode: mip"] if gaussians.antialiased else []
    header += [f"element vertex {n}", *(f"property float {name}" for name in names), "end_header"]
    text = ("\n".join(header) + "\n").encode("ascii")
    write_atomically(path, lambda stream: (stream.write(text), stream.write(data.tobytes())))
    return []
