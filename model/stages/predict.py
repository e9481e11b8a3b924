"""Predict: (state, drags) -> the next state. A predictor is anything that can do this; the embedded one lives here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np

from model.camera import Camera
from model.drag import Drag
from model.gaussians import Gaussians, concatenate
from model.network.embedded import SIDE, Completion, PartNet
from model.progress import Progress, silent
from model.stages import doubts, drawer, rigid
from model.stages.frame import view_cameras, window_of
from model.stages.multiview import complete
from model.stages.part import Parts, disc_normals, draw, facing_normals, find_part, look, plane_depth, read_parts
from model.stages.picture import Rasterize, picture_after
from model.stages.reconstruct import consistent, view_discs
from model.stages.reproject import DISC, reproject
from model.stages.state import Motion, Part, Prediction, State

ROOM = 0.02  # world units: how far outside a box still counts as in it
BEFORE = 0.01  # world units by which a guess must lie before the back that is known behind it
SHARP = 256  # px at which the input view is asked what it sees of a part
FILL = 0.8  # footprint of what is filled in, pixels of its view: wide enough to leave no seam
FILL_RIM = 0.6  # the same at outlines: what sticks out there is seen against the ground
PICTURE = 1024  # px, longest side at which a predicted state is drawn for the image panel


class Predictor(Protocol):
    """The seam: takes a state and drags, gives the next one, with part and motion where it knows them."""

    name: str

    def part(self, state: State, click_px: tuple[float, float]) -> Part:
        """Find the part under a click; raises DragError where there is none."""

    def predict(self, state: State, drags: Sequence[Drag], part: Part | None, progress: Progress) -> Prediction:
        """Predict the state after the drags; `part` is that of the first drag where it is known already."""


class EmbeddedPredictor:
    """Move the part rigidly along its joint, then fill in what the move has uncovered."""

    name = "embedded"

    def __init__(self, part_net: PartNet, completion: Completion, rasterize: Rasterize) -> None:
        self.part_net, self.completion, self.rasterize = part_net, completion, rasterize
        self._read: tuple[State, Parts] | None = None  # the last state's parts: a second click costs nothing

    def part(self, state: State, click_px: tuple[float, float]) -> Part:
        if self._read is None or self._read[0] is not state:
            self._read = (state, read_parts(state, self.part_net))
        return find_part(state, self._read[1], click_px)

    def predict(
        self, state: State, drags: Sequence[Drag], part: Part | None = None, progress: Progress = silent
    ) -> Prediction:
        """Pull every part that the drags start on, one after the other; times_s tells what each stage took."""
        times = {"part": 0.0, "motion": 0.0, "completion": 0.0}
        gaussians = state.gaussians
        first: tuple[Part, Motion] | None = None
        groups = by_part(state, drags, part, self, times, progress)
        for k, (moving, pulls) in enumerate(groups):
            progress(0.3 + 0.6 * k / len(groups), "Moving the part")
            start = time.perf_counter()
            motion = pull(state, moving, pulls)
            times["motion"] += time.perf_counter() - start
            start = time.perf_counter()
            extra = len(gaussians) - len(moving.splats)  # what earlier parts uncovered is appended behind
            belongs = np.concatenate([moving.splats, np.zeros(extra, bool)])
            gaussians = move_and_fill(state, gaussians, belongs, motion, self.completion)
            times["completion"] += time.perf_counter() - start
            first = first or (moving, motion)
        assert first is not None
        progress(1.0, "Done")
        seen = seen_state(state, gaussians, self.rasterize)
        return Prediction(seen, *first, times, doubts.of_part(state, first[0]))

    def follow(self, state: State, part: Part, motion: Motion, progress: Progress = silent) -> Prediction:
        """Move a part by a motion that is known already."""
        progress(0.3, "Moving the part")
        start = time.perf_counter()
        gaussians = move_and_fill(state, state.gaussians, part.splats, motion, self.completion)
        times = {"completion": time.perf_counter() - start}
        progress(1.0, "Done")
        return Prediction(seen_state(state, gaussians, self.rasterize), part, motion, times)


def by_part(
    state: State,
    drags: Sequence[Drag],
    part: Part | None,
    predictor: EmbeddedPredictor,
    times: dict[str, float],
    progress: Progress,
) -> list[tuple[Part, list[Drag]]]:
    """Group the drags by the part that they start on."""
    groups: list[tuple[Part, list[Drag]]] = [(part, [])] if part else []
    for k, drag in enumerate(drags):
        x, y = int(drag.start_px[0]), int(drag.start_px[1])
        h, w = state.mask.shape
        inside = 0 <= x < w and 0 <= y < h
        held = next((g for g in groups if (inside and g[0].mask[y, x]) or drag.start_px == g[0].click_px), None)
        if held is None:
            progress(0.3 * k / len(drags), "Finding the part")
            start = time.perf_counter()
            held = (predictor.part(state, drag.start_px), [])
            times["part"] += time.perf_counter() - start
            groups.append(held)
        held[1].append(drag)
    return [g for g in groups if g[1]]


def pull(state: State, part: Part, drags: Sequence[Drag]) -> Motion:
    """Read a part's motion from drags that start on it; instant."""
    side_px = window_of(state.camera, state.crop)[2]
    grab = [held_at(state, part, drag) for drag in drags]
    return rigid.motion(part, np.array(grab), state.camera, drags, side_px)


