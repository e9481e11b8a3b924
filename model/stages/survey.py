"""Survey: finds all parts of a state that move, before anybody has pressed on one."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from model.camera import Camera
from model.errors import DragError
from model.gaussians import Gaussians
from model.progress import Progress, silent
from model.stages.atlas import DEEP, Atlas
from model.stages.frame import window_of
from model.stages.part import Parts, draw
from model.stages.part_mask import EDGES
from model.stages.state import Part, State

Point = tuple[float, float]
MOST = 24  # parts of one object
LEAST = 60  # px of EDGES: smaller pieces are what borders leave over
SAME = 0.5  # of a found part's pixels: when as many are another's already, it is that one once more
SHARP = 256  # px at which the input view is asked what it sees


def survey(state: State, parts: Parts, find: Callable[[Point], Part], progress: Progress = silent) -> Atlas:
    """Ask for a part wherever the network sees something that moves, until nothing is left; about 60 ms a part.

    find is what a press asks: it takes a place in the image.
    """
    left, top, side = window_of(state.camera, state.crop)
    square = state.crop.resized(EDGES, EDGES)
    pixels, splats = np.full((EDGES, EDGES), -1, np.int8), np.full(len(state.gaussians), -1, np.int8)
    open_, count = _moving(parts), 0
    while count < MOST and (seed := _middle(open_)) is not None:
        progress(count / MOST, "Looking for parts")
        x, y = ((v + 0.5) * side / EDGES + o for v, o in zip(seed, (left, top), strict=True))
        try:
            found = find((x, y))
        except DragError:  # the seed's place in the image is not on the object after all
            found = None
        mask = np.zeros_like(open_) if found is None else _in_square(found.mask, (left, top, side))
        mask[seed[1], seed[0]] = True
        open_[max(seed[1] - 2, 0) : seed[1] + 3, max(seed[0] - 2, 0) : seed[0] + 3] = False
        fresh = mask & (pixels < 0)
        known = pixels[mask & (pixels >= 0)]
        again = len(known) > SAME * mask.sum()
        number = int(np.bincount(known).argmax()) if again else count
        if found is not None and (again or fresh.sum() >= LEAST):
            pixels[fresh] = number
            splats[found.splats & (splats < 0)] = number
            count += not again
        open_ &= ~mask
    depth, seen = _shown(state.gaussians, state.crop.resized(SHARP, SHARP))
    progress(1.0, "Looking for parts")
    return Atlas(square, pixels, splats, seen, depth)


def _moving(parts: Parts) -> np.ndarray:
    """Say where the network sees something that moves, (EDGES, EDGES) bool."""
    logits = cv2.resize(parts.out.movable[0].numpy(), (EDGES, EDGES), interpolation=cv2.INTER_LINEAR)
    there = cv2.resize(parts.there.astype(np.uint8), (EDGES, EDGES), interpolation=cv2.INTER_NEAREST) > 0
    return np.asarray((logits > 0) & there)


def _middle(area: np.ndarray) -> tuple[int, int] | None:
    """Return the pixel (x, y) of an area that lies deepest in it, away from borders; None where little is left."""
    inside = cv2.distanceTransform(np.pad(area, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return (int(x), int(y)) if inside[y, x] > 2 else None


def _in_square(mask: np.ndarray, window: tuple[float, float, float]) -> np.ndarray:
    """Read an image's mask (H, W) at the middles of the crop's pixels, (EDGES, EDGES) bool."""
    left, top, side = window
    at = (np.arange(EDGES) + 0.5) * side / EDGES
    cols, rows = np.floor(left + at).astype(int), np.floor(top + at).astype(int)
    h, w = mask.shape
    inside = ((rows >= 0) & (rows < h))[:, None] & ((cols >= 0) & (cols < w))
    return np.asarray(mask[np.clip(rows, 0, h - 1)][:, np.clip(cols, 0, w - 1)] & inside)


def _shown(gaussians: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """See the Gaussians in a square view: (S, S) float32 depth, -inf where nothing, and which are seen, (N,) bool.

    All that lies at most DEEP behind what is seen counts: a surface is many Gaussians thick.
    """
    maps = draw(gaussians, camera)[0]
    depth = np.where(maps[3] > 0.5, maps[4] + np.float32(np.linalg.norm(camera.position)), -np.inf).astype(np.float32)
    row, col, own, inside = camera.cells(gaussians.positions)
    near = depth[row, col]
    return depth, inside & np.isfinite(near) & (own < near + DEEP)
