"""The few layers that all embedded networks are built from."""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)
FEW = 256  # keys up to which attention is written out


def zeroed(layer: Layer) -> Layer:
    """Start a layer at zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Blend values (..., K, V) by how alike queries (..., Q, C) and keys (..., K, C) are; (..., Q, V) with V <= C.

    On a CPU plain products train up to seven times faster than tiled attention while the table fits the cache.
    """
    if key.shape[-2] > FEW:
        wide = F.pad(value, (0, query.shape[-1] - value.shape[-1]))  # tiles want values as long as keys
        return F.scaled_dot_product_attention(query, key, wide, attn_mask=bias)[..., : value.shape[-1]]
    alike = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    alike = alike if bias is None else alike + bias
    return alike.softmax(-1).to(value.dtype) @ value


def unit(x: Tensor, dim: int) -> Tensor:
    """Bring vectors along a dimension to length one; many times faster than F.normalize where that is not the last."""
    return x * torch.rsqrt(x.square().sum(dim, keepdim=True) + 1e-8)


class ChannelNorm(nn.Module):
    """Divide each pixel's channels by their root mean square; cheap where group normalisation is not."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> same
        scale = torch.rsqrt(x.float().square().mean(1, keepdim=True) + 1e-6).to(x.dtype)
        return x * scale * self.weight.to(x.dtype)[:, None, None]


class Residual(nn.Module):
    """Add two 3x3 convolutions to their input; the second starts at zero, so that depth costs nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = zeroed(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> same
        return x + self.conv2(F.silu(self.conv1(self.norm(x))))


class Attention(nn.Module):
    """Let every pixel look at every other one, of all views of the object together."""

    def __init__(self, channels: int, views: int, size: int, head: int = 32) -> None:
        super().__init__()
        self.views, self.head = views, head
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.place = nn.Parameter(0.02 * torch.randn(views * size * size, channels))
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.out = zeroed(nn.Linear(channels, channels))
        self.mlp1 = nn.Linear(channels, 2 * channels)
        self.mlp2 = zeroed(nn.Linear(2 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:  # (B * views, C, S, S) -> same
        n, c, h, w = x.shape
        t = x.reshape(n // self.views, self.views, c, h * w).transpose(2, 3).reshape(n // self.views, -1, c)
        q, k, v = self.qkv(self.norm1(t + self.place.to(t.dtype))).chunk(3, dim=-1)
        heads = [a.unflatten(-1, (-1, self.head)).transpose(1, 2) for a in (q, k, v)]
        a = attend(*heads).transpose(1, 2).flatten(2)
        t = t + self.out(a)
        t = t + self.mlp2(F.silu(self.mlp1(self.norm2(t))))
        return t.reshape(n // self.views, self.views, h * w, c).transpose(2, 3).reshape(n, c, h, w)


class UNet(nn.Module):
    """Encode and decode a picture over a ladder of resolutions, with attention at the lowest two.

    The lowest sees the object as a whole; on the one above it small parts, like drawers in a row, are still apart.
    """

    def __init__(
        self,
        inputs: int,
        channels: tuple[int, ...],
        depths: tuple[int, ...],
        size: int,
        views: int = 1,
        attentions: int = 2,
        wide: int = 2,
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(inputs, channels[0], 3, padding=1)
        self.down, self.encoders, self.up, self.decoders = (nn.ModuleList() for _ in range(4))
        for i, (c, depth) in enumerate(zip(channels, depths, strict=True)):
            if i:
                self.down.append(nn.Conv2d(channels[i - 1], c, 2, stride=2))
                self.up.append(nn.Conv2d(c, channels[i - 1], 1))
                self.decoders.append(nn.Sequential(*(Residual(channels[i - 1]) for _ in range(depths[i - 1]))))
            self.encoders.append(nn.Sequential(*(Residual(c) for _ in range(depth))))
        lowest = size // 2 ** (len(channels) - 1)
        self.attention = nn.Sequential(*(Attention(channels[-1], views, lowest) for _ in range(attentions)))
        self.wide = nn.Sequential(*(Attention(channels[-2], views, 2 * lowest) for _ in range(wide)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # (B, inputs, S, S) -> (B, C0, S, S), (B, Cn, s, s)
        x = self.encoders[0](self.enter(x))
        skips = [x]
        for down, encoder in zip(self.down, self.encoders[1:], strict=True):
            x = encoder(down(x))
            skips.append(x)
        x = bottom = self.attention(skips.pop())
        for up, decoder in zip(reversed(self.up), reversed(self.decoders), strict=True):
            x = skips.pop() + F.interpolate(up(x), scale_factor=2, mode="nearest")
            x = decoder(self.wide(x) if up is self.up[-1] else x)
        return x, bottom
