"""What Zero123++ sees: one picture on a plain background, cut to the size of each of its two encoders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

GREY, WHITE = 127, 255  # backgrounds: of Zero123++ v1.2, and of PartRM's fine-tunes


@dataclass(frozen=True)
class Preparation:
    """How an encoder wants its picture: the shorter side resized, the middle cut out, normalised."""

    side: int  # px, the shorter side
    crop: tuple[int, int]  # px, height and width of the middle
    resample: int  # as Pillow numbers its filters
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def cut(self, rgb: np.ndarray) -> np.ndarray:
        """Resize and cut (H, W, 3) uint8 to (h, w, 3) uint8; a long picture loses its ends."""
        h, w = rgb.shape[:2]
        short = min(h, w)
        size = (int(self.side * w / short), int(self.side * h / short))
        resized = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling(self.resample)))
        top, left = (resized.shape[0] - self.crop[0]) // 2, (resized.shape[1] - self.crop[1]) // 2
        return resized[top : top + self.crop[0], left : left + self.crop[1]]

    def __call__(self, rgb: np.ndarray) -> Tensor:
        """Make the encoder's input (1, 3, h, w) float32 of (H, W, 3) uint8."""
        x = torch.from_numpy(self.cut(rgb).transpose(2, 0, 1).astype(np.float32))[None] / 255
        return (x - _channels(self.mean)) / _channels(self.std)

    def undone(self, x: Tensor) -> Tensor:
        """Turn normalised (B, 3, h, w) into colours, 0..1 where the picture is not overdriven."""
        return x * _channels(self.std).to(x) + _channels(self.mean).to(x)


def _channels(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).view(3, 1, 1)


def composited(picture: np.ndarray, background: int) -> np.ndarray:
    """Lay an (H, W, 4) uint8 picture on a grey level, in Pillow's whole-number arithmetic; (H, W, 3) uint8.

    A picture without transparency is taken as it is.
    """
    if picture.shape[2] == 3:
        return picture
    colour, alpha = picture[..., :3].astype(np.uint32), picture[..., 3:].astype(np.uint32)
    q = colour * alpha + background * (255 - alpha) + 128
    return (((q >> 8) + q) >> 8).astype(np.uint8)
