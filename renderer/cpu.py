"""Render on any processor: a tile rasteriser in numba."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians
from renderer import kernels
from renderer.base import NEAR, Frame, mean_depth
from renderer.harmonics import colours_seen_from

# Where neither OpenMP nor TBB is installed, numba's own thread pool aborts the process if two threads enter it at once.
LOCK = threading.Lock()


@dataclass(frozen=True, eq=False)
class Tiled:
    """Gaussians projected for one camera and listed by tile: what blending and its gradient read."""

    records: np.ndarray  # (N, RECORD) float32, see kernels
    boxes: np.ndarray  # (N, 4) int32, first and last pixel column, first and last pixel row
    starts: np.ndarray  # (tiles + 1,) int64
    splats: np.ndarray  # (entries,) int32
    numbers: np.ndarray  # (entries,) int32, each entry's number counted splat by splat
    firsts: np.ndarray  # (N + 1,) int64, each splat's first number
    tiles_x: int
    tiles_y: int


def camera_arrays(camera: Camera, near: float = NEAR) -> tuple[np.ndarray, np.ndarray]:
    """Return view (3, 4), world to camera, y down and z forward, and lens (7,), see kernels; float32."""
    view = np.diag([1.0, -1.0, -1.0]) @ camera.T_camera_world[:3]
    lens = np.array([camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height, near], np.float32)
    return view.astype(np.float32), lens


def tile(
    means: np.ndarray,  # (N, 3) float32
    quats: np.ndarray,  # (N, 4) float32
    scales: np.ndarray,  # (N, 3) float32
    opacities: np.ndarray,  # (N,) float32
    colours: np.ndarray,  # (N, 3) float32
    camera: Camera,
    antialiased: bool = False,
    near: float = NEAR,
) -> Tiled:
    """Project, sort by depth and list by tile."""
    view, lens = camera_arrays(camera, near)
    n = len(means)
    records = np.zeros((n, kernels.RECORD), np.float32)
    boxes = np.empty((n, 4), np.int32)
    arrays = [np.ascontiguousarray(a, dtype=np.float32) for a in (means, quats, scales, opacities, colours)]
    with LOCK:
        kernels.project(*arrays, view, lens, antialiased, records, boxes)
        order = np.argsort(records[:, kernels.DEPTH])
        tiles_x, tiles_y = -(-camera.width // kernels.TILE), -(-camera.height // kernels.TILE)
        starts, splats, numbers, firsts = kernels.list_by_tile(boxes, order, tiles_x, tiles_y)
    return Tiled(records, boxes, starts, splats, numbers, firsts, tiles_x, tiles_y)


def blend(tiled: Tiled, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Blend front to back: premultiplied r, g, b, alpha (H, W, 4) and Σ weight · depth (H, W), float32."""
    colour, weighted = np.empty((height, width, 4), np.float32), np.empty((height, width), np.float32)
    t = tiled
    with LOCK:
        kernels.blend(t.records, t.boxes, t.starts, t.splats, t.tiles_x, t.tiles_y, colour, weighted)
    return colour, weighted


class CpuRenderer:
    """The renderer that runs everywhere; also what the others are checked against."""

    name = "cpu"
    device = "numba on the processor"

    def __init__(self, near: float = NEAR) -> None:
        self._near = near

    def render(self, gaussians: Gaussians, camera: Camera) -> Frame:
        """Draw one frame at the camera's size."""
        g = gaussians
        colours = colours_seen_from(g, camera.position)
        tiled = tile(g.positions, g.rotations, g.scales, g.opacities, colours, camera, g.antialiased, self._near)
        colour, weighted = blend(tiled, camera.width, camera.height)
        return Frame(colour, mean_depth(colour, weighted))