def held_at(state: State, part: Part, drag: Drag) -> np.ndarray:
    """Return the point of the part that a drag holds, (3,) world."""
    if drag.sight is not None:
        return np.array(drag.sight.grab)
    return part.grab if drag.start_px == part.click_px else surface_at(state, part, drag.start_px)


def surface_at(state: State, part: Part, pixel: tuple[float, float]) -> np.ndarray:
    """Return the point of the part's surface nearest to a pixel's line of sight, (3,) world."""
    surface = state.gaussians.select(part.splats)
    if len(surface) == 0:
        return part.grab
    pixels, depth = state.camera.project(surface.positions)
    beside = np.hypot(pixels[:, 0] - pixel[0], pixels[:, 1] - pixel[1])
    k = int(np.argmin(np.where(beside < beside.min() + 2, depth, np.inf)))
    at, start = surface.select(np.array([k])), np.array(pixel)
    depth = plane_depth(state.camera, start, at.positions[0], facing_normals(at, state.camera)[0])
    return state.camera.unproject(start, depth)


def move_and_fill(
    state: State,
    gaussians: Gaussians,
    part: np.ndarray,  # (N,) bool
    motion: Motion,
    completion: Completion,
) -> Gaussians:
    """Move the part and add what the four views then show that no Gaussian covers.

    Where a part closes, that is the outside that its inside was seen through: what lay behind it is known, and guesses
    would only paint over its new place.
    """
    moved = gaussians.moved(motion.T, part)
    body, before, after = gaussians.positions[~part], gaussians.positions[part], moved.positions[part]
    opening = opens(body, before, after)
    swept = np.concatenate([before, after]) if opening else after
    cameras = view_cameras(state.crop, SIDE)
    maps = known_after(gaussians, moved, part, cameras)
    empty = unseen(maps, swept, opening, cameras)
    if not empty.any():
        return moved
    upright = rigid.upright_axes(disc_normals(gaussians.select(~part)))
    boxes = [rigid.extent(places, upright) for places in ((swept, body) if opening else (swept,)) if len(places)]
    guesses = fill(maps, empty, cameras, completion, upright, boxes)
    if drawer.slides_out(motion):
        guesses = with_drawer(state, gaussians, part, motion, guesses)
    return concatenate([moved, guesses])


def known_after(gaussians: Gaussians, moved: Gaussians, part: np.ndarray, cameras: tuple[Camera, ...]) -> np.ndarray:
    """Draw what is known after a move as the completion network wants it, (V, 13, S, S)."""
    was = np.stack([part_view(gaussians, part, c) for c in cameras])
    radii = DISC * np.sort(moved.scales, axis=1)[:, 1]  # a standard deviation is half a pixel or so
    return reproject(moved.positions, disc_normals(moved), moved.colours, radii, cameras, was)[0]


def unseen(maps: np.ndarray, swept: np.ndarray, opening: bool, cameras: tuple[Camera, ...]) -> np.ndarray:
    """Say which pixels a part's places (N, 3) may have left without a surface, (V, S, S) bool.

    Where it does not open, those alone through which backs of surfaces show.
    """
    front, back = maps[:, 3] > 0.5, maps[:, 8] > 0.5
    return np.asarray(~front & (back | opening) & np.stack([sweep(swept, c) for c in cameras]))


