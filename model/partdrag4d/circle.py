"""Circle: where PartDrag-4D's twelve cameras stand, oddities included; in our world (y up)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model.camera import Camera

VIEWS = 12
FOV_Y_DEG = float(np.rad2deg(2 * np.arctan(18 / 50)))  # a new Blender camera: 50 mm before a sensor of 36 mm
TARGET = np.array([-0.00168855, -0.38998815, 0.00711931])  # what they look at


def partdrag4d_cameras(size: int, fov_y_deg: float = FOV_Y_DEG) -> list[Camera]:
    """Return PartDrag-4D's cameras for pictures of size x size.

    They stand on a circle at a fixed height of 1.5, 2.4 away from the world's origin; but a TRACK_TO constraint turns
    them to a point below it, so that they look down by 45° and objects hang in the upper half of their pictures.
    The azimuths are linspace(0, 360°, 12) with both ends: the last view is the first again.
    The lens is a new Blender camera's (39.598°), not the 49.1° that PartRM is trained to expect.
    """
    lens, radius = Camera.orbit(0, 0, 1, fov_y_deg, size, size), float(np.sqrt(2.4**2 - 1.5**2))
    found = []
    for azimuth in np.linspace(0, 2 * np.pi, VIEWS):
        position = np.array([radius * np.cos(azimuth), 1.5, -radius * np.sin(azimuth)])
        backward = (position - TARGET) / np.linalg.norm(position - TARGET)
        right = np.cross([0.0, 1.0, 0.0], backward)
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3] = np.stack([right, np.cross(backward, right), backward, position], axis=1)
        found.append(replace(lens, T_world_camera=pose))
    return found
