"""Attention across views: every pixel of every view sees every other."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

SKIP_SCALE = 0.5**0.5  # keeps the variance of a sum of two


class Attention(nn.Module):
    """Multi-head self-attention; queries, keys and values come from one matrix without bias."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, C) to (B, L, C)."""
        b, length, c = x.shape
        q, k, v = self.qkv(x).view(b, length, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(b, length, c))


class MultiViewAttention(nn.Module):
    """Normalise, attend over all pixels of an object's views together, add what came in (LGM, Tang et al. 2024)."""

    def __init__(self, channels: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-5)
        self.attn = Attention(channels, heads)

    def forward(self, x: Tensor, views: int) -> Tensor:
        """Map (B·V, C, H, W) to the same shape; V = views follow each other."""
        bv, c, h, w = x.shape
        tokens = self.norm(x).view(bv // views, views, c, h * w).transpose(2, 3).reshape(bv // views, views * h * w, c)
        out = self.attn(tokens).view(bv // views, views, h * w, c).transpose(2, 3).reshape(bv, c, h, w)
        return (out + x) * SKIP_SCALE
