""".ksplat 0.1: sections of fixed-size splats, read only (Kellogg, GaussianSplats3D, `SplatBuffer`).

Level 0 holds floats. Levels 1 and 2 hold halves, and positions as 16-bit steps around the centre of a bucket of splats;
level 2 holds SH in 8 bits. Colour and opacity have 8 bits everywhere. Its own program knows SH up to degree 2;
degree 3 is read as splat-transform reads it.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from model.formats.cleaning import check_count, cleaned
from model.formats.disk import open_file, unreadable
from model.gaussians import SH_C0, Gaussians

COEFFICIENTS = (0, 3, 8, 15)  # beyond the constant, by SH degree
HEADER = np.dtype(
    {
        "names": ["major", "minor", "sections", "count", "level", "sh_range"],
        "formats": ["u1", "u1", "<u4", "<u4", "<u2", ("<f4", 2)],
        "offsets": [0, 1, 4, 16, 20, 36],
        "itemsize": 4096,
    }
)
SECTION = np.dtype(
    {
        "names": ["count", "room", "bucket_size", "buckets", "block", "bucket_bytes", "steps", "full", "partial", "sh"],
        "formats": ["<u4", "<u4", "<u4", "<u4", "<f4", "<u2", "<u4", "<u4", "<u4", "<u2"],
        "offsets": [0, 4, 8, 12, 16, 20, 24, 32, 36, 40],
        "itemsize": 1024,
    }
)
SH_RANGE = (-1.5, 1.5)  # where the header has zeros
STEPS = 32767  # a half block, where the section has zero


def read(path: Path) -> Gaussians:
    """Read a .ksplat file of any compression level. Raises FormatError."""
    stream, size = open_file(path)
    with stream:
        try:
            return _gaussians(path, stream, size)
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error


def _gaussians(path: Path, stream: BinaryIO, size: int) -> Gaussians:
    if size < HEADER.itemsize:
        raise unreadable(path, f"{size:,} bytes are less than its header")
    header = np.fromfile(stream, HEADER, 1)[0]
    if header["major"] != 0 or header["minor"] < 1 or header["level"] > 2:
        version = f"version {header['major']}.{header['minor']}, level {header['level']}"
        raise unreadable(path, f"it is no .ksplat of version 0.1 and level 0 to 2 ({version})")
    count = int(header["sections"])
    if count > (size - HEADER.itemsize) // SECTION.itemsize:
        raise unreadable(path, f"its header claims {count:,} sections, the file has no room for them")
    sections = np.fromfile(stream, SECTION, count)
    if sections["sh"].max(initial=0) > 3 or (sections["count"] > sections["room"]).any():
        raise unreadable(path, "its sections claim more Gaussians or a higher SH degree than they can have")
    total = int(sections["count"].sum(dtype=np.int64))
    check_count(path, total, size // _record(2, 0).itemsize)
    if total != header["count"]:
        raise unreadable(path, f"its header claims {header['count']:,} Gaussians, its sections {total:,}")
    most = COEFFICIENTS[sections["sh"].max()]
    sh_range = np.where(header["sh_range"] == 0, SH_RANGE, header["sh_range"])  # (2,)
    parts = [_section(path, stream, size, section, int(header["level"]), sh_range) for section in sections]
    parts = [(*columns, np.pad(sh, ((0, 0), (0, most - sh.shape[1]), (0, 0)))) for *columns, sh in parts]
    positions, rotations, scales, rgba, rest = (np.concatenate(column) for column in zip(*parts))
    colours = rgba.astype(np.float32) / 255
    sh = np.concatenate([(colours[:, None, :3] - 0.5) / np.float32(SH_C0), rest], axis=1)
    return cleaned(path, positions, rotations, scales, colours[:, 3], sh)


def _record(level: int, degree: int) -> np.dtype:
    """Return how one splat lies in the file."""
    floats = "<f2" if level else "<f4"
    position = "<u2" if level else "<f4"
    fields = [("position", position, 3), ("scale", floats, 3), ("rotation", floats, 4), ("rgba", "u1", 4)]
    return np.dtype([*fields, ("sh", "u1" if level == 2 else floats, 3 * COEFFICIENTS[degree])])


def _section(
    path: Path, stream: BinaryIO, size: int, section: np.void, level: int, sh_range: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Read one section and stop behind it.

    Returns positions (N, 3), rotations (N, 4) wxyz, scales (N, 3), colours (N, 4) uint8 and SH beyond the
    constant (N, K - 1, 3), all but the colours float32.
    """
    record = _record(level, int(section["sh"]))
    count, room, buckets, partial = (int(section[key]) for key in ("count", "room", "buckets", "partial"))
    place = stream.tell()
    data_place = place + 4 * partial + int(section["bucket_bytes"]) * buckets
    end = data_place + record.itemsize * room
    if end > size:
        raise unreadable(path, f"it ends after {size:,} bytes, a section of it at {end:,}")
    if level and (section["bucket_bytes"] != 12 or section["full"] + partial > buckets):
        raise unreadable(path, "the buckets of a section do not fit together")
    lengths = np.fromfile(stream, "<u4", partial)
    centres = np.fromfile(stream, "<f4", 3 * buckets if level else 0).reshape(-1, 3)
    stream.seek(data_place)
    data = np.fromfile(stream, record, count)
    stream.seek(end)
    if len(data) < count:
        raise unreadable(path, f"it ends after {len(data):,} of {count:,} Gaussians of a section")
    positions = data["position"].astype(np.float32)
    if level:
        sizes = np.concatenate([np.full(section["full"], section["bucket_size"], np.int64), lengths])
        bucket = np.searchsorted(np.cumsum(sizes), np.arange(count), side="right")  # (N,)
        if count and bucket[-1] >= len(sizes):
            raise unreadable(path, "the buckets of a section hold fewer Gaussians than it claims")
        steps = np.float32(section["steps"] or STEPS)
        with np.errstate(all="ignore"):  # what does not fit is infinite, and dropped
            positions = (positions - steps) * (section["block"] / 2 / steps) + centres[bucket]
    sh = data["sh"].astype(np.float32)
    if level == 2:
        with np.errstate(all="ignore"):
            sh = (sh_range[0] + sh / 255 * (sh_range[1] - sh_range[0])).astype(np.float32)
    ends = COEFFICIENTS[: section["sh"] + 1]
    degrees = [sh[:, 3 * a : 3 * b].reshape(count, 3, b - a) for a, b in pairwise(ends)]  # each channel by channel
    rest = np.concatenate([np.zeros((count, 3, 0), np.float32), *degrees], axis=2).transpose(0, 2, 1)
    return positions, *(data[key].astype(np.float32) for key in ("rotation", "scale")), data["rgba"], rest
