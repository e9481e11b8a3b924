"""SuperSplat's compressed PLY: four 32-bit words a Gaussian between the bounds of its chunk of 256.

Two dialects: chunks of 18 floats, and older ones of 12, without bounds of colour. SH, where there is any, a byte each.
As splat-transform reads it (github.com/playcanvas/splat-transform, decompress-ply.ts); the PLY around it is ply.py's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.formats.cleaning import cleaned
from model.formats.disk import unreadable
from model.formats.smallest_three import filled_in
from model.gaussians import SH_C0, Gaussians

CHUNK = 256  # Gaussians
PLACES = ("min_x", "min_y", "min_z", "max_x", "max_y", "max_z")
SIZES = ("min_scale_x", "min_scale_y", "min_scale_z", "max_scale_x", "max_scale_y", "max_scale_z")
HUES = ("min_r", "min_g", "min_b", "max_r", "max_g", "max_b")
WORDS = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
SH_RANGE = 8  # a byte spans -4 to 4
BYTE_TO_SH = SH_RANGE * (np.r_[0, (np.arange(1, 255) + 0.5) / 256, 1] - 0.5)  # (256,) both ends are exact


def unpacked(
    path: Path,
    chunks: np.ndarray,  # (C,) structured, C = N / 256 rounded up
    packed: np.ndarray,  # (N,) structured
    rest: np.ndarray,  # (N, K - 1, 3) uint8
    antialiased: bool,
) -> Gaussians:
    """Unpack the elements `chunk`, `vertex` and `sh` of a compressed PLY. Raises FormatError."""
    names = chunks.dtype.names or ()
    missing = {*PLACES, *SIZES, *WORDS} - {*names, *(packed.dtype.names or ())}
    if missing:
        raise unreadable(path, f"it is a compressed PLY without {', '.join(sorted(missing)[:4])}")
    if any(packed[name].dtype.str[1:] != "u4" for name in WORDS):
        raise unreadable(path, "it is a compressed PLY, but its words do not have 32 bits")
    if len(chunks) != -(-len(packed) // CHUNK) or len(rest) != len(packed):
        raise unreadable(path, f"it has {len(chunks):,} chunks and {len(rest):,} SH for {len(packed):,} Gaussians")
    position, rotation, scale, colour = (packed[name].astype(np.uint32) for name in WORDS)  # (N,) each
    rgba = _fields(colour, (24, 16, 8, 0), (8, 8, 8, 8))
    with np.errstate(over="ignore", invalid="ignore"):
        positions = _between(chunks, PLACES, _fields(position, (21, 11, 0), (11, 10, 11)))
        scales = np.exp(_between(chunks, SIZES, _fields(scale, (21, 11, 0), (11, 10, 11))))
        rgb = _between(chunks, HUES, rgba[:, :3]) if set(HUES) <= set(names) else rgba[:, :3]
    sh = np.empty((len(packed), rest.shape[1] + 1, 3), np.float32)
    sh[:, 0] = (rgb - np.float32(0.5)) / np.float32(SH_C0)
    sh[:, 1:] = BYTE_TO_SH.astype(np.float32)[rest]
    others = (_fields(rotation, (20, 10, 0), (10, 10, 10)) - np.float32(0.5)) * np.float32(2**0.5)
    rotations = filled_in(rotation >> 30, others)  # wxyz
    return cleaned(path, positions, rotations, scales, rgba[:, 3], sh, antialiased)


def _fields(words: np.ndarray, shifts: tuple[int, ...], bits: tuple[int, ...]) -> np.ndarray:
    """Cut (N,) uint32 into fields, (N, F) float32, 0..1."""
    most = (1 << np.array(bits, np.uint32)) - np.uint32(1)
    return (words[:, None] >> np.array(shifts, np.uint32) & most).astype(np.float32) / most.astype(np.float32)


def _between(chunks: np.ndarray, names: tuple[str, ...], share: np.ndarray) -> np.ndarray:
    """Return the place between the bounds of each one's chunk, (N, 3) float32; share is (N, 3), 0..1."""
    bounds = np.stack([chunks[name] for name in names], axis=1, dtype=np.float32, casting="unsafe")  # (C, 6)
    low, high = np.split(np.repeat(bounds, CHUNK, axis=0)[: len(share)], 2, axis=1)  # (N, 3) each
    return low * (1 - share) + high * share
