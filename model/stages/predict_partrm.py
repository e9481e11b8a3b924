"""Predict with PartRM: four pictures and the spread drags in, every Gaussian of the next state out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from model import weights
from model.camera import Camera
from model.drag import Drag
from model.errors import WeightsError
from model.gaussians import Gaussians, quaternion_from_matrix, quaternion_multiply
from model.network.drag_embedding import FRAME
from model.network.partrm import PRESETS, PartRM, from_weights, gaussians_from_output
from model.network.partrm_input import SIZE, partdrag4d_cameras, prepare_views
from model.network.precision import fastest_dtype
from model.progress import Progress, silent
from model.stages.frame import FILL, reframed, window_of
from model.stages.multiview import cut
from model.stages.multiview_zero123 import SidesDrawer
from model.stages.predict import EmbeddedPredictor, Rasterize, by_part, pull, seen_state
from model.stages.propagate import SPREAD, onto_part, propagate
from model.stages.state import Part, Prediction, State

KEPT = 3  # states whose views are not made again
FAINT = 0.005  # Gaussians less opaque than this are left out
NEAREST = 0.1  # how flat a lens may press the depths behind the object, see `carried`


@dataclass(frozen=True)
class Framing:
    """How large the objects are in the views that a network was trained with, and where; parts of the frame's side."""

    fill: float  # the longer side
    lift: float  # the middle above the frame's


FRAMING = Framing(0.43, 0.16)  # PartDrag-4D's: its cameras look at a point below its objects
FRAMING_OF = {"objaverse_hq": Framing(FILL, 0.0)}  # nothing is known of its views


class PartRMPredictor:
    """Ask PartRM for the next state; the part under a click and the preview's motion stay the embedded network's.

    Views 1 to 3 of a photo are drawn by `sides` where that is given, else from the state's own Gaussians, as those of
    every predicted state are. The last few states' views are kept.
    """

    name = "partrm"

    def __init__(
        self,
        network: PartRM,
        embedded: EmbeddedPredictor,
        rasterize: Rasterize,
        size: int = SIZE,
        spread: int = SPREAD,
        framing: Framing = FRAMING,
        sides: SidesDrawer | None = None,
        warms_up: bool = False,
    ) -> None:
        """Take the network, the side of its views, px (a power of two), and how many drags it gets for each one.

        framing: of the object in its views, as in those that the network was trained with.
        warms_up: the device is slow the first time (a GPU loads and chooses its kernels), so `prepare` asks it once.
        """
        self.network, self.embedded, self.rasterize = network, embedded, rasterize
        self.size, self.spread, self.framing, self.sides = size, spread, framing, sides
        self._cold = warms_up
        self._views: deque[tuple[State, torch.Tensor]] = deque(maxlen=KEPT)

    def part(self, state: State, click_px: tuple[float, float]) -> Part:
        return self.embedded.part(state, click_px)

    def predict(
        self, state: State, drags: Sequence[Drag], part: Part | None = None, progress: Progress = silent
    ) -> Prediction:
        """Predict all the drags at once; times_s tells what part, motion, views, network and picture took."""
        times = {"part": 0.0}
        groups = by_part(state, drags, part, self.embedded, times, progress)
        clock = _Clock(times)
        first, pulls = groups[0]
        motion = pull(state, first, pulls)
        clock("motion")
        progress(0.1, "Looking from four sides")
        views = self.views(state, lambda f, what: progress(0.1 + 0.25 * f, what))
        device = views.device
        framed = self.framed(state)
        spread = [spread_drags(framed, moving, own, self.spread, device) for moving, own in groups]
        starts, ends = (torch.cat(points)[None] for points in zip(*spread, strict=True))
        clock("views")
        with torch.inference_mode():
            out = self.network(views, starts, ends, lambda f, what: progress(0.35 + 0.55 * f, what))
        made = gaussians_from_output(out[0])
        first_camera = partdrag4d_cameras(FRAME)[0]
        shown = made.opacities >= FAINT
        if not shown.any():
            raise WeightsError("PartRM drew nothing", "Its weights are damaged, or another network's: verify them.")
        gaussians = carried(made.select(shown), first_camera, framed.crop)
        clock("network")
        progress(0.9, "Drawing the new state")
        after = seen_state(state, gaussians, self.rasterize)
        clock("picture")
        progress(1.0, "Done")
        return Prediction(after, first, motion, times)

    def framed(self, state: State) -> State:
        """Return the state with its crop as the network knows it."""
        return replace(state, crop=reframed(state.crop, self.framing.fill, self.framing.lift))

    def prepare(self, state: State, progress: Progress = silent) -> None:
        """Do now what the first pull on a state needs; may be stopped, and goes on when it is called again."""
        views = self.views(state, progress)
        if self._cold:
            nowhere = torch.zeros(1, self.spread, 2, device=views.device)
            with torch.inference_mode():
                self.network(views, nowhere, nowhere, lambda f, what: progress(f, "Warming up"))
            self._cold = False

    def views(self, state: State, progress: Progress = silent) -> torch.Tensor:
        """Return what the network sees of a state, (1, 4, 9, size, size), on its device; kept for a few states."""
        known = next((views for of, views in self._views if of is state), None)
        if known is not None:
            return known
        cameras, framed = partdrag4d_cameras(FRAME), self.framed(state)
        if self.sides is None or state.predicted:
            pictures = input_pictures(framed, cameras, self.rasterize)
        else:
            sides = self.sides(framed, progress).three()
            cameras = [cameras[0], *sides.cameras]
            pictures = np.concatenate([input_pictures(framed, cameras[:1], self.rasterize), sides.pictures])
        device = next(self.network.parameters()).device
        views = prepare_views(torch.from_numpy(pictures).to(device), cameras, self.size)
        self._views.append((state, views))
        return views


