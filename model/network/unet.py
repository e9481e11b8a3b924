"""The U-Net of PartRM: LGM's asymmetric one, with drags merged in before every level on the way down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.network.attention import SKIP_SCALE, MultiViewAttention
from model.network.drag_embedding import CoarseDragEmbedding, DragEmbedding
from model.progress import Progress, silent

GROUPS = 32
DragMerge = Literal["replace", "alpha_residual", "zero_residual", "one_scale", "none"]


@dataclass(frozen=True)
class Shape:
    """How wide and deep a U-Net is; levels halve the picture's side, from the input's on."""

    down: tuple[int, ...]  # channels of each level
    down_attention: tuple[bool, ...]
    up: tuple[int, ...]  # channels of each level on the way up; fewer than down: the output is smaller
    up_attention: tuple[bool, ...]
    layers: int = 2  # residual blocks a level on the way down; one more on the way up
    heads: int = 16
    stride: int = 1  # of the first convolution: 2 begins at half the input's side, at a quarter of the work
    size: int = 256  # px, side of the views that it is trained with


class Residual(nn.Module):
    """Two normalised convolutions and a short cut."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, c_in, eps=1e-5)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.norm2 = nn.GroupNorm(GROUPS, c_out, eps=1e-5)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.shortcut = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return (h + self.shortcut(x)) * SKIP_SCALE


def _attentions(count: int, channels: int, wanted: bool, heads: int) -> nn.ModuleList:
    return nn.ModuleList(MultiViewAttention(channels, heads, GROUPS) for _ in range(count * wanted))


class Down(nn.Module):
    """One level on the way down; halves the side unless it is the last."""

    def __init__(self, c_in: int, c_out: int, layers: int, attention: bool, heads: int, last: bool) -> None:
        super().__init__()
        self.nets = nn.ModuleList(Residual(c_in if i == 0 else c_out, c_out) for i in range(layers))
        self.attns = _attentions(layers, c_out, attention, heads)
        self.downsample = None if last else nn.Conv2d(c_out, c_out, 3, stride=2, padding=1)

    def forward(self, x: Tensor, views: int) -> tuple[Tensor, list[Tensor]]:
        """Return the next level's input and what the way up will need."""
        skips = []
        for i, net in enumerate(self.nets):
            x = net(x)
            if self.attns:
                x = self.attns[i](x, views)
            skips.append(x)
        if self.downsample is not None:
            x = self.downsample(x)
            skips.append(x)
        return x, skips


