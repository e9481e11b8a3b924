"""3DGS PLY: what every splat program reads and writes.

One `vertex` element; scales are logarithms, opacities logits, quaternions wxyz, `f_rest` channel by channel
(all red coefficients, then green, then blue). Kerbl et al. 2023 and the files their followers write.
Files go through memory block by block, so that reading and writing take little more of it than the Gaussians.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from model.formats import compressed_ply
from model.formats.cleaning import check_count, cleaned
from model.formats.disk import open_file, unreadable, write_atomically
from model.gaussians import Gaussians

BLOCK = 1 << 20  # bytes of a file that are held at once
LINES = 1 << 14  # the same for text
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

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.properties]

    @property
    def size(self) -> int:  # bytes of all records
        return self.count * sum(np.dtype(kind).itemsize for _, kind in self.properties)


@dataclass(frozen=True)
class _Header:
    order: str  # "<", ">" or "" for ascii
    elements: list[_Element]
    antialiased: bool
    size: int  # bytes

    def element(self, name: str) -> _Element:  # an empty one where the file has none
        return next((e for e in self.elements if e.name == name), _Element(name, 0, []))


def read(path: Path) -> Gaussians:
    """Read a 3DGS PLY, ascii or binary of either byte order, or a compressed one of SuperSplat.

    Properties that it does not know are passed over; `nx` and `f_rest` may be missing. Raises FormatError.
    """
    stream, size = open_file(path)
    with stream:
        try:
            header = _read_header(path, stream)
            vertex = header.element("vertex")
            if "packed_position" in vertex.names:
                return _read_compressed(path, stream, size, header)
            missing = [name for name in NEEDED if name not in vertex.names]
            if missing:
                hint = "Only PLY files of 3D Gaussians can be opened, not meshes or point clouds."
                raise unreadable(path, f"its vertices have no {', '.join(missing)}", hint)
            blocks = _binary_blocks if header.order else _text_blocks
            return _gaussians(path, blocks(path, stream, size, header, vertex), vertex, header.antialiased)
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error


def read_points(path: Path) -> np.ndarray:
    """Read the places of a PLY's vertices, whatever else it holds; (N, 3) float64. Raises FormatError."""
    stream, size = open_file(path)
    with stream:
        try:
            header = _read_header(path, stream)
            vertex = header.element("vertex")
            blocks = _binary_blocks if header.order else _text_blocks
            return _filled(path, blocks(path, stream, size, header, vertex), vertex, [["x", "y", "z"]], np.float64)[0]
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error


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
    return _Header(order, elements, antialiased, stream.tell())


def _check_properties(path: Path, element: _Element) -> None:
    names = element.names
    if element.has_list or len(set(names)) < len(names) or len(names) > MAX_PROPERTIES:
        raise unreadable(path, f"its element '{element.name}' has lists or the same property twice")


