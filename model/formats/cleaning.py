"""What a file says is not always what a renderer can draw: bad splats are dropped here, counted and told."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from model.formats.disk import unreadable
from model.gaussians import Gaussians

MAX_SPLATS = 20_000_000  # about 5 GB at SH degree 3
FAR = 1e7  # world units; float32 has no millimetres left there
BLOCK = 1 << 14  # Gaussians looked at in one go
BRIGHT = 1e4  # largest believable SH coefficient

log = logging.getLogger(__name__)


def check_count(path: Path, count: int, room: int) -> None:
    """Refuse a number of splats that the file has no room for, before memory is taken for it."""
    if count == 0:
        raise unreadable(path, "it holds no Gaussians", "Open a file that holds at least one Gaussian.")
    if count > room:
        raise unreadable(path, f"its header claims {count:,} Gaussians, the file has room for {room:,}")
    if count > MAX_SPLATS:
        hint = f"Files of up to {MAX_SPLATS:,} Gaussians can be opened: crop or thin it out first."
        raise unreadable(path, f"{count:,} Gaussians are too many", hint)


def cleaned(
    path: Path,
    positions: np.ndarray,  # (N, 3) float32
    rotations: np.ndarray,  # (N, 4) float32 wxyz, any length
    scales: np.ndarray,  # (N, 3) float32, linear
    opacities: np.ndarray,  # (N,) float32
    sh: np.ndarray,  # (N, K, 3) float32
    antialiased: bool = False,
) -> Gaussians:
    """Build Gaussians from what was read: drop what is not finite or absurd, give each a unit quaternion.

    Raises FormatError where nothing is left.
    """
    good = np.isfinite(opacities) & (scales >= 0).all(axis=1)
    for rows, limit in ((positions, FAR), (scales, FAR), (sh.reshape(len(sh), -1), BRIGHT)):
        for start in range(0, len(rows), BLOCK):  # a copy of all would double the memory
            block = slice(start, start + BLOCK)
            good[block] &= (np.abs(rows[block]) <= limit).all(axis=1)  # False for NaN and infinity, too
    if not good.any():
        raise unreadable(path, "none of its Gaussians has a finite place, size and colour")
    if not good.all():
        log.warning("%s: dropped %d of %d Gaussians (not finite or absurd)", path, int((~good).sum()), len(good))
        positions, rotations, scales, opacities, sh = (a[good] for a in (positions, rotations, scales, opacities, sh))
    length = np.sqrt(np.einsum("ni,ni->n", rotations, rotations, dtype=np.float64, casting="same_kind"))
    turned = np.isfinite(length) & (length > 1e-12)
    if not turned.all():
        log.warning("%s: %d Gaussians without a rotation stay unturned", path, int((~turned).sum()))
    with np.errstate(all="ignore"):
        unit = (rotations / length[:, None]).astype(np.float32)
    unit[~turned] = (1, 0, 0, 0)
    return Gaussians(
        np.ascontiguousarray(positions, np.float32),
        unit,
        np.ascontiguousarray(scales, np.float32),
        np.clip(opacities, 0, 1).astype(np.float32),
        np.ascontiguousarray(sh, np.float32),
        antialiased,
    )
