"""Camera: where a picture is taken from and through which lens."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera; OpenGL axes (x right, y up, looks along -z), pixel centres at +0.5, y down in the picture."""

    T_world_camera: np.ndarray  # (4, 4) float64, camera-to-world
    fx: float  # px
    fy: float  # px
    cx: float  # px, from the left border
    cy: float  # px, from the upper border
    width: int  # px
    height: int  # px

    @staticmethod
    def orbit(
        azimuth_deg: float,
        elevation_deg: float,
        distance: float,
        fov_y_deg: float,
        width: int,
        height: int,
        target: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Camera:
        """Look at target from azimuth (0 = from +z, 90 = from +x) and elevation (90 = from above)."""
        a, e = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
        backward = np.array([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)])
        right = np.array([np.cos(a), 0.0, -np.sin(a)])
        up = np.cross(backward, right)
        T = np.eye(4)
        T[:3, :3] = np.stack([right, up, backward], axis=1)
        T[:3, 3] = np.asarray(target) + distance * backward
        f = 0.5 * height / np.tan(0.5 * np.deg2rad(fov_y_deg))
        return Camera(T, f, f, width / 2, height / 2, width, height)

    @property
    def position(self) -> np.ndarray:
        """Return the camera's place, (3,) world units."""
        return self.T_world_camera[:3, 3]

    @property
    def T_camera_world(self) -> np.ndarray:
        """Return the (4, 4) world-to-camera transform."""
        R, t = self.T_world_camera[:3, :3], self.T_world_camera[:3, 3]
        T = np.eye(4)
        T[:3, :3] = R.T
        T[:3, 3] = -R.T @ t
        return T

    @property
    def fov_y_deg(self) -> float:
        """Return the vertical field of view in degrees."""
        return float(np.rad2deg(2 * np.arctan(0.5 * self.height / self.fy)))

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project (..., 3) world points to (..., 2) pixels and (...) depths along the view axis (> 0 in front)."""
        T = self.T_camera_world
        p = np.asarray(points, np.float64) @ T[:3, :3].T + T[:3, 3]
        depth = -p[..., 2]
        z = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        pixels = np.stack([self.fx * p[..., 0] / z + self.cx, -self.fy * p[..., 1] / z + self.cy], axis=-1)
        return pixels, depth

    def cells(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Find the pixel that each of (N, 3) world points falls in.

        Returns row and column (N,) int, clipped to the picture, depth (N,), and whether it is in the picture (N,) bool.
        """
        pixels, depth = self.project(points)
        col, row = np.floor(pixels).astype(int).T
        inside = (col >= 0) & (col < self.width) & (row >= 0) & (row < self.height)
        return np.clip(row, 0, self.height - 1), np.clip(col, 0, self.width - 1), depth, inside

    def unproject(self, pixels: np.ndarray, depth: np.ndarray | float) -> np.ndarray:
        """Lift (..., 2) pixels at depths along the view axis to (..., 3) world points."""
        pixels = np.asarray(pixels, np.float64)
        x = (pixels[..., 0] - self.cx) / self.fx
        y = -(pixels[..., 1] - self.cy) / self.fy
        p = np.stack([x, y, -np.ones_like(x)], axis=-1) * np.asarray(depth, np.float64)[..., None]
        return p @ self.T_world_camera[:3, :3].T + self.T_world_camera[:3, 3]

    def pixel_grid(self) -> np.ndarray:
        """Return the pixel centres, (height, width, 2) float64 as (x, y)."""
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        return np.stack([x, y], axis=-1)

    def resized(self, width: int, height: int) -> Camera:
        """Return the same view at another picture size (the picture is stretched to fit)."""
        sx, sy = width / self.width, height / self.height
        return replace(
            self, fx=self.fx * sx, fy=self.fy * sy, cx=self.cx * sx, cy=self.cy * sy, width=width, height=height
        )

    def fitted(self, width: int, height: int) -> Camera:
        """Return the view at another picture size, not stretched: everything it showed is still in the picture."""
        s = min(width / self.width, height / self.height)
        cx = 0.5 * width + s * (self.cx - 0.5 * self.width)
        cy = 0.5 * height + s * (self.cy - 0.5 * self.height)
        return replace(self, fx=s * self.fx, fy=s * self.fy, cx=cx, cy=cy, width=width, height=height)

    def cropped(self, x0: float, y0: float, width: int, height: int) -> Camera:
        """Return the camera of the window whose upper left corner is (x0, y0); it may reach outside."""
        return replace(self, cx=self.cx - x0, cy=self.cy - y0, width=width, height=height)
