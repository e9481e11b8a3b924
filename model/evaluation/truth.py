"""Truth: the splats of a data set's state, from what its views show; what no motion and the oracle draw."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from model.errors import FormatError
from model.evaluation.protocol import PIXELS, SCORED, Rasterize, Sample, drawn
from model.formats.files import read
from model.gaussians import Gaussians
from model.partdrag4d.dataset import SIZE, DataSet, StateId
from model.partdrag4d.network_view import network_cameras
from model.stages.reconstruct import reconstruct
from model.stages.state import View


def true_views(data: DataSet, state: StateId, size: int = PIXELS) -> tuple[View, ...] | None:
    """Read the SCORED views with their depth at a size, as the reconstruct stage takes them; None without depth."""
    views = []
    step = SIZE // size
    for k in SCORED:
        depth = data.depth(state, k)
        if depth is None:
            return None
        camera, rgba = data.camera(state, k, size), data.picture(state, k, size)
        small = np.where(rgba[..., 3] > 127, depth[step // 2 :: step, step // 2 :: step], 0).astype(np.float32)
        rgb = rgba[..., :3].astype(np.float32) / 255
        views.append(View(camera, rgb, small, normals_of(camera, small)))
    return tuple(views)


def normals_of(camera: Camera, depth: np.ndarray) -> np.ndarray:
    """Estimate the normals of a depth map, (S, S, 3) float32, unit, world, towards the camera.

    Across each pixel the side is taken on which the depth changes less, so that edges stay sharp.
    """
    points = camera.unproject(camera.pixel_grid(), np.where(depth > 0, depth, np.nan))
    across, down = (_smaller(np.diff(points, axis=axis), axis) for axis in (1, 0))
    normal = np.cross(across, down)
    length = np.linalg.norm(normal, axis=2, keepdims=True)
    sight = camera.position - points
    known = (length > 0) & np.isfinite(length)
    normal = np.where(known, normal / np.where(known, length, 1), sight / np.linalg.norm(sight, axis=2, keepdims=True))
    normal *= np.where((normal * sight).sum(2, keepdims=True) < 0, -1, 1)
    return np.nan_to_num(normal).astype(np.float32)


def _smaller(steps: np.ndarray, axis: int) -> np.ndarray:
    """Of the steps (.., S - 1, .., 3) to a pixel's two neighbours take the shorter one."""
    empty = np.full_like(np.take(steps, [0], axis), np.nan)
    ahead, behind = np.concatenate([steps, empty], axis), np.concatenate([empty, steps], axis)
    length = [np.nan_to_num((s * s).sum(2, keepdims=True), nan=np.inf) for s in (ahead, behind)]
    return np.where(length[0] <= length[1], ahead, behind)


class TrueSplats:
    """The splats of the source (no motion) or of the target (the oracle).

    Lifted from the SCORED true views and their depth; where the data set has no depth, the Gaussian database's.
    """

    def __init__(self, name: str, of_target: bool, rasterize: Rasterize) -> None:
        self.name, self.of_target, self.rasterize = name, of_target, rasterize

    def __call__(self, sample: Sample) -> np.ndarray:
        state = sample.pair.target if self.of_target else sample.pair.source
        views = true_views(sample.data, state)
        if views is not None:
            return drawn(self.rasterize, reconstruct(views, carve=False), sample.cameras)
        cameras = network_cameras(sample.data, state, SCORED, PIXELS)
        return drawn(self.rasterize, stored(sample.data, state), tuple(cameras))


def stored(data: DataSet, state: StateId) -> Gaussians:
    """Read a state's Gaussians from the database. Raises FormatError."""
    path = data.gaussians_path(state)
    if not path.exists():
        hint = "No motion and the oracle need depth (`dataset build` writes it) or `dataset gaussians`."
        raise FormatError(f"{state} has neither depth nor Gaussians", hint)
    return read(path)


class SourcePictures:
    """The true pictures of the source: what a method gets that changes nothing and draws perfectly."""

    name = "no motion, pictures"

    def __call__(self, sample: Sample) -> np.ndarray:
        return sample.before / 255
