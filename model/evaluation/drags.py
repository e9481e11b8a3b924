"""Drags of a pair: one pull on the moving part, and what it becomes when it is spread over the part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from model.camera import Camera
from model.drag import Drag
from model.errors import DragError
from model.evaluation.pairs import Pair, draw
from model.partdrag4d.dataset import HALF_PIXEL, SIZE, DataSet
from model.stages.propagate import SPREAD, onto_part, propagate

DRAWN = 10  # points of which the one that moves by the median is grabbed, so that no drag is a few pixels by chance
SHORTEST_PX = 1.0  # a pull that short says nothing

Outliner = Callable[[np.ndarray, tuple[float, float]], np.ndarray]  # (H, W, 3) uint8, a click, px -> (H, W) bool


@dataclass(frozen=True, eq=False)
class Pull:
    """What a user would do to bring the source to the target: grab a point of the part and put it where it belongs."""

    drag: Drag  # pixels of view 0, SIZE² px
    before: np.ndarray  # (3,) the grabbed surface point, world
    after: np.ndarray  # (3,) the same point of the target, world
    part: np.ndarray  # (SIZE, SIZE) bool, the pixels of view 0 that the drag is spread over
    part_by: str  # who says so: "SAM", "true part mask" or "surface points"

    def spread(self, count: int = SPREAD) -> tuple[np.ndarray, np.ndarray]:
        """Return PartRM's drags, (count, 2) float32 starts and ends, pixels of the 512 frame.

        One is the user's own; more are pixels of the part, drawn at random, with the user's displacement: as in
        PartRM's evaluation, where the user's own is not among them.
        """
        start, end = (np.array([p], np.float32) + HALF_PIXEL for p in (self.drag.start_px, self.drag.end_px))
        if count == 1:
            return start.clip(0, SIZE - 1), end.clip(0, SIZE - 1)
        mask = torch.from_numpy(self.part)
        begin = onto_part(torch.from_numpy(start), mask)
        starts, ends = propagate(begin, begin + torch.from_numpy(end - start), mask, count)
        return starts.numpy(), ends.numpy()


def pull_of(data: DataSet, pair: Pair, seed: int = 0, outline: Outliner | None = None) -> Pull:
    """Make the one drag of a pair; the same on every computer.

    The point is drawn among those of the moving part that view 0 sees (all of the part's where none is told to be
    seen). Its pixels: `outline`'s (SAM's) where given, else the true mask where the data set has it, else the pixels
    of the part's visible surface points. Raises DragError where nothing moves or the drag has no length.
    """
    source, target = pair.source, pair.target
    before, after = data.points(source), data.points(target)
    moving = np.flatnonzero(data.moving(source, target))
    camera = data.camera(source, 0)
    seen = data.visible(source)
    there = moving if seen is None else np.intersect1d(moving, seen)
    chosen = _inside(there if len(there) else moving, before, camera)
    if len(chosen) == 0:
        raise DragError(f"Nothing that view 0 shows moves from {source} to {target}", "Leave this pair out.")
    tried = np.array([chosen[draw(len(chosen), seed, pair.name, k)] for k in range(DRAWN)])
    starts, ends = (camera.project(points[tried])[0] for points in (before, after))
    k = int(np.argsort(np.linalg.norm(ends - starts, axis=1), kind="stable")[DRAWN // 2])
    limit = SIZE - 1 - HALF_PIXEL
    (x0, y0), (x1, y1) = (np.clip(p[k], 0, limit).tolist() for p in (starts, ends))
    drag = Drag((x0, y0), (x1, y1))
    if drag.length_px < SHORTEST_PX:
        raise DragError(f"The drag from {source} to {target} is shorter than a pixel", "Leave this pair out.")
    part, part_by = _part(data, pair, drag, camera.project(before[chosen])[0], outline)
    return Pull(drag, before[tried[k]].astype(np.float64), after[tried[k]].astype(np.float64), part, part_by)


def _inside(index: np.ndarray, points: np.ndarray, camera: Camera) -> np.ndarray:
    """Keep the points that lie in the picture."""
    return np.asarray(index[camera.cells(points[index])[3]])


def _part(
    data: DataSet, pair: Pair, drag: Drag, visible_px: np.ndarray, outline: Outliner | None
) -> tuple[np.ndarray, str]:
    if outline is not None:
        rgba = data.picture(pair.source, 0)
        return outline(rgba[..., :3], drag.start_px), "SAM"  # as PartRM: colours without their alpha
    mask = data.part_mask(pair.source)
    if mask is not None and mask.any():
        return mask, "true part mask"
    pixels = np.zeros((SIZE, SIZE), bool)
    col, row = np.floor(visible_px).astype(int).T
    pixels[row, col] = True
    return pixels, "surface points"