class Mid(nn.Module):
    """The bottom: residual, attention, residual."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList(Residual(channels, channels) for _ in range(2))
        self.attns = _attentions(1, channels, True, heads)

    def forward(self, x: Tensor, views: int) -> Tensor:
        """Map (B·V, C, H, W) to the same shape."""
        return self.nets[1](self.attns[0](self.nets[0](x), views))


class Up(nn.Module):
    """One level on the way up; doubles the side unless it is the last."""

    def __init__(self, c_in: int, c_skips: Sequence[int], c_out: int, attention: bool, heads: int, last: bool) -> None:
        super().__init__()
        self.nets = nn.ModuleList(Residual((c_in if i == 0 else c_out) + skip, c_out) for i, skip in enumerate(c_skips))
        self.attns = _attentions(len(c_skips), c_out, attention, heads)
        self.upsample = None if last else nn.Conv2d(c_out, c_out, 3, padding=1)

    def forward(self, x: Tensor, skips: list[Tensor], views: int) -> Tensor:
        """Take the skips that it needs off the end of the list."""
        for i, net in enumerate(self.nets):
            x = net(torch.cat([x, skips.pop()], dim=1))
            if self.attns:
                x = self.attns[i](x, views)
        if self.upsample is not None:
            x = self.upsample(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return x


class DragUNet(nn.Module):
    """Nine channels of V views and some drags in, fourteen channels of the same views out.

    drag_merge tells what a level makes of its input x and the drag map m: "replace" conv([x, m]), as released;
    "alpha_residual" x + alpha · conv([x, m]), an earlier version; "zero_residual" the same with alpha 1 and conv
    starting at zero, as in the paper; "one_scale" is the ablation: conv([x, m]) once, at the bottom; "none" leaves x
    alone: LGM, from which PartRM was trained on, knows no drags.
    """

    def __init__(self, shape: Shape, drag_merge: DragMerge) -> None:
        super().__init__()
        self.drag_merge = drag_merge
        down, up = shape.down, shape.up
        self.conv_in = nn.Conv2d(9, down[0], 3, stride=shape.stride, padding=1)
        inputs = (down[0], *down[:-1])  # channels with which each level begins
        if drag_merge == "one_scale":
            self.drag_position_net: nn.Module = CoarseDragEmbedding(down[-1])
            self.conv_merge = nn.Conv2d(2 * down[-1], down[-1], 3, padding=1)
        elif drag_merge != "none":
            self.alpha = nn.Parameter(torch.tensor(float(drag_merge == "zero_residual")))  # unused by "replace"
            self.drag_position_net = DragEmbedding(inputs)
            self.conv_merges = nn.ModuleList(nn.Conv2d(2 * c, c, 3, padding=1) for c in inputs)
        if drag_merge == "zero_residual":
            for parameter in self.conv_merges.parameters():
                nn.init.zeros_(parameter)
        self.down_blocks = nn.ModuleList(
            Down(inputs[i], c, shape.layers, shape.down_attention[i], shape.heads, i == len(down) - 1)
            for i, c in enumerate(down)
        )
        self.mid_block = Mid(down[-1], shape.heads)
        skips = [down[0]]
        for i, c in enumerate(down):
            skips += [c] * (shape.layers + (i < len(down) - 1))
        ups, c_in = [], down[-1]
        for i, c in enumerate(up):
            own = [skips.pop() for _ in range(shape.layers + 1)]
            ups.append(Up(c_in, own, c, shape.up_attention[i], shape.heads, i == len(up) - 1))
            c_in = c
        self.up_blocks = nn.ModuleList(ups)
        self.skips_needed = len(up) * (shape.layers + 1)
        self.norm_out = nn.GroupNorm(GROUPS, up[-1], eps=1e-5)
        self.conv_out = nn.Conv2d(up[-1], 14, 3, padding=1)

    def forward(self, x: Tensor, starts: Tensor, ends: Tensor, views: int, progress: Progress = silent) -> Tensor:
        """Map (B·V, 9, H, W) and (B, N, 2) drags of the 512 frame to (B·V, 14, H', W')."""
        steps = len(self.down_blocks) + len(self.up_blocks) + 1
        needed = self.skips_needed  # the finest skips are made but not used
        x = self.conv_in(x.to(self.conv_in.weight.dtype))
        skips = [x]
        for i, block in enumerate(self.down_blocks):
            progress(i / steps, "Predicting")
            if self.drag_merge not in ("none", "one_scale"):
                x = self._merge(x, starts, ends, i, views)
            x, new = block(x, views)
            skips = (skips + new)[-needed:]
        progress(len(self.down_blocks) / steps, "Predicting")
        if self.drag_merge == "one_scale":
            drags = self.drag_position_net(starts, ends, x.shape[-1]).to(x.dtype)
            x = self.conv_merge(torch.cat([x, drags.repeat_interleave(views, dim=0)], dim=1))
        x = self.mid_block(x, views)
        for i, block in enumerate(self.up_blocks):
            progress((len(self.down_blocks) + 1 + i) / steps, "Predicting")
            x = block(x, skips, views)
        return self.conv_out(F.silu(self.norm_out(x.to(self.conv_out.weight.dtype))))

    def _merge(self, x: Tensor, starts: Tensor, ends: Tensor, level: int, views: int) -> Tensor:
        drags = self.drag_position_net(starts, ends, level, x.shape[-1])  # (B, C, S, S)
        conv, c = self.conv_merges[level], x.shape[1]
        assert isinstance(conv, nn.Conv2d)
        # conv([x, drags]), in two: all views get the input view's drags, whose half is worked out once for them
        told = F.conv2d(drags.to(x.dtype), conv.weight[:, c:], padding=1).repeat_interleave(views, dim=0)
        merged = F.conv2d(x, conv.weight[:, :c], conv.bias, padding=1) + told
        return merged if self.drag_merge == "replace" else x + self.alpha.to(x.dtype) * merged
