"""Augment: what LGM does to the views beside the first, so that the network bears views that do not fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.articulation.joint import Joint
from model.camera import Camera


def jittered(camera: Camera, strength: float, rng: np.random.Generator) -> Camera:
    """Turn a camera round the world's origin: by up to strength half turns about its up, half of that about its right.

    Its picture stays as it is: the network is told a pose that is a little wrong.
    """
    up, right = camera.T_world_camera[:3, 1], camera.T_world_camera[:3, 0]
    angles = (2 * rng.random(2) - 1) * np.pi * strength * np.array([1.0, 0.5])
    turns = [Joint("revolute", axis, np.zeros(3)).transform(a) for axis, a in zip((up, right), angles, strict=True)]
    T = turns[0] @ turns[1]
    return replace(camera, T_world_camera=T @ camera.T_world_camera)


def distorted(image: Tensor, strength: float, steps: tuple[int, int], rng: np.random.Generator) -> Tensor:
    """Warp a picture (C, H, W) by a grid whose lines are moved, each by up to strength of the step between them."""
    lines = []
    for side in image.shape[-2:]:
        count = int(rng.integers(*steps, endpoint=True))
        even = np.linspace(-1, 1, count)
        moved = even + (2 * rng.random(count) - 1) * strength / (count - 1)
        lines.append(torch.from_numpy(np.interp(np.linspace(-1, 1, side), even, moved).astype(np.float32)))
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij")[::-1], dim=-1)
    out = F.grid_sample(image[None], grid[None], mode="bilinear", padding_mode="border", align_corners=True)
    return out[0]
