"""Fewer, larger Gaussians that look alike: what a slow computer draws while the camera moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model.gaussians import Gaussians


def thinned(gaussians: Gaussians, count: int) -> tuple[Gaussians, np.ndarray]:
    """Keep about `count` Gaussians, each grown to cover what the ones left out covered; also returns which, (n,) int.

    Large and opaque ones are likelier to stay. Chosen in the file's order, where neighbours mostly follow each other,
    so that no place is left bare (systematic sampling with unequal chances, Madow 1949). The choice never varies.
    """
    assert count >= 1
    if len(gaussians) <= count:
        return gaussians, np.arange(len(gaussians))
    area = gaussians.scales.prod(axis=1) / np.maximum(gaussians.scales.min(axis=1), 1e-12)  # of the two larger sides
    weight = np.sqrt(gaussians.opacities * area, dtype=np.float64)
    chance = np.minimum(count * weight / max(float(weight.sum()), 1e-30), 1.0)  # (N,) of being kept
    kept = np.flatnonzero(np.diff(np.floor(np.cumsum(chance) + 0.5), prepend=0.0))
    chosen = gaussians.select(kept)
    grow = (chance[kept] ** -0.5).astype(np.float32)
    return replace(chosen, scales=chosen.scales * grow[:, None]), kept
