"""Difference: where two pictures of one view differ, in colours that all kinds of colour vision tell apart."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

# Differences are the largest of the three channels', 0..1.
FAINT, CLEAR = 0.02, 0.08  # below the first nothing is coloured, from the second on all is
MOST = 0.5  # what has the scale's last colour, and everything above it
GREYED = (0.35, 0.3)  # what does not differ: so much of its brightness (Rec. 601), on top of so much grey


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return by how much two pictures (H, W, 3) uint8 differ, the most of the channels, (H, W) uint8."""
    return np.asarray(cv2.absdiff(a, b).max(axis=2))


def draw_difference(shown: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Colour a picture where another differs, on grey; all (H, W, 3) uint8."""
    away = difference(shown, other)
    grey = GREYED[0] * cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY).astype(np.float32) + GREYED[1] * 255.0
    weight = _step(away.astype(np.float32) / 255.0)[..., None]
    scaled = np.minimum(away.astype(np.float32) * (1 / MOST), 255.0).astype(np.uint8)
    return (weight * heat_colours()[scaled] + (1 - weight) * grey[..., None] + 0.5).astype(np.uint8)


@cache
def heat_colours() -> np.ndarray:
    """Return the scale, from no difference to MOST: viridis, (256, 3) uint8."""
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(steps, cv2.COLORMAP_VIRIDIS)[:, 0, ::-1])


def _step(away: np.ndarray) -> np.ndarray:
    t = np.clip((away - FAINT) / (CLEAR - FAINT), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))
