"""Euler ancestral sampling (Karras et al. 2022, k-diffusion) of a network that predicts v, without state of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

TRAINED = 1000  # noise levels that Stable Diffusion was trained with


@dataclass(frozen=True, eq=False)
class Schedule:
    """The noise levels that a run passes, from the highest down."""

    timesteps: np.ndarray  # (n,) int64, places in the trained levels
    sigmas: np.ndarray  # (n + 1,) float64, noise per unit of signal; the last is 0

    @staticmethod
    def trailing(alphas: Tensor, steps: int) -> Schedule:
        """Space steps evenly, from the last trained level on (trailing; Lin et al. 2023).

        alphas (T,): share of the signal's variance left at each trained level. 1 <= steps <= T.
        """
        trained = len(alphas)
        assert 1 <= steps <= trained, steps
        timesteps = np.round(trained - np.arange(steps) * (trained / steps)).astype(np.int64) - 1
        kept = alphas.double().numpy()[timesteps]
        return Schedule(timesteps, np.append(np.sqrt((1 - kept) / kept), 0.0))


def linear_alphas(first: float, last: float, trained: int = TRAINED) -> Tensor:
    """Return the share of the signal's variance left at each trained level, (T,) float32, for betas first to last."""
    return (1 - torch.linspace(first, last, trained, dtype=torch.float32)).cumprod(0)


def noised(x: Tensor, sigma: float, noise: Tensor) -> Tensor:
    """Mix a clean latent with unit noise as the network expects it at that level (unit variance)."""
    return (x + sigma * noise) / (sigma**2 + 1) ** 0.5


def ancestral(sigma: float, lower: float) -> tuple[float, float]:
    """Split a step: the noise to add afterwards, and the level to go down to before it."""
    up = (lower**2 * (sigma**2 - lower**2) / sigma**2) ** 0.5
    return up, (lower**2 - up**2) ** 0.5


def step(x: Tensor, v: Tensor, sigma: float, lower: float, noise: Tensor) -> Tensor:
    """Go from level sigma to a lower one; x is not scaled to unit variance, v is the network's output for it."""
    up, down = ancestral(sigma, lower)
    clean = x / (sigma**2 + 1) - v * (sigma / (sigma**2 + 1) ** 0.5)
    return x + (x - clean) * ((down - sigma) / sigma) + up * noise
