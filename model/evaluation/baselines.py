"""Baselines: a 2D drag editor made to give a 3D state, as PartRM's paper compares itself with such.

NVS-First draws the object's other sides and lets the editor drag in each; Drag-First lets it drag in the input view and
then draws the other sides. Both end in splats. The sides are the embedded model's; the splats LGM's where its weights
are on this computer, else the embedded reconstruct stage's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch

from model.camera import Camera
from model.drag import Drag
from model.errors import ImageError
from model.evaluation.editors import DragEditor
from model.evaluation.framed import Framed, framed
from model.evaluation.methods import frame_of, opened
from model.evaluation.protocol import Rasterize, Sample, drawn
from model.gaussians import Gaussians
from model.network.partrm import PartRM, gaussians_from_output
from model.network.partrm_input import FOV_Y_DEG, SIZE, normalised, prepare_views
from model.stages.frame import crop_window
from model.stages.multiview import FINE, multiview, seen_surface
from model.stages.multiview_zero123 import NEAR_WHITE
from model.stages.pipeline import Pipeline
from model.stages.predict_partrm import FAINT, carried
from model.stages.reconstruct import reconstruct
from model.stages.segment import object_mask
from model.stages.state import View

MARGIN = 0.25  # of the frame, on each side of what an editor is given: a part may leave the frame
LGM_RADIUS = 1.5  # world units, from LGM's cameras to the object
BESIDE = 0.06  # world units: a surface that near to what the input view shows of the part belongs to it

Rebuild = Callable[[list[np.ndarray], list[Camera]], Gaussians]  # pictures (S, S, 3) uint8 on white, their cameras


class NvsFirst:
    """Other sides first, then the editor on each side, then splats."""

    def __init__(self, editor: DragEditor, pipeline: Pipeline, rasterize: Rasterize, rebuild: Rebuild) -> None:
        self.name = f"{editor.name}, NVS-First"
        self.editor, self.pipeline, self.rasterize, self.rebuild = editor, pipeline, rasterize, rebuild

    def __call__(self, sample: Sample) -> np.ndarray:
        frame = frame_of(sample)
        views = sides(self.pipeline, frame)
        drags = side_drags(frame, sample, views)
        edited, cameras = [], []
        for k, (view, drag) in enumerate(zip(views, drags, strict=True)):
            camera = view.camera.resized(*frame.mask.shape)
            picture = frame.image if k == 0 else enlarged(view, len(frame.mask))
            part = frame.area(sample.pull.part) if k == 0 else part_in(view, views[0], frame.area(sample.pull.part))
            picture, part, moved, wide = with_margin(picture, part, drag, camera)
            edited.append(self.editor(picture, [moved], part))
            cameras.append(wide)
        splats = self.rebuild(edited, cameras)
        return drawn(self.rasterize, splats, frame.cameras(sample.cameras, views[0].camera))


class DragFirst:
    """The editor on the input view first, then the other sides of what it made, then splats."""

    def __init__(self, editor: DragEditor, pipeline: Pipeline, rasterize: Rasterize, rebuild: Rebuild | None) -> None:
        """Without a rebuild the sides' own surfaces become splats."""
        self.name = f"{editor.name}, Drag-First"
        self.editor, self.pipeline, self.rasterize, self.rebuild = editor, pipeline, rasterize, rebuild

    def __call__(self, sample: Sample) -> np.ndarray:
        frame = frame_of(sample)
        picture, part, drag, wide = with_margin(
            frame.image, frame.area(sample.pull.part), frame.drag(sample.pull.drag), frame.camera
        )
        made = self.editor(picture, [drag], part)
        again = reframed(made, wide, sample.centre)
        if self.rebuild is None:
            state = opened(self.pipeline, again)
            return drawn(self.rasterize, state.gaussians, again.cameras(sample.cameras, state.camera))
        views = sides(self.pipeline, again)
        size = len(again.mask)
        pictures = [again.image, *(enlarged(view, size) for view in views[1:])]
        splats = self.rebuild(pictures, [view.camera.resized(size, size) for view in views])
        return drawn(self.rasterize, splats, again.cameras(sample.cameras, views[0].camera))


def sides(pipeline: Pipeline, frame: Framed) -> tuple[View, ...]:
    """Let the embedded networks see four sides of the object in a framed picture."""
    window, fov = crop_window(frame.mask), frame.camera.fov_y_deg
    return multiview(frame.image, frame.mask, window, pipeline.surface, pipeline.completion, fov)


def side_drags(frame: Framed, sample: Sample, views: tuple[View, ...]) -> list[Drag]:
    """Project the pull into every side: from the surface that the input view shows there, by the true way in space."""
    first = views[0]
    size = len(frame.mask)
    start_px = np.array(frame.pixel(sample.pull.drag.start_px))
    cell = np.minimum((start_px * FINE / size).astype(int), FINE - 1)
    depth = float(first.depth[cell[1], cell[0]]) or float(np.linalg.norm(first.camera.position))
    start = first.camera.resized(size, size).unproject(start_px, depth)
    end = start + frame.shift(sample.pull.before, sample.pull.after, first.camera)
    drags = []
    for view in views:
        (a, b), _ = view.camera.resized(size, size).project(np.stack([start, end]))
        drags.append(Drag((float(a[0]), float(a[1])), (float(b[0]), float(b[1]))))
    return drags


