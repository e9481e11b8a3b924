"""A state for tests: a red square with a green half, seen straight on, in a photo that is larger than its crop."""

from __future__ import annotations

import numpy as np

from model.stages.frame import FOV_DEG, input_camera, photo_camera
from model.stages.reconstruct import view_discs
from model.stages.state import State, View

WINDOW = (20.0, -10.0, 100.0)  # the crop in the photo
WIDE, HIGH = 140, 80


def two_halves(fov_deg: float = FOV_DEG) -> State:
    """Make the state; the square lies at 45..95, 15..65 pixels, its right half is the green one."""
    size = 64
    crop = input_camera(0.3, fov_deg, size)
    depth = np.zeros((size, size), np.float32)
    depth[16:48, 16:48] = np.linalg.norm(crop.position)
    rgb = np.zeros((size, size, 3), np.float32)
    rgb[:, :32, 0] = rgb[:, 32:, 1] = 1
    normal = np.broadcast_to(crop.T_world_camera[:3, 2], (size, size, 3)).astype(np.float32)
    camera = photo_camera(crop, WINDOW, WIDE, HIGH)
    y, x = np.mgrid[:HIGH, :WIDE]
    mask = (y >= 15) & (y < 65) & (x >= 45) & (x < 95)
    image = np.full((HIGH, WIDE, 3), 255, np.uint8)
    image[mask] = np.where(x[mask, None] < 70, [255, 0, 0], [0, 255, 0])
    return State(image, mask, camera, crop, view_discs(View(crop, rgb, depth, normal), 0.5))
