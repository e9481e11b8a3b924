"""Measures of how near a picture, a mask or a motion is to the truth."""

from __future__ import annotations

import cv2
import numpy as np

CHANGED = 0.05  # a pixel has changed if a channel differs by more than this between the two true states


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None, most: float = 60.0) -> float:
    """Return the peak signal-to-noise ratio in dB of pictures (H, W, 3) in 0..1, over all pixels or a (H, W) mask.

    nan where the mask is empty; capped at 60 dB, so that an exact picture does not make a mean infinite. most: another
    cap; with infinity an exact picture's is infinite, and whoever averages leaves it out.
    """
    error = (np.asarray(a, np.float64) - b) ** 2
    if where is not None:
        if not where.any():
            return float("nan")
        error = error[where]
    mean = float(error.mean())
    return most if mean == 0 else min(most, -10 * float(np.log10(mean)))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Return the structural similarity of pictures (H, W, 3) in 0..1 (Wang et al. 2004: 11 x 11 window, sigma 1.5)."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)

    def blur(x: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))[5:-5, 5:-5]

    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    return float(np.mean((2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))))


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Say which pixels differ between the true pictures of two states, (H, W) bool."""
    return np.asarray(np.abs(np.asarray(before, np.float64) - after).max(2) > CHANGED)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union of two masks."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0
