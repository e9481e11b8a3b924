"""SPZ: about a tenth of a PLY; fixed-point positions, a byte or less for everything else (Niantic Labs).

Read in versions 1 to 3 (one gzip stream) and 4 (a ZSTD stream an attribute), written in 3 and 2. Layout and rounding
follow github.com/nianticlabs/spz. Axes are taken as they stand, neither turned nor mirrored: splat-transform,
SuperSplat and spz's own ply_to_spz do the same, so an SPZ shows there as the PLY it was made from. Programs that take
a PLY for RDF (y down) and turn it into SPZ's nominal RUB (y up, this program's axes) flip y and z instead.
"""

from __future__ import annotations

import gzip
import io
import logging
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import zstandard

from model.formats.cleaning import check_count, cleaned
from model.formats.disk import open_file, unreadable, write_atomically
from model.formats.smallest_three import filled_in, left_out
from model.gaussians import SH_C0, Gaussians

MAGIC = b"NGSP"
HEADER = struct.Struct("<4sIIBBBB")  # magic, version, count, SH degree, fractional bits, flags, streams (version 4)
ANTIALIASED, EXTENSIONS = 1, 2  # flags
RATIO = 1024  # how far a file may shrink; the reference refuses more, too
FRACTIONAL_BITS = 12  # at least, unless the scene is too large for them
STEPS_A_SPLAT = 40  # at least, in the breadth of the median splat: more bits for what is small
MAX_DEGREE = 4  # of the format; the program keeps 3
FIXED_LIMIT = (1 << 23) - 1  # largest of 24 bits with a sign
COLOUR_SCALE = 0.15  # of the first SH coefficient, so that colours somewhat beyond 0..1 have a place
SCALES = np.exp(np.arange(256) / 16 - 10).astype(np.float32)  # (256,) what a byte of scale means
COLOURS = ((np.arange(256) / 255 - 0.5) / COLOUR_SCALE).astype(np.float32)  # (256,) what a byte of colour means

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Header:
    version: int
    count: int
    degree: int
    fractional_bits: int
    flags: int
    streams: int

    @property
    def sizes(self) -> list[int]:  # bytes of positions, opacities, colours, scales, rotations and SH
        each = (6 if self.version == 1 else 9, 1, 3, 3, 4 if self.version > 2 else 3, 3 * (self.degree + 1) ** 2 - 3)
        return [self.count * size for size in each]


def read(path: Path) -> Gaussians:
    """Read an SPZ file of version 1 to 4.

    SH of degree 4 is cut to 3, extensions are passed over: both are logged. Raises FormatError.
    """
    stream, size = open_file(path)
    with stream:
        try:
            start = stream.read(8)
            stream.seek(0)
            if start[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=stream) as inflated:
                    header, sections = _read_whole(path, inflated, size)
            elif start[:4] != MAGIC:
                raise unreadable(path, "it begins neither with 'NGSP' nor as gzip", "This is not an SPZ file.")
            elif start[4:] == b"\4\0\0\0":
                header, sections = _read_streams(path, stream, size)
            else:
                header, sections = _read_whole(path, stream, size)
        except (zlib.error, EOFError, OSError) as error:  # gzip calls trailing bytes an OSError
            raise unreadable(path, getattr(error, "strerror", None) or str(error)) from error
    if header.flags & EXTENSIONS:
        log.warning("%s: its extensions (such as its own axes or camera limits) are passed over", path)
    if header.degree == MAX_DEGREE:
        log.warning("%s: SH of degree 4 is cut to degree 3", path)
    return _gaussians(path, header, sections)


