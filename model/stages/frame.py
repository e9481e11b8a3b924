"""The frame in which the embedded networks see the world: crop, camera distance, the four views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model.camera import Camera
from model.errors import ImageError

HALF_FRAME = 0.6  # world units from the picture's middle to its border, at the world's origin
FILL = 0.88  # how much of the crop's side the object's longer side takes
FOV_DEG = 35.0  # assumed of a photo: a phone at two steps, or a product shot
AZIMUTHS_DEG = (0.0, 90.0, 180.0, 270.0)


def distance(tan_half_fov: float) -> float:
    """Return the camera's distance from the world's origin, world units."""
    return HALF_FRAME / tan_half_fov


def crop_window(mask: np.ndarray) -> tuple[float, float, float]:  # (H, W) bool
    """Return the square round the object, as (left, top, side) in image pixels; it may reach outside the image."""
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(ys) == 0:
        raise ImageError("No object in the image", "Draw a box round the object.")
    x0, x1, y0, y1 = xs[0], xs[-1] + 1, ys[0], ys[-1] + 1
    side = max(x1 - x0, y1 - y0) / FILL
    return (x0 + x1 - side) / 2, (y0 + y1 - side) / 2, float(side)


def input_camera(elevation_rad: float, fov_deg: float, size: int) -> Camera:
    """Return the camera of the square crop at a size in pixels."""
    return Camera.orbit(0.0, np.rad2deg(elevation_rad), distance(np.tan(np.deg2rad(fov_deg) / 2)), fov_deg, size, size)


def photo_camera(crop: Camera, window: tuple[float, float, float], width: int, height: int) -> Camera:
    """Return the camera of the whole photo, given that of its crop."""
    left, top, side = window
    scale = side / crop.width
    return replace(
        crop,
        fx=crop.fx * scale,
        fy=crop.fy * scale,
        cx=crop.cx * scale + left,
        cy=crop.cy * scale + top,
        width=width,
        height=height,
    )


def window_of(photo: Camera, crop: Camera) -> tuple[float, float, float]:
    """Return the crop's square in the photo's pixels, as (left, top, side): what `photo_camera` was given."""
    scale = photo.fx / crop.fx
    return photo.cx - crop.cx * scale, photo.cy - crop.cy * scale, crop.width * scale


def reframed(crop: Camera, fill: float, lift: float = 0.0) -> Camera:
    """Look from the same place so that the object takes `fill` of the frame's side and lies `lift` of it higher."""
    smaller = fill / FILL
    return replace(crop, fx=crop.fx * smaller, fy=crop.fy * smaller, cy=crop.cy - lift * crop.height)


def view_cameras(crop: Camera, size: int) -> tuple[Camera, ...]:
    """Return the four cameras that look at the origin from all sides, the input's first."""
    e, d = elevation_deg(crop), float(np.linalg.norm(crop.position))
    return tuple(Camera.orbit(a, e, d, crop.fov_y_deg, size, size) for a in AZIMUTHS_DEG)


def photo_axes(crop: Camera) -> np.ndarray:
    """Return the rigid (4, 4) transform from the upright world into the input camera's own axes.

    There the camera stands on the z axis and looks along -z, as in PartRM's and LGM's outputs; gravity is tilted by
    the camera's elevation.
    """
    T = np.eye(4)
    T[:3, :3] = crop.T_world_camera[:3, :3].T  # the crop looks at the origin, which stays
    return T


def elevation_deg(camera: Camera) -> float:
    """Return how far a camera looks down."""
    return float(np.rad2deg(np.arcsin(np.clip(camera.T_world_camera[1, 2], -1, 1))))


def carried(camera: Camera, source: Camera, target: Camera) -> Camera:
    """Put a camera where it stands relative to one input camera, in the world that another one looks at.

    The source itself becomes the target, lens and all.
    """
    T = source.T_camera_world @ camera.T_world_camera
    T[:3, 3] *= np.linalg.norm(target.position) / np.linalg.norm(source.position)
    moved = replace(camera, T_world_camera=target.T_world_camera @ T)
    if camera is source:
        return replace(moved, fx=target.fx, fy=target.fy, cx=target.cx, cy=target.cy)
    return moved
