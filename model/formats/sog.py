"""SOG 2: a zip of `meta.json` and lossless WebP images, one pixel a splat (PlayCanvas, "The SOG Format").

Axes, quaternions, log scales and SH are those of the PLY it was made from: nothing is turned. Positions have 16 bits
an axis in log space, quaternions three components of 8 bits, scales, colours and SH one of 256 values each.
"""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from PIL import Image

from model.errors import FormatError
from model.formats.cleaning import check_count, cleaned
from model.formats.disk import open_file, unreadable, write_atomically
from model.formats.smallest_three import filled_in, left_out
from model.gaussians import SH_C0, Gaussians

BROKEN = (BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError, ArithmeticError)
COEFFICIENTS = (0, 3, 8, 15)  # of SH bands 1, 1-2 and 1-3
LEFT_OUT = 252  # + 0..3, in the alpha of a quaternion
LLOYD = 3  # rounds of k-means; more change little
MAX_META = 1 << 20  # bytes
PALETTE = 1 << 16  # entries, 64 a row


def read(path: Path) -> Gaussians:
    """Read a .sog bundle. Raises FormatError."""
    stream, _ = open_file(path)
    with stream:
        try:
            with ZipFile(stream) as archive:
                return _decoded(path, archive)
        except BROKEN as error:
            reason = getattr(error, "strerror", None) or "its zip, its meta.json or an image in it is broken"
            raise unreadable(path, reason) from error


def _decoded(path: Path, archive: ZipFile) -> Gaussians:
    meta = _field(path, {"meta.json": json.loads(_bytes(path, archive, "meta.json", MAX_META))}, "meta.json", dict)
    if meta.get("version") != 2:
        hint = "Only SOG version 2 can be opened: convert it with SuperSplat or splat-transform."
        raise unreadable(path, f"it is SOG version {str(meta.get('version', 1))[:20]}", hint)
    means, scales, quats, sh0 = (_field(path, meta, key, dict) for key in ("means", "scales", "quats", "sh0"))
    count = max(_field(path, meta, "count", int), 0)
    check_count(path, count, count)
    low, high = _files(path, means, 2)
    most = 4 * (count + 1024)  # pixels
    # a million splats may lie in one place; more than 64 in a byte are no scene
    check_count(path, count, (1 << 20) + 64 * len(_bytes(path, archive, low, 5 * most)))

    def pixels(name: str) -> np.ndarray:  # (N, 4) uint8
        return _image(path, archive, name, count, most).reshape(-1, 4)[:count]

    mins, maxs = _numbers(path, means, "mins", 3), _numbers(path, means, "maxs", 3)
    steps = pixels(low)[:, :3] + 256.0 * pixels(high)[:, :3]  # (N, 3) float64, 0..65535
    with np.errstate(all="ignore"):  # what does not fit is infinite, and dropped
        logs = mins + (maxs - mins) * (steps / 65535)
        positions = (np.sign(logs) * np.expm1(np.abs(logs))).astype(np.float32)
        sizes = np.exp(_codebook(path, scales)).astype(np.float32)[pixels(_files(path, scales, 1)[0])[:, :3]]
        colours = pixels(_files(path, sh0, 1)[0])
        sh = _codebook(path, sh0).astype(np.float32)[colours[:, :3]][:, None]  # (N, 1, 3)
    if meta.get("shN") is not None:
        rest = _field(path, meta, "shN", dict)
        palette = _read_palette(path, archive, rest)
        labels = pixels(_files(path, rest, 2)[1])[:, :2].astype(np.uint16) @ np.array([1, 256], np.uint16)  # (N,)
        if labels.max() >= len(palette):
            raise unreadable(path, f"its SH labels go beyond the {len(palette):,} entries of the palette")
        sh = np.concatenate([sh, palette[labels]], axis=1)
    rotations = _rotations(pixels(_files(path, quats, 1)[0]))
    antialiased = meta.get("model") == "antialiased" or meta.get("antialias") is True
    return cleaned(path, positions, rotations, sizes, colours[:, 3].astype(np.float32) / 255, sh, antialiased)