class _Clock:
    """Write down how long each stage took."""

    def __init__(self, times: dict[str, float]) -> None:
        self.times, self.since = times, time.perf_counter()

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        self.times[stage], self.since = now - self.since, now


def input_pictures(state: State, cameras: Sequence[Camera], rasterize: Rasterize) -> np.ndarray:
    """Make PartRM's pictures on white, (V, S, S, 3) float32: the image itself, then the Gaussians from its cameras."""
    rgb, alpha = cut(state.image, state.mask, window_of(state.camera, state.crop), cameras[0].width)
    inside = carried(state.gaussians, state.crop, cameras[0])
    frames = [np.dstack([rgb, alpha]), *(rasterize(inside, camera) for camera in cameras[1:])]
    return np.stack([np.clip(f[..., :3] + 1 - f[..., 3:], 0, 1) for f in frames]).astype(np.float32)


def spread_drags(
    state: State, part: Part, drags: Sequence[Drag], spread: int = SPREAD, device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Spread the user's drags over their part; starts and ends, (spread · D, 2) float32 each, pixels of the 512 frame.

    A drag that starts just beside the part is moved onto it. Raises DragError for one without length.
    """
    left, top, side = window_of(state.camera, state.crop)
    scale = FRAME / side
    seen = cut(state.image, part.mask, (left, top, side), FRAME)[1] > 0.5  # (512, 512)
    starts = (np.array([d.start_px for d in drags]) - (left, top)) * scale
    if not seen.any():  # a part too small to be seen in the frame
        col, row = np.clip(starts[0], 0, FRAME - 1).astype(int)
        seen[row, col] = True
    shifts = (np.array([d.end_px for d in drags]) - [d.start_px for d in drags]) * scale
    mask = torch.from_numpy(seen).to(device)
    begin = onto_part(torch.from_numpy(starts).to(device, torch.float32), mask)
    return propagate(begin, begin + torch.from_numpy(shifts).to(device, torch.float32), mask, spread)


def carried(gaussians: Gaussians, source: Camera, target: Camera) -> Gaussians:
    """Carry Gaussians from the world of one camera into another's, where that one sees them at the same place.

    Both cameras look at their world's origin. With equal lenses this is a similarity: turn, and scale by the ratio of
    the distances. Otherwise it is the projective map (lines stay lines) that is one at the origin and keeps every
    point at its place in the frame; each Gaussian is then scaled by as much as its surroundings are. Where one lens is
    shifted against the other, the world is sheared along the line of sight.
    """
    tan_s, tan_t = (0.5 * c.height / c.fy for c in (source, target))
    z_s, z_t = (float(np.linalg.norm(c.position)) for c in (source, target))
    T = source.T_camera_world
    local = gaussians.positions @ T[:3, :3].T + T[:3, 3]  # (N, 3) source camera axes
    depth = np.maximum(-local[:, 2], 1e-6)
    r = tan_s / tan_t
    # z' = a z / (1 + c z), with z' = z_t and dz' / dz = (z_t tan_t) / (z_s tan_s) where z = z_s
    new_depth = z_t / z_s * r * depth / np.maximum(1 + (r - 1) * depth / z_s, NEAREST)
    grow = (new_depth / (depth * r))[:, None]  # (N, 1) across the line of sight
    larger = target.width / source.width
    aside = np.array([source.cx * larger - target.cx, target.cy - source.cy * larger]) / (target.fx, target.fy)
    moved = np.concatenate([local[:, :2] * grow + aside * new_depth[:, None], -new_depth[:, None]], axis=1)
    R = target.T_world_camera[:3, :3]
    turn = quaternion_from_matrix(R @ T[:3, :3])
    return replace(
        gaussians,
        positions=(moved @ R.T + target.position).astype(np.float32),
        rotations=quaternion_multiply(turn, gaussians.rotations),
        scales=(gaussians.scales * grow).astype(np.float32),
    )


def framing_of(weights: str | Path) -> Framing:
    """Tell how a PartRM knows its objects, by the name of its weights or their file."""
    return FRAMING_OF.get(Path(weights).stem, FRAMING)


def load_partrm(name_or_path: str | Path, device: torch.device) -> PartRM:
    """Load PartRM by its weights' name or file, as fast as the device allows; raises WeightsError.

    "big" or "small" is told from the shapes; LGM's, which PartRM's grew from, are refused.
    """
    tensors = weights.load(weights.find(name_or_path))
    entry = tensors.get("unet.conv_in.weight")
    width = None if entry is None else len(entry)
    preset = next((name for name, shape in PRESETS.items() if shape.down[0] == width), "big")
    network = from_weights(tensors, preset, device, fastest_dtype(device))
    if network.unet.drag_merge == "none":
        raise WeightsError(f"{name_or_path} is LGM, which knows no drags", "Choose PartRM's weights to predict with.")
    return network