def fill(
    maps: np.ndarray,  # (V, 13, S, S)
    empty: np.ndarray,  # (V, S, S) bool
    cameras: tuple[Camera, ...],
    completion: Completion,
    upright: np.ndarray,  # (3, 3)
    boxes: Sequence[tuple[np.ndarray, np.ndarray]],
) -> Gaussians:
    """Guess the surfaces at empty pixels.

    Keeps what lies before the backs that show there, in the boxes, and where the other views' guesses agree.
    """
    filled = []
    views = complete(maps, cameras, completion)
    for k, view in enumerate(views):
        guess = view.depth - np.linalg.norm(view.camera.position)
        keep = empty[k] & ((maps[k, 8] <= 0.5) | (guess < maps[k, 9] - BEFORE)) & (view.depth > 0)
        points = view.camera.unproject(view.camera.pixel_grid()[keep], view.depth[keep].astype(np.float64))
        others = views[:k] + views[k + 1 :]
        keep[keep] = in_boxes(points @ upright, boxes) & consistent(points, others)
        filled.append(view_discs(view, FILL, keep, rim_footprint=FILL_RIM))
    return concatenate(filled)


def with_drawer(
    state: State,
    gaussians: Gaussians,
    part: np.ndarray,  # (N,) bool
    motion: Motion,
    guesses: Gaussians,
) -> Gaussians:
    """Put a drawer's box in the place of the guesses at it, where the part is a shut drawer's front."""
    seen = np.unique(draw(gaussians, state.crop.resized(SHARP, SHARP))[1])
    box = drawer.behind(gaussians.select(seen[(seen >= 0) & part[seen]]), motion)
    if box is None:
        return guesses
    held = box.holds(guesses.positions)
    return concatenate([guesses.select(~held), drawer.sides(box, guesses.select(held))])


def opens(body: np.ndarray, before: np.ndarray, after: np.ndarray) -> bool:
    """Say whether a part moves away from the body: then its sides, and what lies behind it, come to light."""
    middle = body.mean(0) if len(body) else before.mean(0)
    return bool(np.linalg.norm(after.mean(0) - middle) > np.linalg.norm(before.mean(0) - middle))


def in_boxes(points: np.ndarray, boxes: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Say which (N, 3) points lie in any of some boxes, given by two corners along the points' own axes."""
    inside = np.zeros(len(points), bool)
    for low, high in boxes:
        inside |= rigid.within(points, low, high, ROOM)
    return inside


def part_view(gaussians: Gaussians, part: np.ndarray, camera: Camera) -> np.ndarray:
    """Say where a camera sees the part, (S, S) float32."""
    owner = draw(gaussians, camera)[1]
    return ((owner >= 0) & part[np.maximum(owner, 0)]).astype(np.float32)


def sweep(places: np.ndarray, camera: Camera) -> np.ndarray:
    """Say which pixels a part may have uncovered or show its inside: the hull of its places (N, 3), (S, S) bool."""
    swept = np.zeros((camera.height, camera.width), np.uint8)
    pixels, depth = camera.project(places)
    pixels = pixels[depth > 1e-2]
    if len(pixels) >= 3:
        hull = cv2.convexHull(np.clip(pixels, -1e4, 1e4).astype(np.float32))
        cv2.fillConvexPoly(swept, np.round(hull - 0.5).astype(np.int32), (1,))
    return swept > 0


def seen_state(before: State, gaussians: Gaussians, rasterize: Rasterize) -> State:
    """Make the state that holds new Gaussians, with a picture of them in the input view."""
    h, w = before.mask.shape
    scale = min(1.0, PICTURE / max(h, w))
    camera = before.camera.resized(max(1, round(w * scale)), max(1, round(h * scale)))
    image, mask = picture_after(before, gaussians, camera, rasterize)
    if scale < 1:
        image = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR)
        mask = cv2.resize(mask.astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR) > 0.5
    return replace(before, image=image, mask=np.asarray(mask), gaussians=gaussians, predicted=True, notes=())


def surface_picture(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    """Draw the Gaussians as plain surface points: what to do without a renderer; (H, W, 4) float32 premultiplied."""
    size = max(camera.width, camera.height)
    seen = look(gaussians, replace(camera, width=size, height=size), size)
    there = seen.depth > 0
    return np.concatenate([seen.rgb * there[..., None], there[..., None]], 2)[: camera.height, : camera.width].astype(
        np.float32
    )
