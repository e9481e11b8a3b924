"""The order in which splats are blended: farthest first."""

from __future__ import annotations

import numpy as np


def view_depth(positions: np.ndarray, view_row: np.ndarray, parts: np.ndarray | None = None) -> np.ndarray:
    """Return depths along the view axis; (N,) float32, world units.

    positions: (N, 3). view_row: (4,), depth = view_row[:3] · position + view_row[3]; or, with parts (N,) uint8, one
    such row a part, (P, 4).
    """
    rows = np.atleast_2d(np.asarray(view_row, np.float32))
    if parts is None or len(rows) == 1:
        return positions @ rows[0, :3] + rows[0, 3]
    depth: np.ndarray = np.einsum("nd,nd->n", positions, rows[parts, :3]) + rows[parts, 3]
    return depth


def depth_order(depth: np.ndarray) -> np.ndarray:
    """Order splats back to front by their (N,) depths; (N,) float32, exact below 2^24 splats.

    Depths are rounded to 16 bits, for which NumPy's stable sort is a radix sort.
    """
    if not len(depth):
        return np.zeros(0, np.float32)
    nearest, farthest = depth.min(), depth.max()
    step = np.float32(65535.0) / max(farthest - nearest, np.float32(1e-12))
    keys = ((farthest - depth) * step).astype(np.uint16)
    return np.argsort(keys, kind="stable").astype(np.float32)
