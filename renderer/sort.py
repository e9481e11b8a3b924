"""The order in which splats are blended: farthest first."""

from __future__ import annotations

import numpy as np


def depth_order(positions: np.ndarray, view_row: np.ndarray, parts: np.ndarray | None = None) -> np.ndarray:
    """Order splats back to front by depth along the view axis; (N,) float32, exact below 2^24 splats.

    positions: (N, 3). view_row: (3,) or (4,), depth = view_row[:3] · position + view_row[3]; or, with parts (N,) uint8,
    one such row a part, (P, 4). Depths are rounded to 16 bits, for which NumPy's stable sort is a radix sort.
    """
    rows = np.atleast_2d(np.asarray(view_row, np.float32))
    if parts is None or len(rows) == 1:
        depth = positions @ rows[0, :3]
    else:
        depth = np.einsum("nd,nd->n", positions, rows[parts, :3]) + rows[parts, 3]
    if not len(depth):
        return np.zeros(0, np.float32)
    nearest, farthest = depth.min(), depth.max()
    step = np.float32(65535.0) / max(farthest - nearest, np.float32(1e-12))
    keys = ((farthest - depth) * step).astype(np.uint16)
    return np.argsort(keys, kind="stable").astype(np.float32)
