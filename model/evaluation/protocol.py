"""The protocol on a PartDrag-4D style data set: eight views of a pair at 256², scored as PartRM's paper does.

A method makes the pictures of the target from what the source shows and one drag; `score` compares them with the truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from model.camera import Camera
from model.evaluation.drags import Outliner, Pull, pull_of
from model.evaluation.metrics import changed, psnr, ssim
from model.evaluation.pairs import Pair
from model.gaussians import Gaussians
from model.partdrag4d.dataset import DataSet, StateId

SCORED = tuple(range(8))  # views; PartDrag-4D's last is its first again
INPUTS = (0, 1, 2, 3)  # the views that PartRM is given of the source
PIXELS = 256
SHOWN = (0, 5)  # views whose pictures are kept: the input, and one from behind

Rasterize = Callable[[Gaussians, Camera], np.ndarray]  # -> (H, W, 4) float32 premultiplied
Lpips = Callable[[np.ndarray, np.ndarray], tuple[float, float]]  # pictures 0..1 -> as published, as meant


@dataclass(frozen=True, eq=False)
class Sample:
    """One pair of a data set, ready for any method; what only some need is read when they ask."""

    data: DataSet
    pair: Pair
    pull: Pull
    cameras: tuple[Camera, ...]  # the SCORED ones at PIXELS, the data set's world
    before: np.ndarray  # (8, 256, 256, 3) uint8 on white
    after: np.ndarray  # (8, 256, 256, 3) uint8 on white

    @property
    def category(self) -> str:
        """Return the category of the object."""
        return self.data.category(self.pair.source)

    @cached_property
    def inputs(self) -> np.ndarray:
        """Read the INPUTS views of the source, (4, 512, 512, 4) uint8, straight alpha."""
        return np.stack([self.data.picture(self.pair.source, view) for view in INPUTS])

    @cached_property
    def input_cameras(self) -> tuple[Camera, ...]:
        """Read the INPUTS views' cameras, at 512 px."""
        return tuple(self.data.camera(self.pair.source, view) for view in INPUTS)

    @cached_property
    def centre(self) -> np.ndarray:
        """Return the middle of the box round the source's surface, (3,) world: how far away the object is."""
        points = self.data.points(self.pair.source)
        return np.asarray((points.min(0) + points.max(0)) / 2, np.float64)


class Method(Protocol):
    """Anything that answers a drag with pictures."""

    name: str  # of its row

    def __call__(self, sample: Sample) -> np.ndarray:
        """Return the SCORED views of the target on white, (8, 256, 256, 3) float, 0..1. Raises PartRMError."""
        ...


@dataclass(frozen=True)
class Scores:
    """What one method scores on one pair, a value a view; nan where there is none, inf for an exact picture."""

    psnr: tuple[float, ...]  # dB
    ssim: tuple[float, ...]
    moving: tuple[float, ...]  # dB over the pixels that differ between the two true states
    lpips_published: tuple[float, ...] = ()  # VGG fed 0..1, as in PartRM's tables; () without its weights
    lpips: tuple[float, ...] = ()  # VGG fed -1..1, as it was made for
    seconds: float = field(default=0.0, compare=False)


def sample_of(data: DataSet, pair: Pair, seed: int = 0, outline: Outliner | None = None) -> Sample:
    """Read a pair. Raises FormatError where something is missing or damaged, DragError where nothing moves."""
    cameras = tuple(data.camera(pair.source, view, PIXELS) for view in SCORED)
    before, after = pictures(data, pair.source), pictures(data, pair.target)
    return Sample(data, pair, pull_of(data, pair, seed, outline), cameras, before, after)


def pictures(data: DataSet, state: StateId) -> np.ndarray:
    """Read the SCORED views of a state on white, (8, 256, 256, 3) uint8."""
    return np.stack([on_white(data.picture(state, view, PIXELS)) for view in SCORED])


def on_white(rgba: np.ndarray) -> np.ndarray:
    """Lay straight (..., 4) uint8 over white, (..., 3) uint8."""
    alpha = rgba[..., 3:] / 255
    return np.asarray((rgba[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8))


def drawn(rasterize: Rasterize, gaussians: Gaussians, cameras: tuple[Camera, ...]) -> np.ndarray:
    """Draw splats on white from some cameras, (V, H, W, 3) float 0..1."""
    frames = (rasterize(gaussians, camera) for camera in cameras)
    return np.stack([np.clip(f[..., :3] + 1 - f[..., 3:], 0, 1) for f in frames])


def answered(method: Method, sample: Sample) -> tuple[np.ndarray, float]:
    """Ask a method; returns its pictures (8, 256, 256, 3) uint8, as they would be written, and the seconds it took."""
    start = time.perf_counter()
    made = method(sample)
    seconds = time.perf_counter() - start
    assert made.shape == sample.after.shape, (method.name, made.shape)
    return (made * 255).round().clip(0, 255).astype(np.uint8), seconds


def score(
    made: np.ndarray,  # (V, H, W, 3) uint8
    before: np.ndarray,  # (V, H, W, 3) uint8, the truth of the source
    after: np.ndarray,  # (V, H, W, 3) uint8, the truth of the target
    lpips: Lpips | None = None,
    seconds: float = 0.0,
) -> Scores:
    """Compare pictures with the truth, view by view."""
    m, b, a = (x.astype(np.float64) / 255 for x in (made, before, after))
    perceived = [lpips(p, q) for p, q in zip(m, a, strict=True)] if lpips else []
    return Scores(
        tuple(psnr(p, q, most=float("inf")) for p, q in zip(m, a, strict=True)),
        tuple(ssim(p, q) for p, q in zip(m, a, strict=True)),
        tuple(psnr(p, q, changed(r, q)) for p, q, r in zip(m, a, b, strict=True)),
        tuple(p for p, _ in perceived),
        tuple(q for _, q in perceived),
        seconds,
    )
