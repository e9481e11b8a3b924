"""Spherical harmonics to colours, as 3DGS defines them (Kerbl et al. 2023, `eval_sh`)."""

from __future__ import annotations

import numpy as np

from model.gaussians import SH_C0, Gaussians

C1 = 0.4886025119029199
C2 = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005, -1.0925484305920792, 0.5462742152960396)
C3 = (
    -0.5900435899266435,
    2.890611442640554,
    -0.4570457994644658,
    0.3731763325901154,
    -0.4570457994644658,
    1.445305721320277,
    -0.5900435899266435,
)


def basis(directions: np.ndarray, count: int) -> np.ndarray:
    """Evaluate the first `count` (1, 4, 9 or 16) harmonics at unit directions (N, 3); (N, count)."""
    x, y, z = directions.T
    columns = [np.full_like(x, SH_C0)]
    if count > 1:
        columns += [-C1 * y, C1 * z, -C1 * x]
    if count > 4:
        columns += [C2[0] * x * y, C2[1] * y * z, C2[2] * (2 * z * z - x * x - y * y), C2[3] * x * z]
        columns += [C2[4] * (x * x - y * y)]
    if count > 9:
        columns += [C3[0] * y * (3 * x * x - y * y), C3[1] * x * y * z, C3[2] * y * (4 * z * z - x * x - y * y)]
        columns += [C3[3] * z * (2 * z * z - 3 * x * x - 3 * y * y), C3[4] * x * (4 * z * z - x * x - y * y)]
        columns += [C3[5] * z * (x * x - y * y), C3[6] * x * (x * x - 3 * y * y)]
    return np.stack(columns, axis=1)


def colours_seen_from(gaussians: Gaussians, eye: np.ndarray) -> np.ndarray:
    """Return each Gaussian's colour as seen from eye (3,); (N, 3) float32, not below 0."""
    if gaussians.sh.shape[1] == 1:
        colours = gaussians.sh[:, 0] * np.float32(SH_C0)
    else:
        directions = gaussians.positions - np.asarray(eye, np.float32)
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
        weights = basis(directions, gaussians.sh.shape[1])
        colours = np.einsum("nk,nkc->nc", weights, gaussians.sh)
    return np.maximum(colours + np.float32(0.5), 0.0, dtype=np.float32)
