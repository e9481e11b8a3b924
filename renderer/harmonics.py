"""Spherical harmonics to colours, as 3DGS defines them (Kerbl et al. 2023, `eval_sh`)."""

from __future__ import annotations

import numpy as np

from model.gaussians import SH_C0, Gaussians, sh_basis


def colours_seen_from(gaussians: Gaussians, eye: np.ndarray) -> np.ndarray:
    """Return each Gaussian's colour as seen from eye (3,); (N, 3) float32, not below 0."""
    if gaussians.sh.shape[1] == 1:
        colours = gaussians.sh[:, 0] * np.float32(SH_C0)
    else:
        directions = gaussians.positions - np.asarray(eye, np.float32)
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
        weights = sh_basis(directions, gaussians.sh.shape[1])
        colours = np.einsum("nk,nkc->nc", weights, gaussians.sh)
    return np.maximum(colours + np.float32(0.5), 0.0, dtype=np.float32)
