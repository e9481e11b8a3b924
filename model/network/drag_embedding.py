"""Drags as pictures: where a pull starts and ends, written into maps that a U-Net can read."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FRAME = 512  # px, side of the picture that drags are given in, whatever the network's own size
BANDS = 8


def fourier(points: Tensor) -> Tensor:
    """Map (..., 2) pixels to (..., 32): sine and cosine of both coordinates at 8 frequencies, 100^(i/8).

    PartRM takes raw pixels, 0..511, neither scaled to 0..1 nor multiplied by 2π; its weights expect that.
    """
    bands = 100.0 ** (torch.arange(BANDS, device=points.device, dtype=torch.float32) / BANDS)
    angles = points.float()[..., None, :] * bands[:, None]  # (..., 8, 2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)


class DragEmbedding(nn.Module):
    """One map a level of the U-Net: embeddings of starts and of ends, each at its own place, blurred.

    The paper puts both at the start (its equation 3); the released network puts each at its own place.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.linears_drags = nn.ModuleList(
            nn.Sequential(nn.Linear(4 * BANDS, 128), nn.SiLU(), nn.Linear(128, 256), nn.SiLU(), nn.Linear(256, c // 2))
            for c in channels
        )

    def forward(self, starts: Tensor, ends: Tensor, level: int, side: int) -> Tensor:
        """Map (B, N, 2) starts and ends, pixels of the 512 frame, to (B, C, side, side) at a level."""
        mlp = self.linears_drags[level]
        halves = []
        for points in (starts, ends):
            points = points.float().clamp(0, FRAME - 1)
            halves.append(blur(splat(mlp(fourier(points)), points, side)))
        return torch.cat(halves, dim=1)


class CoarseDragEmbedding(nn.Module):
    """One map alone, for the bottom of the U-Net: PartRM's ablation without scales (`use_ms_drag_encoding=False`)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linears_drag = nn.Sequential(
            nn.Linear(4 * BANDS, 128), nn.SiLU(), nn.Linear(128, 256), nn.SiLU(), nn.Linear(256, channels // 2)
        )

    def forward(self, starts: Tensor, ends: Tensor, side: int) -> Tensor:
        """Map (B, N, 2) starts and ends, pixels of the 512 frame, to (B, C, side, side)."""
        halves = []
        for points in (starts, ends):
            points = points.float().clamp(0, FRAME - 1)
            halves.append(blur(splat(self.linears_drag(fourier(points)), points, side)))
        return torch.cat(halves, dim=1)


def splat(values: Tensor, points: Tensor, side: int) -> Tensor:
    """Add (B, N, C) values into (B, C, side, side) maps at (B, N, 2) pixels of the 512 frame.

    PartRM's maps are transposed: x chooses the row and y the column. Its weights were trained so, and expect it.
    """
    b, n, c = values.shape
    cells = points.long() // (FRAME // side)
    row, column = cells[..., 0], cells[..., 1]
    maps = values.new_zeros(b, side * side, c)
    maps.scatter_add_(1, (row * side + column)[..., None].expand(b, n, c), values)
    return maps.view(b, side, side, c).permute(0, 3, 1, 2)


def blur(maps: Tensor) -> Tensor:
    """Blur each channel of (B, C, H, W) with a 5 x 5 Gaussian, σ = 1 cell, mirrored at the border."""
    x = torch.arange(-2.0, 3.0, device=maps.device)
    line = torch.exp(-0.5 * x * x)
    line = (line / line.sum()).to(maps.dtype)
    c = maps.shape[1]
    padded = F.pad(maps, (2, 2, 2, 2), mode="reflect")
    return F.conv2d(padded, torch.outer(line, line).expand(c, 1, 5, 5), groups=c)