def _rotations(pixels: np.ndarray) -> np.ndarray:
    """Decode quaternions (N, 4) float32 wxyz from pixels (N, 4) uint8; zeros where none is named as left out."""
    largest = np.maximum(pixels[:, 3], LEFT_OUT) - np.intp(LEFT_OUT)  # (N,)
    rotations = filled_in(largest, (pixels[:, :3].astype(np.float32) / 255 - 0.5) * 2**0.5)
    rotations[pixels[:, 3] < LEFT_OUT] = 0
    return rotations


def _read_palette(path: Path, archive: ZipFile, rest: dict[str, Any]) -> np.ndarray:
    """Return the SH palette, (P, coefficients, 3) float32."""
    bands, count = _field(path, rest, "bands", int), _field(path, rest, "count", int)
    if not (1 <= bands <= 3 and 1 <= count <= PALETTE):
        raise unreadable(path, "its SH palette is not one of 1 to 65,536 entries in 1 to 3 bands")
    width = 64 * COEFFICIENTS[bands]
    image = _image(path, archive, _files(path, rest, 2)[0], width * -(-count // 64), width * PALETTE // 64)
    if image.shape[1] != width:
        raise unreadable(path, f"its SH palette is not {width} pixels wide")
    with np.errstate(over="ignore"):
        values = _codebook(path, rest).astype(np.float32)
    return values[image[:, :, :3]].reshape(-1, COEFFICIENTS[bands], 3)[:count]


def _image(path: Path, archive: ZipFile, name: str, least: int, most: int) -> np.ndarray:
    """Return a WebP of least to most pixels as (H, W, 4) uint8; its size is checked before it is decoded."""
    data = _bytes(path, archive, name, 5 * most)  # lossless WebP of noise has about 4 bytes a pixel
    if len(data) < 25 or (data[:4], data[8:16], data[20]) != (b"RIFF", b"WEBPVP8L", 0x2F):
        raise unreadable(path, f"'{name}' in it is not a lossless WebP image")
    bits = int.from_bytes(data[21:25], "little")
    width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if not least <= width * height <= most:
        raise unreadable(path, f"'{name}' in it has {width} × {height} pixels, {least:,} are needed")
    with Image.open(BytesIO(data), formats=("WEBP",)) as image:
        return np.asarray(image.convert("RGBA"))


def _bytes(path: Path, archive: ZipFile, name: str, limit: int) -> bytes:
    if name not in archive.namelist():
        raise unreadable(path, f"it has no '{name}'")
    info = archive.getinfo(name)
    if info.file_size > min(limit, 100 * info.compress_size + 4096):  # images hardly deflate
        raise unreadable(path, f"'{name}' in it would unpack to {info.file_size:,} bytes")
    if info.flag_bits & 1 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise unreadable(path, f"'{name}' in it is encrypted or packed in a rare way", "Export it again.")
    with archive.open(info) as entry:
        return entry.read(info.file_size)  # read() without a size would inflate whatever there is


def _field(path: Path, entry: dict[str, Any], key: str, kind: type) -> Any:
    value = entry.get(key)
    if type(value) is not kind:  # a bool is no int here
        raise unreadable(path, f"'{key}' is missing in its meta.json or not of the type {kind.__name__}")
    return value


def _files(path: Path, entry: dict[str, Any], count: int) -> list[str]:
    names = _field(path, entry, "files", list)[:count]
    if len(names) < count or not all(isinstance(name, str) and len(name) < 256 for name in names):
        raise unreadable(path, f"its meta.json does not name {count} files where it should")
    return names


def _codebook(path: Path, entry: dict[str, Any]) -> np.ndarray:
    """Return the values that pixels stand for, (256,) float64."""
    values = _field(path, entry, "codebook", list)
    if values[:1] == [None]:  # early writers lost the first; viewers extend the row
        rest = _numbers(path, {"codebook": values[1:]}, "codebook", 255)
        return np.concatenate([rest[:1] + (rest[:1] - rest[-1:]) / 255, rest])
    return _numbers(path, entry, "codebook", 256)


def _numbers(path: Path, entry: dict[str, Any], key: str, length: int) -> np.ndarray:
    """Return a list of finite numbers, (length,) float64."""
    values = _field(path, entry, key, list)
    if len(values) != length or not all(type(v) in (int, float) and abs(v) < 1e300 for v in values):
        raise unreadable(path, f"'{key}' in its meta.json is not a list of {length} finite numbers")
    return np.array(values, np.float64)


def write(path: Path, gaussians: Gaussians) -> list[str]:
    """Write a .sog bundle, splats in Morton order; returns what it could not hold, with the sizes of its steps.

    Raises FormatError where the file cannot be written.
    """
    rows = (gaussians.positions, gaussians.rotations, gaussians.scales, gaussians.opacities, gaussians.sh)
    finite = np.all([np.isfinite(row).all(axis=tuple(range(1, row.ndim))) for row in rows], axis=0)  # (N,)
    if not finite.any():
        raise FormatError(f"Cannot write {path}: there are no Gaussians", "Keep at least one Gaussian.")
    places = gaussians.positions[finite].astype(np.float64)
    logs = np.sign(places) * np.log1p(np.abs(places))  # (N, 3)
    mins, maxs = logs.min(axis=0), logs.max(axis=0)
    steps = np.round((logs - mins) / np.where(maxs > mins, maxs - mins, 1) * 65535).astype(np.uint64)
    order = np.argsort(_morton(steps), kind="stable")
    steps, g = steps[order], gaussians.select(np.flatnonzero(finite)[order])
    scales, scale_codes, scale_error = _quantised(np.log(np.maximum(g.scales, 1e-12)))
    colours, colour_codes, colour_error = _quantised(g.sh[:, 0])
    alpha = np.round(np.clip(g.opacities, 0, 1)[:, None] * 255)
    width = 4 * int(np.ceil(len(g) ** 0.5 / 4))
    images = {
        "means_l": _laid_out(steps & 255, width),
        "means_u": _laid_out(steps >> 8, width),
        "scales": _laid_out(scales, width),
        "quats": _laid_out(_quaternion_pixels(g.rotations), width),
        "sh0": _laid_out(np.concatenate([colours, alpha], axis=1), width),
    }
    meta: dict[str, Any] = {
        "version": 2,
        "count": len(g),
        "antialias": g.antialiased,  # the name in the specification
        "model": "antialiased" if g.antialiased else "default",  # the name in splat-transform since 3.2
        "means": {"mins": mins.tolist(), "maxs": maxs.tolist(), "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": scale_codes.tolist(), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": colour_codes.tolist(), "files": ["sh0.webp"]},
    }
    step = float(((maxs - mins) / 65535 * (1 + np.abs(places).max(axis=0))).max())
    report = [
        f"Positions rounded to 16 bits an axis: steps of up to {step:.2g} units.",
        f"Scales rounded to 256 values: at most {100 * np.expm1(scale_error):.2g} % off.",
        f"Colours rounded to 256 values: at most {255 * SH_C0 * colour_error:.2g} of 255 off.",
        "Rotation and opacity rounded to 8 bits: steps of 0.0055 a quaternion component and of 1/255.",
    ]
    if g.sh_degree:
        rest = g.sh[:, 1:].reshape(len(g), -1)
        palette, labels = _palette(rest)
        entries, codes, _ = _quantised(palette)
        off = float(np.sqrt(np.mean((codes[entries][labels] - rest) ** 2)))
        images["shN_centroids"] = _laid_out(entries.reshape(-1, 3), 64 * COEFFICIENTS[g.sh_degree])
        images["shN_labels"] = _laid_out(np.stack([labels & 255, labels >> 8, 0 * labels], axis=1), width)
        files = ["shN_centroids.webp", "shN_labels.webp"]
        meta["shN"] = {"count": len(palette), "bands": g.sh_degree, "codebook": codes.tolist(), "files": files}
        shared = f" and to {PALETTE:,} sets" if len(g) > PALETTE else ""
        report.append(f"SH of degree {g.sh_degree} rounded to 256 values{shared}: {off:.2g} off on average.")
    if not finite.all():
        report.append(f"{int((~finite).sum()):,} Gaussians dropped: they are not finite.")
    write_atomically(path, lambda stream: _write_zip(stream, meta, images))
    return report


def _write_zip(stream: BinaryIO, meta: dict[str, Any], images: dict[str, np.ndarray]) -> None:
    with ZipFile(stream, "w") as archive:
        archive.writestr(ZipInfo("meta.json"), json.dumps(meta), ZIP_DEFLATED)
        for name, pixels in images.items():
            data = BytesIO()
            Image.fromarray(pixels).save(data, "WEBP", lossless=True, exact=True)  # exact: colour under alpha 0, too
            archive.writestr(ZipInfo(f"{name}.webp"), data.getvalue())


def _laid_out(columns: np.ndarray, width: int) -> np.ndarray:
    """Lay (N, 3) or (N, 4) values of a byte out as an image, (ceil(N / width), width, 4) uint8."""
    image = np.full((-(-len(columns) // width) * width, 4), (0, 0, 0, 255), np.uint8)
    image[: len(columns), : columns.shape[1]] = columns
    return image.reshape(-1, width, 4)


def _morton(steps: np.ndarray) -> np.ndarray:
    """Interleave the 16 bits of three coordinates (N, 3) uint64 into one key, (N,) uint64."""
    for shift, mask in ((16, 0x0000FF0000FF), (8, 0x00F00F00F00F), (4, 0x0C30C30C30C3), (2, 0x249249249249)):
        steps = (steps | steps << np.uint64(shift)) & np.uint64(mask)
    return steps[:, 0] | steps[:, 1] << np.uint64(1) | steps[:, 2] << np.uint64(2)


def _quaternion_pixels(rotations: np.ndarray) -> np.ndarray:
    """Encode unit quaternions (N, 4) wxyz as the three smaller components and which is left out, (N, 4) uint8."""
    largest, three = left_out(rotations)
    bytes_ = np.clip(np.round((three / 2**0.5 + 0.5) * 255), 0, 255)
    return np.concatenate([bytes_, largest[:, None] + LEFT_OUT], axis=1).astype(np.uint8)


def _quantised(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Find 256 values that stand for all: k-means in one dimension, from a start that keeps far values, too.

    Returns each value's index, uint8 in the shape given, the values (256,) float64 ascending, and the largest error.
    """
    ordered = np.sort(values, axis=None).astype(np.float64)
    codes = np.unique(ordered)
    if len(codes) <= 256:
        codes = np.pad(codes, (0, 256 - len(codes)), mode="edge")
    else:
        counts, edges = np.histogram(ordered, 4096)
        crowd = np.cbrt(counts)  # the best density of codes (Panter & Dite 1951)
        share = np.concatenate([[0], np.cumsum(0.5 * crowd / crowd.sum() + 0.5 / len(crowd))])
        codes = np.interp((np.arange(256) + 0.5) / 256, share, edges)
        sums = np.concatenate([[0], np.cumsum(ordered)])
        for _ in range(LLOYD):
            bounds = [0, *np.searchsorted(ordered, (codes[1:] + codes[:-1]) / 2), len(ordered)]
            members = np.diff(bounds)
            codes = np.where(members, np.diff(sums[bounds]) / np.maximum(members, 1), codes)
    indices = np.searchsorted((codes[1:] + codes[:-1]) / 2, values).astype(np.uint8)  # the nearest
    return indices, codes, float(np.abs(codes[indices] - values).max())


def _palette(rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find at most 65,536 sets of SH coefficients for all (N, D) in Morton order: 256 in each of 256 neighbourhoods.

    Returns the sets (P, D) and the set of each splat, (N,).
    """
    if len(rest) <= PALETTE:
        return rest, np.arange(len(rest))
    found = [_k_means(rows, 256) for rows in np.array_split(rest, PALETTE // 256)]
    labels = [256 * i + nearest for i, (_, nearest) in enumerate(found)]
    return np.concatenate([centres for centres, _ in found]), np.concatenate(labels)


def _k_means(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return k centres (k, D) of rows (M, D), and the nearest centre of each row, (M,)."""
    centres = rows[np.arange(k) * len(rows) // k]
    for _ in range(LLOYD):
        nearest = ((centres**2).sum(axis=1) - 2 * rows @ centres.T).argmin(axis=1)
        member = (nearest == np.arange(k)[:, None]).astype(rows.dtype)  # (k, M)
        members = member.sum(axis=1, keepdims=True)
        centres = np.where(members, member @ rows / np.maximum(members, 1), centres)
    return centres, nearest
