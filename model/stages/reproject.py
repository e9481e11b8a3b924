"""Reproject: draw known surface points into other views, as the Completion network wants them."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from model.camera import Camera

CHANNELS = 13  # front: rgb 3, known 1, depth 1, normal 3 · back: known 1, depth 1 · uncovered 1 · rays 2
DISC = 1.5  # radius of the disc that a pixel's point stands for, in half sides of the pixel: it covers the corners
FARTHEST = 2.0  # px from its middle that a disc is drawn
STEEP = 0.1  # cosine below which a plane is seen almost from its edge: its point's depth is as good


@njit(cache=True, nogil=True, fastmath=True)
def _splat(
    points: np.ndarray,  # (N, 3) world
    normals: np.ndarray,  # (N, 3)
    rgb: np.ndarray,  # (N, 3)
    radii: np.ndarray,  # (N,)
    R: np.ndarray,  # (3, 3) world to camera
    t: np.ndarray,  # (3,)
    focal: float,  # px
    centre: float,  # px
    distance: float,  # of the camera from the world's origin
    size: int,
    out: np.ndarray,  # (CHANNELS, size, size), zeros
    owner: np.ndarray,  # (size, size), -1
) -> None:
    """Draw every point as a disc into the nearer of two z-buffers: what faces the camera, and what turns its back.

    A disc is seen where a pixel's line of sight meets its plane near its middle, and as deep as there.
    """
    front = np.full((size, size), 1e9, np.float32)
    back = np.full((size, size), 1e9, np.float32)
    for i in range(points.shape[0]):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        x = R[0, 0] * px + R[0, 1] * py + R[0, 2] * pz + t[0]
        y = R[1, 0] * px + R[1, 1] * py + R[1, 2] * pz + t[1]
        z = -(R[2, 0] * px + R[2, 1] * py + R[2, 2] * pz + t[2])
        if z < 0.05:
            continue
        u, v = focal * x / z + centre - 0.5, -focal * y / z + centre - 0.5
        radius = max(radii[i], DISC * 0.5 * z / focal)
        reach = min(radius * focal / z, FARTHEST)
        nx = R[0, 0] * normals[i, 0] + R[0, 1] * normals[i, 1] + R[0, 2] * normals[i, 2]
        ny = R[1, 0] * normals[i, 0] + R[1, 1] * normals[i, 1] + R[1, 2] * normals[i, 2]
        nz = R[2, 0] * normals[i, 0] + R[2, 1] * normals[i, 1] + R[2, 2] * normals[i, 2]
        across = nx * x + ny * y - nz * z
        for row in range(max(0, math.ceil(v - reach)), min(size, math.floor(v + reach) + 1)):
            for col in range(max(0, math.ceil(u - reach)), min(size, math.floor(u + reach) + 1)):
                dx, dy = (col + 0.5 - centre) / focal, (centre - row - 0.5) / focal
                slope = nx * dx + ny * dy - nz
                depth = across / slope if abs(slope) > STEEP else z
                ex, ey, ez = depth * dx - x, depth * dy - y, depth - z
                if ex * ex + ey * ey + ez * ez > radius * radius:
                    continue
                if across < 0:
                    if depth < front[row, col] - 1e-4:
                        front[row, col] = depth
                        owner[row, col] = i
                        out[0, row, col], out[1, row, col], out[2, row, col] = rgb[i, 0], rgb[i, 1], rgb[i, 2]
                        out[3, row, col], out[4, row, col] = 1.0, depth - distance
                        out[5, row, col], out[6, row, col], out[7, row, col] = nx, ny, nz
                elif depth < back[row, col]:
                    back[row, col] = depth
                    out[8, row, col], out[9, row, col] = 1.0, depth - distance
    for row in range(size):
        for col in range(size):
            if front[row, col] > back[row, col] + 0.02 and out[3, row, col] > 0:
                # a surface that turns its back lies before it: what is seen here is not known
                for c in range(8):
                    out[c, row, col] = 0.0
                owner[row, col] = -1


def reproject(
    points: np.ndarray,  # (N, 3) world
    normals: np.ndarray,  # (N, 3) world, unit
    rgb: np.ndarray,  # (N, 3) 0..1
    radii: np.ndarray,  # (N,) of the disc that a point stands for, world units; at least a pixel's
    cameras: tuple[Camera, ...],
    uncovered: np.ndarray | None = None,  # (V, S, S) where a part has moved away
) -> tuple[np.ndarray, np.ndarray]:
    """Draw points into square views.

    Returns (V, CHANNELS, S, S) float32 and the (V, S, S) int32 index of the point seen, or -1.
    """
    size = cameras[0].width
    maps = np.zeros((len(cameras), CHANNELS, size, size), np.float32)
    owner = np.full((len(cameras), size, size), -1, np.int32)
    p, n, c, r = (np.ascontiguousarray(a, np.float32) for a in (points, normals, rgb, radii))
    for k, camera in enumerate(cameras):
        T = camera.T_camera_world.astype(np.float32)
        d = float(np.linalg.norm(camera.position))
        R, t = np.ascontiguousarray(T[:3, :3]), np.ascontiguousarray(T[:3, 3])
        _splat(p, n, c, r, R, t, camera.fx, camera.cx, d, size, maps[k], owner[k])
        slope = (np.arange(size, dtype=np.float32) + 0.5 - np.float32(camera.cx)) / np.float32(camera.fx)
        maps[k, 11], maps[k, 12] = slope[None, :], -slope[:, None]
    if uncovered is not None:
        maps[:, 10] = uncovered
    return maps, owner


def surface_points(
    camera: Camera,
    depth: np.ndarray,  # (S, S) along the view axis
    there: np.ndarray,  # (S, S) bool
) -> tuple[np.ndarray, np.ndarray]:
    """Lift the pixels where there is a surface; returns (N, 3) world points and the (N,) radii of their discs."""
    points = camera.unproject(camera.pixel_grid()[there], depth[there].astype(np.float64))
    return points, DISC * 0.5 * depth[there] / camera.fx
