"""Navigation: cameras around a target. Pure functions; pixels are those of the camera passed in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera
from model.gaussians import Gaussians

TURN_DEG_PER_PX = 0.4
ZOOM_PER_NOTCH = 0.88  # of the distance to the target
UP = np.array([0.0, 1.0, 0.0])
STEEPEST_DEG = 88.0  # straight up and down have no azimuth


@dataclass(frozen=True, eq=False)
class View:
    """Where the user looks from, and the point that orbiting turns around."""

    camera: Camera
    target: np.ndarray  # (3,) float64, world
    up: np.ndarray = field(default_factory=lambda: UP)  # (3,) unit, what orbiting turns about

    @property
    def distance(self) -> float:
        """Return how far the target is from the camera, world units."""
        return float(np.linalg.norm(self.camera.position - self.target))


def orbit(view: View, dx_px: float, dy_px: float) -> View:
    """Turn around the target: sideways about the axis `up`, up and down about the camera's x axis."""
    T = view.camera.T_world_camera
    elevation = np.rad2deg(np.arcsin(np.clip(T[:3, 2] @ view.up, -1, 1)))  # of the camera's backward axis
    up_deg = np.clip(elevation + dy_px * TURN_DEG_PER_PX, -STEEPEST_DEG, STEEPEST_DEG) - elevation
    if abs(elevation) > STEEPEST_DEG:  # a photo from straight above may be left, not approached further
        up_deg = -np.sign(elevation) * abs(dy_px * TURN_DEG_PER_PX) if dy_px * elevation < 0 else 0.0
    turn = _rotation(view.up, -dx_px * TURN_DEG_PER_PX) @ _rotation(T[:3, 0], -up_deg)
    moved = T.copy()
    moved[:3, :3] = turn @ T[:3, :3]
    moved[:3, 3] = view.target + turn @ (T[:3, 3] - view.target)
    return replace(view, camera=replace(view.camera, T_world_camera=moved))


def pan(view: View, dx_px: float, dy_px: float) -> View:
    """Move camera and target so that the target follows the pointer."""
    camera = view.camera
    R = camera.T_world_camera[:3, :3]
    depth = max(float((camera.position - view.target) @ R[:, 2]), 1e-3)
    shift = R[:, 0] * (-dx_px * depth / camera.fx) + R[:, 1] * (dy_px * depth / camera.fy)
    T = camera.T_world_camera.copy()
    T[:3, 3] += shift
    return replace(view, camera=replace(camera, T_world_camera=T), target=view.target + shift)


def zoom(view: View, notches: float) -> View:
    """Go nearer to the target (positive notches) or away from it."""
    T = view.camera.T_world_camera.copy()
    T[:3, 3] = view.target + (T[:3, 3] - view.target) * ZOOM_PER_NOTCH**notches
    return replace(view, camera=replace(view.camera, T_world_camera=T))


def focus(view: View, point: np.ndarray) -> View:
    """Bring a (3,) world point to the middle and turn around it from now on; the distance stays."""
    offset = view.camera.T_world_camera[:3, 2] * view.distance
    T = view.camera.T_world_camera.copy()
    T[:3, 3] = point + offset
    return replace(view, camera=replace(view.camera, T_world_camera=T), target=np.asarray(point, np.float64))


def home(gaussians: Gaussians, camera: Camera | None) -> View:
    """Look from the input camera; where there is none (a splat file), look at the middle 90 % from a little above."""
    positions = gaussians.positions[np.isfinite(gaussians.positions).all(axis=1)]
    if not len(positions):
        return View(camera or Camera.orbit(0, 0, 3, 40, 512, 512), np.zeros(3))
    low, high = np.percentile(positions, [5, 95], axis=0)
    target = (low + high) / 2
    if camera is not None:
        return View(camera, target)
    radius = max(float(np.linalg.norm(high - low)) / 2, 1e-3)
    distance = 1.15 * radius / np.sin(np.deg2rad(20.0))
    return View(Camera.orbit(25, 18, distance, 40, 512, 512, (target[0], target[1], target[2])), target)


def _rotation(axis: np.ndarray, angle_deg: float) -> np.ndarray:
    return Joint("revolute", axis, np.zeros(3)).transform(np.deg2rad(angle_deg))[:3, :3]
