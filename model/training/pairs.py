"""Pairs: PartRM's samples: a state in four views with drags, and what the state is that the drags lead to.

A sample is made of its number alone: what epoch it falls in, which pair, which augmentation; see `numbered`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.camera import Camera
from model.errors import FormatError, PartRMError
from model.network.partrm import PRESETS
from model.network.partrm_input import rays, views_of
from model.partdrag4d.circle import VIEWS
from model.partdrag4d.dataset import DataSet, Split, StateId
from model.partdrag4d.gaussians_database import command, missing, on_white, read_target
from model.partdrag4d.network_view import INPUT_VIEWS, network_cameras
from model.training.augment import distorted, jittered
from model.training.numbered import Sample
from model.training.recipe import Recipe, What

KEPT_BYTES = 1 << 30  # decoded pictures, Gaussians and points that one process keeps


class Pairs(torch.utils.data.Dataset[Any]):
    """All ordered pairs of states of a split, again and again; indexed by a sample's number."""

    def __init__(
        self, data: DataSet, what: What, network: str, recipe: Recipe, seed: int = 0, which: Split = "train"
    ) -> None:
        """Take a data set and what of its targets is needed. Raises FormatError where no pair is there."""
        self.data, self.what, self.recipe, self.seed = data, what, recipe, seed
        self.size = PRESETS[network].size
        self.pairs = data.pairs(which)
        self.absent = [id for id in data.listed(which) if id not in data.there]  # named by the list, but not there
        if not self.pairs:
            hint = "A part needs at least two states in one list."
            raise FormatError(f"{data.root} has no pair of states to train with in its split '{which}'", hint)
        self._order: tuple[int, np.ndarray] | None = None
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._bytes = 0

    @property
    def gaussians(self) -> int:
        """Return how many Gaussians the network gives."""
        return len(INPUT_VIEWS) * (self.size // 2) ** 2

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, number: int) -> Sample | PartRMError:
        """Make one sample, or say why it cannot be made: an error raised in another process would lose its words.

        views (4, 9, S, S); starts, ends (N, 2) px of the 512 frame; for "motion" target (M, 14); for "appearance"
        pictures (V, 4, R, R) uint8 with straight alpha and poses (V, 4, 4) with lens (1,), degrees.
        """
        epoch, place = divmod(number, len(self.pairs))
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self.pairs))
        source, target = self.pairs[self._order[1][place]]
        try:
            return self.sample(source, target, np.random.default_rng((self.seed, epoch, place)))
        except PartRMError as problem:
            return problem

    def sample(self, source: StateId, target: StateId, rng: np.random.Generator | None = None) -> Sample:
        """Make the sample of a pair; without rng nothing is augmented and the drags are always the same."""
        r = self.recipe
        jitter = r.jitter_px if rng is not None and rng.random() < r.jitter_chance else 0.0
        steady = rng if rng is not None else np.random.default_rng(0)
        starts, ends = self.data.true_drags(source, target, r.drags, steady, jitter)
        made = {
            "views": self.views(source, rng),
            "starts": torch.from_numpy(starts),
            "ends": torch.from_numpy(ends),
        }
        if self.what == "motion":
            read = lambda: read_target(self.data, target, self.gaussians)  # noqa: E731
            return made | {"target": torch.from_numpy(self._keep(("gaussians", target), read))}
        views = list(range(VIEWS))
        if rng is not None and r.rendered_views < VIEWS:
            views = sorted(rng.choice(VIEWS, r.rendered_views, replace=False).tolist())
        views = views[: r.rendered_views]
        pictures = [self._picture(target, view, r.rendered_size) for view in views]
        cameras = network_cameras(self.data, target, views, r.rendered_size)
        return made | {
            "pictures": torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2),
            "poses": torch.from_numpy(np.stack([c.T_world_camera for c in cameras])),
            "lens": torch.tensor([cameras[0].fov_y_deg], dtype=torch.float64),
        }

    def views(self, id: StateId, rng: np.random.Generator | None) -> Tensor:
        """Make the network's input of a state, (4, 9, S, S) float32."""
        r = self.recipe
        cameras = network_cameras(self.data, id, INPUT_VIEWS, self.size)
        rgb = [torch.from_numpy(on_white(self._picture(id, v, self.size))).permute(2, 0, 1) for v in INPUT_VIEWS]
        if rng is not None and rng.random() < r.distortion_chance:
            rgb[1:] = [distorted(image, r.distortion, r.distortion_steps, rng) for image in rgb[1:]]
        if rng is not None and rng.random() < r.camera_jitter_chance:
            cameras[1:] = [jittered(camera, r.camera_jitter, rng) for camera in cameras[1:]]
        return views_of(torch.stack(rgb), [rays(c, self.size, c.fov_y_deg) for c in cameras])

    def _picture(self, id: StateId, view: int, size: int) -> np.ndarray:
        picture: np.ndarray = self._keep((id, view, size), lambda: self.data.picture(id, view, size))
        return picture

    def _keep(self, key: tuple[Any, ...], make: Callable[[], np.ndarray]) -> Any:
        """Return what was read before, or read it; what was not used for longest is forgotten first."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = self._kept[key] = make()
        self._bytes += made.nbytes
        while self._bytes > KEPT_BYTES:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return made


def camera_of(pose: Tensor, lens: Tensor, size: int) -> Camera:
    """Return the camera of a sample's picture."""
    camera = Camera.orbit(0, 0, 1, float(lens), size, size)
    return Camera(pose.cpu().numpy(), camera.fx, camera.fy, camera.cx, camera.cy, size, size)


def check_targets(pairs: Pairs) -> None:
    """Look whether every state of the pairs has its Gaussians, before hours are spent. Raises FormatError."""
    states = sorted({target for _, target in pairs.pairs})
    absent = missing(pairs.data, states, pairs.gaussians)
    if absent:
        hint = f"Make them: {command(pairs.data)} (add --network big where you train that)."
        what = f"{len(absent)} of {len(states)} states have no whole set of {pairs.gaussians:,} Gaussians"
        raise FormatError(f"{what}, the first is {absent[0]}", hint)
