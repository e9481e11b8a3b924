"""Framed: a data set's view, turned and cut so that the object stands in its middle, as the embedded model sees it.

Turning a camera about its own place changes no line of sight, so that the picture can be warped exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from model.camera import Camera
from model.drag import Drag
from model.gaussians import Gaussians
from model.stages.frame import FILL, distance, elevation_deg
from model.stages.frame import carried as carried_camera
from model.stages.predict_partrm import carried as carried_gaussians

FLIP = np.diag([1.0, -1.0, -1.0])  # OpenGL axes to those of pixels: y down, z forward
FACING = 8  # rounds until the object is in the middle; each leaves a few percent of the last one's error


@dataclass(frozen=True, eq=False)
class Framed:
    """A view in which the object fills the frame as in training, and where the object is."""

    image: np.ndarray  # (S, S, 3) uint8 on white
    mask: np.ndarray  # (S, S) bool, the object
    camera: Camera  # looks at `middle`; the data set's world
    middle: np.ndarray  # (3,) the point of the line of sight that is as far away as the object
    H: np.ndarray  # (3, 3) pixels of the view to pixels of the frame

    @property
    def centred(self) -> Camera:
        """Return the camera in the data set's world with `middle` as its origin."""
        return about(self.camera, self.middle)

    @property
    def eye(self) -> Camera:
        """Return the camera that the embedded model knows such a picture from: azimuth 0, the true elevation."""
        fov, (h, w) = self.camera.fov_y_deg, self.mask.shape
        return Camera.orbit(0.0, elevation_deg(self.camera), distance(np.tan(np.deg2rad(fov) / 2)), fov, w, h)

    def pixel(self, at_px: tuple[float, float]) -> tuple[float, float]:
        """Find a pixel of the view in the frame, kept inside it."""
        x, y, w = self.H @ (*at_px, 1.0)
        limit = len(self.mask) - 1e-3
        return float(np.clip(x / w, 0, limit)), float(np.clip(y / w, 0, limit))

    def drag(self, drag: Drag) -> Drag:
        """Carry a drag from the view into the frame."""
        return Drag(self.pixel(drag.start_px), self.pixel(drag.end_px))

    def area(self, mask: np.ndarray) -> np.ndarray:
        """Carry a mask of the view (512, 512) bool into the frame, (S, S) bool."""
        size = self.mask.shape[::-1]
        return np.asarray(_warp(mask.astype(np.float32), self.H, size) > 0.5)

    def cameras(self, cameras: tuple[Camera, ...], eye: Camera) -> tuple[Camera, ...]:
        """Put the data set's cameras where they stand in the embedded model's world, given its input camera."""
        source = self.centred
        return tuple(carried_camera(about(c, self.middle), source, eye) for c in cameras)

    def gaussians(self, gaussians: Gaussians) -> Gaussians:
        """Carry Gaussians of the data set's world into that of `eye`."""
        moved = replace(gaussians, positions=(gaussians.positions - self.middle).astype(np.float32))
        return carried_gaussians(moved, self.centred, self.eye)

    def shift(self, before: np.ndarray, after: np.ndarray, eye: Camera) -> np.ndarray:
        """Carry the way between two points of the data set's world into that of an input camera, (3,)."""
        scale = np.linalg.norm(eye.position) / np.linalg.norm(self.centred.position)
        along = self.camera.T_camera_world[:3, :3] @ (after - before)
        return np.asarray(scale * eye.T_world_camera[:3, :3] @ along)


def about(camera: Camera, origin: np.ndarray) -> Camera:
    """Return a camera in the same world with another origin, (3,)."""
    pose = camera.T_world_camera.copy()
    pose[:3, 3] -= origin
    return replace(camera, T_world_camera=pose)


def framed(rgba: np.ndarray, camera: Camera, centre: np.ndarray, size: int = 512) -> Framed:
    """Turn a view (H, W, 4) uint8 towards its object and cut it out; `centre` (3,) tells how far away that is."""
    there = rgba[..., 3] > 127
    rim = there & (cv2.erode(there.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    pixels = camera.pixel_grid()[rim if rim.any() else np.ones_like(there)]
    sight = camera.unproject(pixels, 1.0) - camera.position  # (K, 3) lines of sight to the outline, world
    towards = sight.mean(0)
    for _ in range(FACING):
        R = _facing(towards)
        local = sight @ R
        slope = local[:, :2] / -local[:, 2:]
        low, high = slope.min(0), slope.max(0)
        towards = R @ np.append((low + high) / 2, -1.0)
    tan = float((high - low).max()) / 2 / FILL
    focal = size / 2 / tan
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = R, camera.position
    turned = Camera(pose, focal, focal, size / 2, size / 2, size, size)
    H = _lens(turned) @ FLIP @ R.T @ camera.T_world_camera[:3, :3] @ FLIP @ np.linalg.inv(_lens(camera))
    alpha = rgba[..., 3:].astype(np.float32) / 255
    flat = _warp(np.dstack([rgba[..., :3] / np.float32(255) * alpha, alpha]), H, (size, size))
    image = ((flat[..., :3] + 1 - flat[..., 3:]) * 255).round().clip(0, 255).astype(np.uint8)
    axis = -R[:, 2]
    middle = camera.position + axis * float((centre - camera.position) @ axis)
    return Framed(image, flat[..., 3] > 0.5, turned, middle, H)


def _facing(towards: np.ndarray) -> np.ndarray:
    """Return the axes (right, up, backward) of an upright camera that looks along a direction, (3, 3)."""
    backward = -towards / np.linalg.norm(towards)
    up = np.array([0.0, 1.0, 0.0]) if abs(backward[1]) < 0.999 else np.array([0.0, 0.0, -1.0])
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(backward, right), backward], axis=1)


def _lens(camera: Camera) -> np.ndarray:
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])


def _warp(picture: np.ndarray, H: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Warp a picture by a homography between pixels whose centres are at +0.5; outside is 0."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    return np.asarray(cv2.warpPerspective(picture, np.linalg.inv(half) @ H @ half, size, flags=cv2.INTER_LINEAR))
