"""Navigation: cameras around a target. Pure functions; pixels are those of the camera passed in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera
from model.gaussians import Gaussians, matrix_from_quaternion, quaternion_from_matrix

TURN_DEG_PER_PX = 0.4
LOOK_DEG_PER_PX = 0.2  # of a head that turns, which a small move of the hand should not throw about
ZOOM_PER_NOTCH = 0.88  # of the distance to the target
NEAREST = 1e-3  # world units from the target
UP = np.array([0.0, 1.0, 0.0])
UPS = {  # the axes that may point upwards in other programs' files, (3,) each
    "+y": UP,
    "-y": -UP,
    "+z": np.array([0.0, 0.0, 1.0]),
    "-z": np.array([0.0, 0.0, -1.0]),
    "+x": np.array([1.0, 0.0, 0.0]),
    "-x": np.array([-1.0, 0.0, 0.0]),
}
STEEPEST_DEG = 88.0  # straight up and down have no azimuth
FAR = 1000.0  # times as far away stands a camera whose lines of sight are all but parallel: off by a pixel in 1000


@dataclass(frozen=True, eq=False)
class View:
    """Where the user looks from, and the point that orbiting turns around."""

    camera: Camera
    target: np.ndarray  # (3,) float64, world
    up: np.ndarray = field(default_factory=lambda: UP)  # (3,) unit, what orbiting turns about
    orthographic: bool = False  # lines of sight are parallel; the camera tells where the target is as large

    @property
    def seen(self) -> Camera:
        """Return the camera to draw with: an orthographic view is taken from very far away through a long lens.

        It is a pinhole like any other, so that renderers, picking and films need not know. In float32 its depths are
        exact to one part in 16,000 of the distance to the target, its pixels to a thousandth.
        """
        if not self.orthographic:
            return self.camera
        c, back = self.camera, self.camera.T_world_camera[:3, 2]
        depth = max(float((c.position - self.target) @ back), NEAREST)
        at = c.T_camera_world[:3, :3] @ (self.target - c.position)  # (3,) the target, as the camera has it
        T = c.T_world_camera.copy()
        T[:3, 3] = self.target + FAR * depth * back
        # The target stays at its pixel: the camera is opposite to it, so the middle of the lens moves there.
        cx, cy = c.cx + c.fx * at[0] / depth, c.cy - c.fy * at[1] / depth
        return replace(c, T_world_camera=T, fx=FAR * c.fx, fy=FAR * c.fy, cx=float(cx), cy=float(cy))

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
    depth = max(float((camera.position - view.target) @ R[:, 2]), NEAREST)
    shift = R[:, 0] * (-dx_px * depth / camera.fx) + R[:, 1] * (dy_px * depth / camera.fy)
    T = camera.T_world_camera.copy()
    T[:3, 3] += shift
    return replace(view, camera=replace(camera, T_world_camera=T), target=view.target + shift)


def zoom(view: View, notches: float) -> View:
    """Go nearer to the target (positive notches) or away from it."""
    T = view.camera.T_world_camera.copy()
    T[:3, 3] = view.target + (T[:3, 3] - view.target) * ZOOM_PER_NOTCH**notches
    return replace(view, camera=replace(view.camera, T_world_camera=T))


def zoom_at(view: View, notches: float, dx_px: float, dy_px: float) -> View:
    """Go nearer to what lies at the target's depth under the pointer, (dx, dy) px from the lens's middle, or away."""
    camera = view.camera
    R = camera.T_world_camera[:3, :3]
    depth = max(float((camera.position - view.target) @ R[:, 2]), NEAREST)
    at = camera.position + depth * (R[:, 0] * dx_px / camera.fx - R[:, 1] * dy_px / camera.fy - R[:, 2])
    share = ZOOM_PER_NOTCH**notches
    T = camera.T_world_camera.copy()
    T[:3, 3] = at + (T[:3, 3] - at) * share
    target = at + (view.target - at) * share
    return replace(view, camera=replace(camera, T_world_camera=T), target=target)


def look(view: View, dx_px: float, dy_px: float) -> View:
    """Turn the head where it is; the target stays before it, as far away as it was."""
    T = view.camera.T_world_camera.copy()
    elevation = np.rad2deg(np.arcsin(np.clip(-T[:3, 2] @ view.up, -1, 1)))  # of the line of sight
    up_deg = np.clip(elevation - dy_px * LOOK_DEG_PER_PX, -STEEPEST_DEG, STEEPEST_DEG) - elevation
    T[:3, :3] = _rotation(view.up, -dx_px * LOOK_DEG_PER_PX) @ _rotation(T[:3, 0], up_deg) @ T[:3, :3]
    target = T[:3, 3] - T[:3, 2] * view.distance
    return replace(view, camera=replace(view.camera, T_world_camera=T), target=target)


def fly(view: View, right: float, up: float, ahead: float) -> View:
    """Carry camera and target along the camera's axes, world units."""
    T = view.camera.T_world_camera.copy()
    step = T[:3, :3] @ np.array([right, up, -ahead])
    T[:3, 3] += step
    return replace(view, camera=replace(view.camera, T_world_camera=T), target=view.target + step)


def focus(view: View, point: np.ndarray) -> View:
    """Bring a (3,) world point to the middle and turn around it from now on; the distance stays."""
    offset = view.camera.T_world_camera[:3, 2] * view.distance
    T = view.camera.T_world_camera.copy()
    T[:3, 3] = point + offset
    return replace(view, camera=replace(view.camera, T_world_camera=T), target=np.asarray(point, np.float64))


