"""NetworkView: a data set's views as PartRM knows them: in camera 0's frame, and through its lens.

PartRM's own training looks through a lens of 49.1 degrees at PartDrag-4D's pictures, which were taken with 39.6. For
data of that preset (and published data, which do not name theirs) we do the same everywhere: rays, Gaussian database
and rendering, so that weights and databases can be exchanged; other data are seen through their own lens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.camera import Camera
from model.network.partrm_input import FOV_Y_DEG, RADIUS, normalised
from model.partdrag4d.dataset import DataSet, StateId

INPUT_VIEWS = (0, 1, 2, 3)


def mismatched(data: DataSet) -> bool:
    """Say whether PartRM looks at these pictures through another lens than they were taken with."""
    return data.told.get("preset", "partdrag4d") == "partdrag4d"


def network_cameras(data: DataSet, id: StateId, views: Sequence[int], size: int) -> list[Camera]:
    """Return a state's cameras as PartRM knows them, for pictures of size x size; see above. Raises FormatError."""
    cameras = normalised([data.camera(id, 0, size), *(data.camera(id, view, size) for view in views)])[1:]
    if not mismatched(data):
        return cameras
    lens = Camera.orbit(0, 0, 1, FOV_Y_DEG, size, size)
    return [replace(lens, T_world_camera=camera.T_world_camera) for camera in cameras]


def scale_to_network(data: DataSet, id: StateId) -> float:
    """Return how much longer the network's world makes a length of the data set's."""
    radius = float(np.linalg.norm(data.camera(id, 0).position))
    return RADIUS / radius


def meeting_point(cameras: Sequence[Camera]) -> np.ndarray:
    """Return the point nearest to the lines along which cameras look, (3,) world units."""
    A, b = np.zeros((3, 3)), np.zeros(3)
    for camera in cameras:
        forward = -camera.T_world_camera[:3, 2]
        across = np.eye(3) - np.outer(forward, forward)
        A, b = A + across, b + across @ camera.position
    return np.asarray(np.linalg.solve(A, b))
