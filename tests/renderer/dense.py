"""What a splat picture is, in float64 and without tiles or tricks: slow, readable, the reference for the fast paths."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians, matrix_from_quaternion, sh_basis


def render_dense(
    g: Gaussians, camera: Camera, colours: np.ndarray | None = None, near: float = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """Return premultiplied RGBA (H, W, 4) and Σ weight · depth (H, W), float64."""
    q = g.rotations.astype(np.float64)
    rotation = matrix_from_quaternion(q / np.linalg.norm(q, axis=1, keepdims=True))
    positions = g.positions.astype(np.float64)
    if colours is None:
        direction = positions - camera.position
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        colours = np.maximum(np.einsum("nk,nkc->nc", sh_basis(direction, g.sh.shape[1]), g.sh) + 0.5, 0)
    W = np.diag([1.0, -1.0, -1.0]) @ camera.T_camera_world[:3]
    seen = positions @ W[:, :3].T + W[:, 3]
    grid = camera.pixel_grid()
    through = np.ones(grid.shape[:2])
    finished = np.zeros(grid.shape[:2], bool)
    image, depth = np.zeros((*grid.shape[:2], 4)), np.zeros(grid.shape[:2])
    margin = 0.15 * np.array([camera.width / camera.fx, camera.height / camera.fy])
    f, c = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
    size = np.array([camera.width, camera.height])
    for i in np.argsort(seen[:, 2], kind="stable"):
        z = seen[i, 2]
        if z <= near:
            continue
        u = np.clip(seen[i, :2] / z, -c / f - margin, (size - c) / f + margin)
        J = np.array([[f[0] / z, 0, -f[0] * u[0] / z], [0, f[1] / z, -f[1] * u[1] / z]])
        M = J @ W[:, :3] @ rotation[i] * g.scales[i].astype(np.float64)
        plain = M @ M.T
        covariance = plain + 0.3 * np.eye(2)
        opacity = float(g.opacities[i])
        if g.antialiased:
            opacity *= np.sqrt(max(np.linalg.det(plain) / np.linalg.det(covariance), 0.0))
        d = grid - (f * seen[i, :2] / z + c)
        power = -0.5 * np.einsum("hwi,ij,hwj->hw", d, np.linalg.inv(covariance), d)
        alpha = np.minimum(opacity * np.exp(power), 0.99)
        alpha[(alpha < 1 / 255) | finished] = 0
        finished |= through * (1 - alpha) < 1e-4
        alpha[finished] = 0
        weight = alpha * through
        image[..., :3] += weight[..., None] * colours[i]
        image[..., 3] += weight
        depth += weight * z
        through = through * (1 - alpha)
    return image, depth