def _binary_blocks(
    path: Path, stream: BinaryIO, size: int, header: _Header, element: _Element
) -> Iterator[np.ndarray]:  # (B,) structured
    _check_properties(path, element)
    before = header.elements[: header.elements.index(element)]
    if any(e.has_list for e in before):
        raise unreadable(path, f"it has lists before the element '{element.name}'")
    record = np.dtype([(name, header.order + kind) for name, kind in element.properties])
    start = header.size + sum(e.size for e in before)
    check_count(path, element.count, max(size - start, 0) // record.itemsize)
    stream.seek(start)
    rows = max(BLOCK // record.itemsize, 1)
    for first in range(0, element.count, rows):
        data = stream.read(min(rows, element.count - first) * record.itemsize)
        yield np.frombuffer(data, record, len(data) // record.itemsize)


def _text_blocks(
    path: Path, stream: BinaryIO, size: int, header: _Header, vertex: _Element
) -> Iterator[np.ndarray]:  # (B,) structured
    _check_properties(path, vertex)
    left = size - header.size
    lines_before = sum(e.count for e in header.elements[: header.elements.index(vertex)])
    check_count(path, vertex.count, left // (2 * len(vertex.properties)))  # at least a digit and a space each
    if lines_before > left:
        raise unreadable(path, f"its header claims {lines_before:,} lines before the vertices")
    record = np.dtype([(name, "f8") for name in vertex.names])
    lines = islice(stream, lines_before, lines_before + vertex.count)
    while rows := [line.decode("latin-1") for line in islice(lines, LINES) if line.strip()]:
        try:
            table = np.loadtxt(rows, np.float64, comments=None, ndmin=2)
        except (ValueError, OverflowError) as error:
            raise unreadable(path, f"its numbers are not understood ({str(error)[:100]})") from error
        if table.shape[1] != len(vertex.properties):
            raise unreadable(path, f"its rows have {table.shape[1]} numbers, its header says {len(vertex.properties)}")
        yield np.ascontiguousarray(table).view(record)[:, 0]


def _filled(
    path: Path, blocks: Iterator[np.ndarray], element: _Element, groups: list[list[str]], kind: type[np.generic]
) -> list[np.ndarray]:
    """Gather named columns of an element from its blocks; returns an array (N, len(group)) for each group."""
    missing = [name for group in groups for name in group if name not in element.names]
    if missing:
        raise unreadable(path, f"its element '{element.name}' has no {', '.join(missing[:4])}")
    arrays: list[np.ndarray] = []
    done = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for block in blocks:  # the first one comes after the count was checked: only then is memory taken
            arrays = arrays or [np.empty((element.count, len(group)), kind) for group in groups]
            for array, group in zip(arrays, groups):
                for column, name in enumerate(group):
                    array[done : done + len(block), column] = block[name]
            done += len(block)
    if done < element.count:
        raise unreadable(path, f"it ends after {done:,} of {element.count:,} Gaussians")
    return arrays


def _rest_names(path: Path, names: list[str]) -> list[str]:
    """Return the f_rest that have a place in the program: coefficient by coefficient, red, green and blue of each."""
    per_channel, odd = divmod(sum(re.fullmatch(r"f_rest_\d+", name) is not None for name in names), 3)
    if odd:
        raise unreadable(path, f"{3 * per_channel + odd} f_rest properties are not three equal channels")
    degree = min(int((per_channel + 1) ** 0.5) - 1, 3)
    return [f"f_rest_{c * per_channel + k}" for k in range((degree + 1) ** 2 - 1) for c in range(3)]


def _gaussians(path: Path, blocks: Iterator[np.ndarray], vertex: _Element, antialiased: bool) -> Gaussians:
    groups = [
        ["x", "y", "z"],
        ["rot_0", "rot_1", "rot_2", "rot_3"],
        ["scale_0", "scale_1", "scale_2"],
        ["opacity"],
        ["f_dc_0", "f_dc_1", "f_dc_2", *_rest_names(path, vertex.names)],
    ]
    positions, rotations, scales, logits, sh = _filled(path, blocks, vertex, groups, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is dropped later
        np.exp(scales, out=scales)
        opacities = 1 / (1 + np.exp(-logits[:, 0]))
    return cleaned(path, positions, rotations, scales, opacities, sh.reshape(len(sh), -1, 3), antialiased)


def _read_compressed(path: Path, stream: BinaryIO, size: int, header: _Header) -> Gaussians:
    chunk, vertex, sh = (header.element(name) for name in ("chunk", "vertex", "sh"))
    faults = {
        "is text": not header.order,
        "has no chunks": not chunk.properties,
        "has SH of more than a byte": any(kind != "u1" for _, kind in sh.properties),
    }
    for fault, found in faults.items():
        if found:
            raise unreadable(path, f"it is a compressed PLY, but {fault}")
    chunks, packed = (
        np.concatenate(list(_binary_blocks(path, stream, size, header, element))) for element in (chunk, vertex)
    )
    rest = np.empty((len(packed), 0), np.uint8)
    if sh.properties:
        blocks = _binary_blocks(path, stream, size, header, sh)
        (rest,) = _filled(path, blocks, sh, [_rest_names(path, sh.names)], np.uint8)
    return compressed_ply.unpacked(path, chunks, packed, rest.reshape(len(rest), -1, 3), header.antialiased)


def write(path: Path, gaussians: Gaussians) -> list[str]:
    """Write a binary 3DGS PLY; returns what the format cannot hold: nothing. Raises FormatError."""
    rest = gaussians.sh.shape[1] - 1  # coefficients a channel
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2"]
    names += [f"f_rest_{i}" for i in range(3 * rest)]
    names += ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    header = ["ply", "format binary_little_endian 1.0"]
    header += ["comment SplatRenderMode: mip"] if gaussians.antialiased else []
    header += [f"element vertex {len(gaussians)}", *(f"property float {name}" for name in names), "end_header"]
    rows = BLOCK // (4 * len(names))

    def save(stream: BinaryIO) -> None:
        stream.write(("\n".join(header) + "\n").encode("ascii"))
        for start in range(0, len(gaussians), rows):
            stream.write(_packed(gaussians, slice(start, start + rows)).data)

    write_atomically(path, save)
    return []


def write_points(path: Path, points: np.ndarray) -> None:  # (N, 3)
    """Write places as a binary PLY of float32 vertices. Raises FormatError."""
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [*(f"property float {name}" for name in "xyz"), "end_header"]
    data = ("\n".join(header) + "\n").encode("ascii") + np.asarray(points, "<f4").tobytes()
    write_atomically(path, lambda stream: stream.write(data))


def _packed(gaussians: Gaussians, part: slice) -> np.ndarray:  # (B, 14 + 3 rest) float32
    rest = gaussians.sh.shape[1] - 1
    alpha = np.clip(gaussians.opacities[part].astype(np.float64), 1e-6, 1 - 1e-6)
    table = np.empty((len(alpha), 14 + 3 * rest), "<f4")
    table[:, :3] = gaussians.positions[part]
    table[:, 3:6] = gaussians.sh[part, 0]
    for channel in range(3):
        start = 6 + channel * rest
        table[:, start : start + rest] = gaussians.sh[part, 1:, channel]
    table[:, -8] = np.log(alpha / (1 - alpha))
    table[:, -7:-4] = np.log(np.maximum(gaussians.scales[part], 1e-12))
    table[:, -4:] = gaussians.rotations[part]
    return table