def part_in(view: View, first: View, part: np.ndarray) -> np.ndarray:
    """Say where a side sees the part, given where the input view does; both masks in pixels of the frame."""
    there = view.depth > 0
    points = view.camera.unproject(view.camera.pixel_grid()[there], view.depth[there].astype(np.float64))
    row, col, depth, inside = first.camera.cells(points)
    near = np.abs(depth - first.depth[row, col]) < BESIDE
    small = cv2.resize(part.astype(np.uint8), (first.camera.width, first.camera.height), interpolation=cv2.INTER_AREA)
    mask = np.zeros(there.shape, np.uint8)
    mask[there] = inside & near & (small[row, col] > 0)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.resize(closed, part.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)


def enlarged(view: View, size: int) -> np.ndarray:
    """Draw a side on white at a size, (size, size, 3) uint8."""
    there = (view.depth > 0).astype(np.float32)[..., None]
    flat = cv2.resize(np.dstack([view.rgb * there, there]), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(((flat[..., :3] + 1 - flat[..., 3:]).clip(0, 1) * 255).round().astype(np.uint8))


def with_margin(
    picture: np.ndarray, part: np.ndarray, drag: Drag, camera: Camera
) -> tuple[np.ndarray, np.ndarray, Drag, Camera]:
    """Put white round a picture, so that a part can be dragged out of its frame; mask, drag and camera follow."""
    m = round(MARGIN * len(picture))
    side = len(picture) + 2 * m
    x0, y0, x1, y1 = (v + m for v in (*drag.start_px, *drag.end_px))
    x0, y0, x1, y1 = (float(np.clip(v, 0, side - 1)) for v in (x0, y0, x1, y1))
    wide = np.pad(picture, ((m, m), (m, m), (0, 0)), constant_values=255)
    return wide, np.pad(part, m), Drag((x0, y0), (x1, y1)), camera.cropped(-m, -m, side, side)


def reframed(picture: np.ndarray, camera: Camera, centre: np.ndarray) -> Framed:
    """Frame the object of an edited picture (S, S, 3) uint8 on white. Raises ImageError where none is left.

    It is what is not nearly white, as in PartRM's own preparation, with the white parts that it encloses: a part that
    was dragged away from the rest belongs to it.
    """
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    coloured = (picture.min(axis=2) < NEAR_WHITE).astype(np.uint8)
    kept = cv2.morphologyEx(coloured, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    mask = object_mask(np.concatenate([picture, opaque], axis=2)) | kept
    return framed(np.dstack([picture, mask * np.uint8(255)]), camera, centre)


def surfaces(pipeline: Pipeline) -> Rebuild:
    """Return the reconstructor that needs no weights but the embedded: a surface is estimated in each picture alone."""

    def rebuild(pictures: list[np.ndarray], cameras: list[Camera]) -> Gaussians:
        views = [_surface(pipeline, p, c) for p, c in zip(pictures, cameras, strict=True)]
        kept = tuple(view for view in views if view is not None)
        if not kept:
            raise ImageError("The editor left no object", "Its pictures are blank.")
        return reconstruct(kept)

    return rebuild


def _surface(pipeline: Pipeline, picture: np.ndarray, camera: Camera) -> View | None:
    """Estimate the surface that one edited picture shows, for a camera that is known; None where it shows nothing."""
    try:
        frame = reframed(picture, camera, np.zeros(3))
    except ImageError:
        return None
    window, fov = crop_window(frame.mask), frame.camera.fov_y_deg
    guess = seen_surface(frame.image, frame.mask, window, pipeline.surface, fov)
    seen_from = frame.camera.resized(FINE, FINE)
    nearer = np.linalg.norm(frame.centred.position) / np.linalg.norm(guess.camera.position)
    turn = seen_from.T_world_camera[:3, :3] @ guess.camera.T_world_camera[:3, :3].T
    normal = (guess.normal.astype(np.float64) @ turn.T).astype(np.float32)
    return View(seen_from, guess.rgb, (guess.depth * nearer).astype(np.float32), normal)


def lgm(network: PartRM, size: int = SIZE) -> Rebuild:
    """Return the reconstructor of the paper: LGM on four views round the object."""

    def rebuild(pictures: list[np.ndarray], cameras: list[Camera]) -> Gaussians:
        lens = Camera.orbit(0, 0, LGM_RADIUS, FOV_Y_DEG, size, size)
        own = normalised([replace(lens, T_world_camera=c.T_world_camera) for c in cameras], LGM_RADIUS)
        device = next(network.parameters()).device
        stack = torch.from_numpy(np.stack(pictures).astype(np.float32) / 255).to(device)
        none = torch.zeros(1, 0, 2, device=device)
        with torch.inference_mode():
            out = network(prepare_views(stack, own, size), none, none)
        made = gaussians_from_output(out[0])
        return carried(made.select(made.opacities >= FAINT), own[0], cameras[0])

    return rebuild