def home(gaussians: Gaussians, camera: Camera | None, up: np.ndarray = UP) -> View:
    """Look from the input camera; where there is none (a splat file), look at the middle 90 % from a little above.

    up: (3,) unit, which way is up in a splat file.
    """
    positions = gaussians.positions[np.isfinite(gaussians.positions).all(axis=1)]
    if not len(positions):
        return View(camera or Camera.orbit(0, 0, 3, 40, 512, 512), np.zeros(3))
    low, high = np.percentile(positions, [5, 95], axis=0)
    target = (low + high) / 2
    if camera is not None:
        return View(camera, target)
    radius = max(float(np.linalg.norm(high - low)) / 2, 1e-3)
    distance = 1.15 * radius / np.sin(np.deg2rad(20.0))
    return placed(Pose(25, 18, distance, (target[0], target[1], target[2]), 40), up, 512, 512)


@dataclass(frozen=True)
class Pose:
    """A view in numbers that can be typed; azimuth and elevation are seen with `up` upwards, as in Camera.orbit."""

    azimuth_deg: float
    elevation_deg: float
    distance: float  # world units, to the target
    target: tuple[float, float, float]  # world units
    fov_y_deg: float


def pose(view: View) -> Pose:
    """Return a view's numbers."""
    R = standing(view.up).T @ view.camera.T_world_camera[:3, :3]
    azimuth = np.rad2deg(np.arctan2(-R[2, 0], R[0, 0]))  # of the camera's x axis: it has one also from straight above
    elevation = np.rad2deg(np.arcsin(np.clip(R[1, 2], -1, 1)))
    x, y, z = (float(v) for v in view.target)
    return Pose(float(azimuth), float(elevation), view.distance, (x, y, z), view.camera.fov_y_deg)


def placed(pose: Pose, up: np.ndarray, width: int, height: int) -> View:
    """Return the view that has these numbers, for a picture of a size in px; the target is in its middle."""
    straight = Camera.orbit(
        pose.azimuth_deg, pose.elevation_deg, max(pose.distance, NEAREST), pose.fov_y_deg, width, height
    )
    T, R = straight.T_world_camera.copy(), standing(up)
    T[:3, :3] = R @ T[:3, :3]
    T[:3, 3] = np.asarray(pose.target) + R @ T[:3, 3]
    return View(replace(straight, T_world_camera=T), np.asarray(pose.target, np.float64), up)


def standing(up: np.ndarray) -> np.ndarray:
    """Return the shortest rotation (3, 3) that carries y into up (3,), or half a turn about x where it is -y."""
    axis, c = np.cross(UP, up), float(UP @ up)
    if np.linalg.norm(axis) < 1e-9:
        return np.eye(3) if c > 0 else np.diag([1.0, -1.0, -1.0])
    return _rotation(axis / np.linalg.norm(axis), float(np.rad2deg(np.arctan2(np.linalg.norm(axis), c))))


def with_up(view: View, up: np.ndarray) -> View:
    """Return a view carried along while the world is turned so that up (3,) points upwards: the picture shows that."""
    turn = standing(up) @ standing(view.up).T
    T = view.camera.T_world_camera.copy()
    T[:3, :3] = turn @ T[:3, :3]
    T[:3, 3] = view.target + turn @ (T[:3, 3] - view.target)
    return replace(view, camera=replace(view.camera, T_world_camera=T), up=up)


def between(a: View, b: View, t: float) -> View:
    """Return the view at t, 0 (a) ... 1 (b), of a smooth move: about the target, which goes along a straight line."""
    if t >= 1:
        return b
    start = a.camera.fitted(b.camera.width, b.camera.height)
    R_a, R_b = start.T_world_camera[:3, :3], b.camera.T_world_camera[:3, :3]
    R = R_a @ _part_of_turn(R_a.T @ R_b, t)
    target = (1 - t) * a.target + t * b.target
    # The target as each camera has it: its direction goes straight over, its distance by shares.
    at_a, at_b = R_a.T @ (a.target - start.position), R_b.T @ (b.target - b.camera.position)
    far_a, far_b = max(a.distance, NEAREST), max(b.distance, NEAREST)
    at = (1 - t) * at_a / far_a + t * at_b / far_b
    at *= far_a ** (1 - t) * far_b**t / max(float(np.linalg.norm(at)), 1e-9)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, target - R @ at
    lens = {name: (1 - t) * getattr(start, name) + t * getattr(b.camera, name) for name in ("fx", "fy", "cx", "cy")}
    return View(replace(b.camera, T_world_camera=T, **lens), target, b.up, b.orthographic)


def _part_of_turn(R: np.ndarray, t: float) -> np.ndarray:
    """Return the share t of a rotation (3, 3)."""
    q = np.asarray(quaternion_from_matrix(R), np.float64)
    q = q if q[0] >= 0 else -q
    half, sine = np.arctan2(np.linalg.norm(q[1:]), q[0]), float(np.linalg.norm(q[1:]))
    if sine < 1e-9:
        return np.eye(3)
    return matrix_from_quaternion(np.array([np.cos(t * half), *(np.sin(t * half) * q[1:] / sine)]))


def _rotation(axis: np.ndarray, angle_deg: float) -> np.ndarray:
    return Joint("revolute", axis, np.zeros(3)).transform(np.deg2rad(angle_deg))[:3, :3]
