"""Atlas: which parts of a state move and where they are, so that a pointer over them can be answered at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.camera import Camera
from model.stages.frame import window_of
from model.stages.state import State

DEEP = 0.03  # world units: how far behind what the input view shows a point still counts as seen


@dataclass(frozen=True, eq=False)
class Atlas:
    """The parts that move, numbered from 0; -1 is what does not."""

    crop: Camera  # the input view's square, at S pixels
    pixels: np.ndarray  # (S, S) int8, the part that each pixel of it shows
    splats: np.ndarray  # (N,) int8, the part of each Gaussian
    seen: np.ndarray  # (N,) bool, those that the input view shows
    depth: np.ndarray  # (D, D) float32, of what it shows, along its view axis; -inf where nothing

    def at(self, camera: Camera, at_px: tuple[float, float]) -> int:
        """Return the part at a pixel of the input view, or -1; camera is the input camera at the image's size."""
        left, top, side = self.window(camera)
        size = len(self.pixels)
        x, y = (int(np.floor((v - o) * size / side)) for v, o in zip(at_px, (left, top), strict=True))
        return int(self.pixels[y, x]) if 0 <= x < size and 0 <= y < size else -1

    def window(self, camera: Camera) -> tuple[float, float, float]:
        """Return where the pixels lie in the image, (left, top, side) px; camera is the input camera at its size."""
        return window_of(camera, self.crop)

    def sees(self, point: np.ndarray) -> bool:
        """Tell whether the input view shows a world point (3,)."""
        row, col, depth, inside = self.crop.resized(*self.depth.shape).cells(point[None])
        around = self.depth[max(row[0] - 1, 0) : row[0] + 2, max(col[0] - 1, 0) : col[0] + 2]
        return bool(inside[0] and depth[0] > 0 and (depth[0] < around + DEEP).any())

    def nearest_seen(self, which: np.ndarray, point: np.ndarray, state: State) -> np.ndarray | None:
        """Return the place of the Gaussian nearest to a point (3,) of those, (N,) bool, that the input view shows."""
        shown = state.gaussians.positions[self.seen & which].astype(np.float64)
        return shown[np.argmin(((shown - point) ** 2).sum(1))] if len(shown) else None