def _header(path: Path, raw: bytes, size: int, versions: Iterable[int]) -> _Header:
    if len(raw) < HEADER.size or raw[:4] != MAGIC:
        raise unreadable(path, "it has no SPZ header")
    header = _Header(*HEADER.unpack(raw)[1:])
    if header.version not in versions:
        raise unreadable(path, f"SPZ version {header.version} is not known", "Export it as SPZ version 2, 3 or 4.")
    if header.degree > MAX_DEGREE or header.fractional_bits > 24:
        raise unreadable(path, f"SH degree {header.degree} or {header.fractional_bits} fractional bits cannot be")
    check_count(path, header.count, size * RATIO // 9)
    return header


def _read_whole(path: Path, stream: BinaryIO | gzip.GzipFile, size: int) -> tuple[_Header, list[np.ndarray]]:
    """Read versions 1 to 3; returns the sections as bytes, (B,) uint8 each."""
    header = _header(path, stream.read(HEADER.size), size, (1, 2, 3))
    total = sum(header.sizes)
    body = np.frombuffer(stream.read(total), np.uint8)  # no more, however far the file would inflate
    if len(body) < total:
        raise unreadable(path, f"it ends after {len(body):,} of {total:,} bytes")
    if not header.flags & EXTENSIONS and stream.read(1):
        raise unreadable(path, f"it goes on after the {header.count:,} Gaussians that its header claims")
    return header, np.split(body, np.cumsum(header.sizes)[:-1])


def _read_streams(path: Path, stream: BinaryIO, size: int) -> tuple[_Header, list[np.ndarray]]:
    """Read version 4; returns the sections as bytes, (B,) uint8 each."""
    header = _header(path, stream.read(HEADER.size), size, (4,))
    sizes = [length for length in header.sizes if length]  # empty sections have no stream
    table_at = int.from_bytes(stream.read(4), "little")
    stream.seek(table_at)
    table = [struct.unpack("<QQ", entry) for _ in sizes if len(entry := stream.read(16)) == 16]  # packed, unpacked
    end = table_at + 16 * len(table) + sum(packed for packed, _ in table)
    if header.streams != len(sizes) or [unpacked for _, unpacked in table] != sizes or table_at < 32 or end != size:
        raise unreadable(path, "its table of streams does not fit its header or the file")
    sections = [_unpacked(path, stream.read(packed), unpacked) for packed, unpacked in table]
    return header, sections + [np.empty(0, np.uint8)] * (len(header.sizes) - len(sizes))


def _unpacked(path: Path, packed: bytes, size: int) -> np.ndarray:
    try:
        with zstandard.open(io.BytesIO(packed), "rb") as stream:
            data = np.frombuffer(stream.read(size), np.uint8)
            more = stream.read(1)
    except zstandard.ZstdError as error:
        raise unreadable(path, f"a stream is damaged ({error})") from error
    if len(data) < size or more:
        raise unreadable(path, f"a stream does not unpack to {size:,} bytes")
    return data


def _gaussians(path: Path, header: _Header, sections: list[np.ndarray]) -> Gaussians:
    n = header.count
    fixed, alphas, colours, scales, packed, rest = sections
    if header.version == 1:
        with np.errstate(invalid="ignore"):
            positions = fixed.view("<f2").astype(np.float32).reshape(n, 3)
    else:
        low, middle, high = np.moveaxis(fixed.reshape(n, 3, 3).astype(np.int32), -1, 0)  # (N, 3) each
        signed = (low << 8 | middle << 16 | high << 24) >> 8  # the shift back spreads the sign
        positions = signed.astype(np.float32) * np.float32(0.5**header.fractional_bits)
    keep = min((header.degree + 1) ** 2, 16)
    sh = np.empty((n, keep, 3), np.float32)
    sh[:, 0] = COLOURS[colours.reshape(n, 3)]
    sh[:, 1:] = rest.reshape(n, -1, 3)[:, : keep - 1]
    sh[:, 1:] -= 128
    sh[:, 1:] /= 128
    if header.version > 2:
        rotations = _unpacked_rotations(packed.view("<u4"))
    else:
        xyz = packed.reshape(n, 3).astype(np.float32) / 127.5 - 1
        rotations = filled_in(np.zeros(n, np.int64), xyz)  # w is the one left out
    opacities = alphas.astype(np.float32) / 255
    antialiased = bool(header.flags & ANTIALIASED)
    return cleaned(path, positions, rotations, SCALES[scales.reshape(n, 3)], opacities, sh, antialiased)


def _unpacked_rotations(packed: np.ndarray) -> np.ndarray:  # (N,) uint32 to (N, 4) wxyz
    fields = packed[:, None] >> np.array([20, 10, 0], np.uint32) & 1023  # (N, 3) nine bits of size below a sign
    others = (fields & 511).astype(np.float32) * np.float32(0.5**0.5 / 511)
    xyzw = filled_in(packed >> 30, np.where(fields & 512, -others, others))
    return np.roll(xyzw, 1, axis=1)


def write(path: Path, gaussians: Gaussians, version: int = 3) -> list[str]:
    """Write an SPZ file of version 3 or, for programs that know no newer one, 2; in the order given.

    Returns what it could not hold. Raises FormatError where the file cannot be written.
    """
    assert version in (2, 3)
    bits = _fractional_bits(gaussians)
    scales, rest = gaussians.scales, gaussians.sh[:, 1:]  # (N, 3), (N, K - 1, 3)
    flags = ANTIALIASED * gaussians.antialiased
    header = HEADER.pack(MAGIC, version, len(gaussians), gaussians.sh_degree, bits, flags, 0)
    sections = [
        _fixed(gaussians.positions, bits),
        _byte(gaussians.opacities * 255),
        _byte(gaussians.sh[:, 0] * (COLOUR_SCALE * 255) + 127.5),
        _byte((np.log(np.maximum(scales, 1e-12)) + 10) * 16),
        _packed_rotations(gaussians.rotations, version),
        _packed_sh(rest),
    ]

    def save(stream: BinaryIO) -> None:
        with gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed:  # no name, no time: same input, same file
            packed.write(header)
            for section in sections:
                packed.write(section.data)

    write_atomically(path, save)
    report = [
        f"Positions rounded to steps of {0.5**bits:.3g} world units (24 bits, {bits} of them after the point).",
        f"Scales rounded to steps of {np.expm1(1 / 16):.1%} (8 bits, logarithmic).",
        f"Opacities rounded to steps of {1 / 255:.1%}, colours to {SH_C0 / COLOUR_SCALE / 255:.1%} (8 bits).",
        f"Rotations rounded to {10 if version > 2 else 8} bits for each of three components.",
    ]
    if gaussians.sh_degree:
        report.append("SH rounded to steps of 1/16 in degree 1 (5 bits) and of 1/8 above (4 bits).")
    widest = FIXED_LIMIT * 0.5**bits
    beyond = {
        f"Positions beyond {widest:,.0f} world units": np.abs(gaussians.positions) > widest,
        f"Scales outside {SCALES[0]:.2g} to {SCALES[-1]:.3g}": (scales < SCALES[0]) | (scales > SCALES[-1]),
        "Colours far outside black to white": np.abs(gaussians.sh[:, 0]) > 0.5 / COLOUR_SCALE,
        "SH coefficients beyond 1": np.abs(rest) > 1,
    }
    counts = {what: int(mask.any(axis=tuple(range(1, mask.ndim))).sum()) for what, mask in beyond.items()}
    return report + [f"{what} clamped, in {count:,} Gaussians." for what, count in counts.items() if count]


def _fractional_bits(gaussians: Gaussians) -> int:
    farthest = max(float(np.abs(gaussians.positions).max(initial=0)), 1.0)
    room = np.floor(np.log2(FIXED_LIMIT / farthest))
    breadth = max(float(np.median(gaussians.scales.max(axis=1))) if len(gaussians) else 1.0, 1e-9)
    wanted = np.ceil(np.log2(STEPS_A_SPLAT / breadth))
    return int(min(max(wanted, FRACTIONAL_BITS), max(room, 0)))


def _fixed(positions: np.ndarray, bits: int) -> np.ndarray:  # (N, 3) to (N, 3, 3) uint8
    fixed = np.clip(np.rint(positions * np.float32(1 << bits)), -FIXED_LIMIT, FIXED_LIMIT)
    return np.ascontiguousarray(fixed.astype("<i4").view(np.uint8).reshape(-1, 3, 4)[:, :, :3])


def _byte(values: np.ndarray) -> np.ndarray:  # any shape to the same, uint8
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def _packed_rotations(rotations: np.ndarray, version: int) -> np.ndarray:  # (N, 4) wxyz to (N, 3) uint8 or (N,) uint32
    if version == 2:
        return _byte(rotations[:, 1:] * np.where(rotations[:, :1] < 0, -127.5, 127.5) + 127.5)
    largest, others = left_out(np.roll(rotations, -1, axis=1))  # xyzw
    size = (np.abs(others) * np.float32(511 * 2**0.5) + 0.5).astype(np.uint32)
    fields = np.minimum(size, 511) | np.signbit(others).astype(np.uint32) << 9  # -0 keeps its sign, as in the reference
    return (largest << 30 | fields[:, 0] << 20 | fields[:, 1] << 10 | fields[:, 2]).astype("<u4")


def _packed_sh(rest: np.ndarray) -> np.ndarray:  # (N, K - 1, 3) to the same, uint8
    step = np.where(np.arange(rest.shape[1]) < 3, 8, 16).astype(np.int16)[:, None]  # (K - 1, 1) 5 bits, then 4
    level = np.clip(np.rint(rest * 128), -128, 128).astype(np.int16) + np.int16(128)
    return np.clip((level + step // 2) // step * step, 0, 255).astype(np.uint8)
