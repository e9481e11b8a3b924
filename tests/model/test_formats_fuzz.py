"""Thirteen thousand damaged files: every reader gives whole Gaussians or one FormatError, soon and in little memory."""

import base64
import gzip
import json
import logging
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.errors import FormatError
from model.formats import files, ksplat, spz
from tests.model.splat_files import assert_sound, some

MUTATIONS = 1000  # of each kind of file
LONGEST_S = 5.0  # for one file; a machine may be busy
MOST_KB = 400_000  # by which this process may grow
EXTREMES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\xc0\x7f", b"\0\0\x80\x7f"]


def written(folder: Path, ending: str, k: int) -> bytes:
    path = folder / f"good{ending}"
    files.write(path, some(20, k))
    return path.read_bytes()


def text_ply(folder: Path) -> bytes:
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", *(f"scale_{i}" for i in range(3))]
    names += [f"rot_{i}" for i in range(4)]
    head = ["ply", "format ascii 1.0", "element vertex 20", *(f"property float {name}" for name in names), "end_header"]
    rows = np.random.default_rng(0).standard_normal((20, len(names)))
    return "\n".join([*head, *(" ".join(f"{value:.4f}" for value in row) for row in rows), ""]).encode()


def big_endian_ply(folder: Path) -> bytes:
    head, body = written(folder, ".ply", 1).split(b"end_header\n", 1)
    head = head.replace(b"binary_little_endian", b"binary_big_endian")
    return head + b"end_header\n" + np.frombuffer(body, "<f4").astype(">f4").tobytes()


def compressed_ply(folder: Path) -> bytes:
    bounds = ["min_x", "min_y", "min_z", "max_x", "max_y", "max_z"]
    bounds += ["min_scale_x", "min_scale_y", "min_scale_z", "max_scale_x", "max_scale_y", "max_scale_z"]
    words = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]
    head = ["ply", "format binary_little_endian 1.0", "element chunk 1", *(f"property float {name}" for name in bounds)]
    head += ["element vertex 20", *(f"property uint {name}" for name in words), "end_header", ""]
    chunk = np.array([-1, -1, -1, 1, 1, 1, -5, -5, -5, -3, -3, -3], "<f4")
    packed = np.random.default_rng(0).integers(0, 1 << 32, (20, 4), dtype=np.uint32)
    return "\n".join(head).encode() + chunk.tobytes() + packed.astype("<u4").tobytes()


def old_spz(folder: Path) -> bytes:
    path = folder / "good.spz"
    spz.write(path, some(20, 4), version=2)
    return path.read_bytes()


def inner_spz(folder: Path) -> bytes:
    return gzip.decompress(written(folder, ".spz", 16))  # unpacked files are read, too: damage goes deeper


def text_gltf(folder: Path) -> bytes:
    raw = written(folder, ".glb", 4)
    length = int.from_bytes(raw[12:16], "little")
    top = json.loads(raw[20 : 20 + length])
    data = raw[28 + length :]
    top["buffers"] = [{"byteLength": len(data), "uri": "data:a/b;base64," + base64.b64encode(data).decode()}]
    return json.dumps(top).encode()


def made_ksplat(folder: Path) -> bytes:
    header, section = np.zeros(1, ksplat.HEADER), np.zeros(1, ksplat.SECTION)
    header["minor"], header["sections"], header["count"] = 1, 1, 20
    section["count"] = section["room"] = 20
    body = np.random.default_rng(0).uniform(0.1, 1, (20, 11)).astype("<f4")
    return header.tobytes() + section.tobytes() + body.tobytes()


KINDS: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "PLY": (".ply", lambda folder: written(folder, ".ply", 1)),
    "PLY with SH": (".ply", lambda folder: written(folder, ".ply", 16)),
    "text PLY": (".ply", text_ply),
    "big endian PLY": (".ply", big_endian_ply),
    "compressed PLY": (".ply", compressed_ply),
    "splat": (".splat", lambda folder: written(folder, ".splat", 1)),
    "SPZ 3": (".spz", lambda folder: written(folder, ".spz", 16)),
    "SPZ 2": (".spz", old_spz),
    "SPZ unpacked": (".spz", inner_spz),
    "SOG": (".sog", lambda folder: written(folder, ".sog", 4)),
    "GLB": (".glb", lambda folder: written(folder, ".glb", 4)),
    "glTF": (".gltf", text_gltf),
    "ksplat": (".ksplat", made_ksplat),
}


def damaged(raw: bytes, rng: np.random.Generator) -> bytes:
    """Flip bytes, put extreme words, cut, or repeat a piece; headers are hit as often as all the rest."""
    data = bytearray(raw)
    for _ in range(rng.integers(1, 5)):
        within = min(len(data), 400) if rng.random() < 0.5 else len(data)
        at = int(rng.integers(0, max(within, 1)))
        match rng.integers(0, 5):
            case 0 | 1:
                data[at : at + 1] = rng.bytes(1)
            case 2:
                data[at : at + 4] = EXTREMES[rng.integers(0, len(EXTREMES))]
            case 3:
                del data[at : at + int(rng.integers(1, len(data) + 1))]
            case _:
                data[at:at] = data[at : at + int(rng.integers(1, 200))]
    return bytes(data)


def grown_kb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused_never_worse(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.ERROR)  # what is dropped is said, thousands of times
    ending, make = KINDS[kind]
    raw = make(tmp_path)
    path = tmp_path / f"damaged{ending}"
    path.write_bytes(raw)
    assert len(files.read(path)) == 20
    rng = np.random.default_rng(1)
    before = grown_kb()
    refused = 0
    for _ in range(MUTATIONS):
        path.write_bytes(damaged(raw, rng))
        start = time.monotonic()
        try:
            g = files.read(path)
        except FormatError as error:
            assert error.title and error.hint
            refused += 1
        else:
            assert_sound(g)
        assert time.monotonic() - start < LONGEST_S
    assert refused > 0
    assert grown_kb() - before < MOST_KB
