"""Picture: what the input camera sees of a state after a move; where nothing has moved, the photo's own pixels stay."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians
from model.stages.state import State

Rasterize = Callable[[Gaussians, Camera], np.ndarray]  # -> (H, W, 4) float32, premultiplied
SAME = 0.015  # 0..1: splats that are drawn that much alike before and after have not moved
CHANGED = 0.06  # beyond this they have; in between both pictures are mixed
SEAM = 0.004  # of the picture's longer side: how far about a change its own picture is shown


def picture_after(
    before: State, gaussians: Gaussians, camera: Camera, rasterize: Rasterize
) -> tuple[np.ndarray, np.ndarray]:
    """Draw Gaussians that were made of a state, on white, (H, W, 3) uint8 at the camera's size, and cover (H, W) bool.

    Splats are a little softer than the photo that they were made of. So the same camera's picture of the state's own
    Gaussians tells what has changed; the rest is taken from the state's picture. `camera` is the state's, resized.
    """
    then, now = rasterize(before.gaussians, camera), rasterize(gaussians, camera)
    h, w = now.shape[:2]
    photo = np.asarray(cv2.resize(before.image, (w, h), interpolation=cv2.INTER_AREA), np.float32)
    change = np.abs(now - then).max(2)
    reach = 2 * round(SEAM * max(h, w)) + 1
    share = ((cv2.dilate(change, np.ones((reach, reach))) - SAME) / (CHANGED - SAME)).clip(0, 1)
    share = cv2.blur(share, (reach, reach))[..., None]
    drawn = np.clip(now[..., :3] + 1 - now[..., 3:], 0, 1) * 255
    picture = share * drawn + (1 - share) * photo
    return picture.round().astype(np.uint8), now[..., 3] > 0.5
